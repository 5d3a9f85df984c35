// The roles as cards, and what can be done with each.
import { h, replace } from "../dom.js";
import { navigate } from "../router.js";
import { words } from "../sources/words.js";
import { number, t } from "../strings/index.js";
import { button, iconButton } from "../ui/button.js";
import { confirm } from "../ui/dialog.js";
import { openMenu } from "../ui/menu.js";
import { toast } from "../ui/toast.js";
import { roleIcon } from "./icon.js";
import { changeRole, createRole, listRoles, removeRole } from "./store.js";

/** @typedef {import("./store.js").Role} Role */
/** @typedef {import("../app.js").Context} Context */

/** @param {string} uuid */
export const editPath = (uuid) => `#/roles/edit/${encodeURIComponent(uuid)}`;

/** @param {HTMLElement} page @param {Context} context */
export async function mountList(page, context) {
  const list = h("ul", { class: "role-list" });
  const make = button(t("roles.new"), () => navigate("#/roles/new"), { icon: "plus", class: "button primary" });
  const compare = button(t("roles.compare"), () => navigate("#/roles/compare"), { icon: "branch" });
  replace(
    page,
    h("h1", {}, t("view.roles")),
    h("p", { class: "hint lead" }, t("roles.lead")),
    h("p", { class: "toolbar" }, make, compare),
    list,
  );
  await show();

  async function show() {
    const roles = await listRoles();
    replace(list, ...roles.map((role) => card(role, context, () => void show().catch((error) => toast(words(error))))));
    if (!roles.length) replace(list, h("li", { class: "hint" }, t("roles.none")));
  }
}

/** @param {Role} role @param {Context} context @param {() => void} changed */
function card(role, context, changed) {
  const more = iconButton("more", t("roles.more", { name: role.name }), () => openMenu(more, actions(role, changed), t("roles.actions")), {
    "aria-haspopup": "menu",
    "aria-expanded": "false",
  });
  const chat = button(t("roles.chat"), () => context.newChat({ role: role.uuid }), {
    icon: "chat",
    class: "button",
    disabled: !role.is_active,
    "aria-label": t("roles.chat.with", { name: role.name }),
  });
  const edit = h(
    "a",
    { class: "button", href: editPath(role.uuid), "aria-label": t("roles.edit.named", { name: role.name }) },
    t("roles.edit"),
  );
  return h(
    "li",
    { class: role.is_active ? "role" : "role inactive" },
    roleIcon(role),
    h(
      "div",
      { class: "role-text" },
      h("h2", { dir: "auto" }, role.name),
      h("p", { dir: "auto" }, role.description || firstLine(role.system_prompt)),
      h("p", { class: "badges" }, ...badges(role)),
    ),
    h("div", { class: "role-tools" }, chat, edit, more),
  );
}

/** @param {Role} role */
function badges(role) {
  const documents = role.collections.length
    ? t("roles.badge.collections", { names: role.collections.join(", ") })
    : t("roles.badge.documents");
  return [
    !role.is_active && h("span", { class: "badge warn" }, t("roles.badge.inactive")),
    role.enable_l0_retrieval
      ? h("span", { class: "badge good", dir: "auto" }, documents)
      : h("span", { class: "badge" }, t("roles.badge.alone")),
    role.model && h("span", { class: "badge", dir: "auto" }, role.model),
    role.temperature !== null && h("span", { class: "badge" }, t("roles.badge.temperature", { value: number(role.temperature) })),
  ];
}

/** @param {string} text */
const firstLine = (text) => text.split("\n").find((line) => line.trim()) ?? "";

/** @param {Role} role @param {() => void} changed @returns {import("../ui/menu.js").MenuItem[]} */
function actions(role, changed) {
  return [
    {
      label: t(role.is_active ? "roles.deactivate" : "roles.activate"),
      icon: role.is_active ? "stop" : "check",
      run: () => void attempt(() => changeRole(role.uuid, { is_active: !role.is_active })),
    },
    { label: t("roles.duplicate"), icon: "copy", run: () => void attempt(() => duplicate(role)) },
    "line",
    { label: t("shell.delete"), icon: "trash", danger: true, run: () => void remove() },
  ];

  /** @param {() => Promise<unknown>} work */
  async function attempt(work) {
    await work().catch((error) => toast(words(error)));
    changed();
  }

  async function remove() {
    if (!(await confirm({ title: t("roles.remove"), text: t("roles.remove.text", { name: role.name }), action: t("shell.delete") })))
      return;
    await attempt(() => removeRole(role.uuid));
    const again = () => void attempt(() => createRole(role)); // with its id: callers keep working
    toast(t("roles.removed", { name: role.name }), { label: t("shell.undo"), run: again });
  }
}

/** A name is its role's own, so a copy has a number behind it. @param {Role} role */
async function duplicate({ uuid, ...role }) {
  const names = new Set((await listRoles()).map(({ name }) => name));
  let copy = t("roles.copy", { name: role.name }).slice(0, 100);
  for (let count = 2; names.has(copy); count++) copy = `${t("roles.copy", { name: role.name }).slice(0, 96)} ${count}`;
  return createRole({ ...role, name: copy });
}
