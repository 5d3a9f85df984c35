// One role to edit, or a new one. What the server refuses is said at its field; what was typed outlives a reload.
import { Failure } from "../api.js";
import { h, replace } from "../dom.js";
import { navigate } from "../router.js";
import { words } from "../sources/words.js";
import { number, t } from "../strings/index.js";
import { icon } from "../ui/icons.js";
import { button } from "../ui/button.js";
import { checkbox, choices, field, select, settle } from "./fields.js";
import { changeRole, collectionNames, createRole, getRole, modelNames } from "./store.js";

/** @typedef {import("./store.js").Role} Role */
/** @typedef {Omit<Role, "uuid">} Values */

const KEPT = "mecum.role";
const MOST = 32_768; // characters of a prompt
/** @type {Values} */
const FRESH = {
  name: "",
  description: "",
  system_prompt: "",
  icon: "",
  is_active: true,
  enable_l0_retrieval: true,
  collections: [],
  model: null,
  temperature: null,
};

/**
 * @param {HTMLElement} page
 * @param {import("../app.js").Context} context
 * @param {string} uuid "" for a new role
 */
export async function mountForm(page, { toast }, uuid) {
  const [role, models, collections] = await Promise.all([uuid ? getRole(uuid) : FRESH, modelNames(), collectionNames()]);
  const kept = draft(uuid);
  const start = { ...role, ...kept };
  const fields = makeFields(start, models, collections);
  const fault = h("p", { role: "alert", class: "fault" });
  const save = h("button", { class: "button primary" }, t(uuid ? "shell.save" : "roles.create"));
  const cancel = button(t("shell.cancel"), () => (forget(), navigate("#/roles")));
  const form = h(
    "form",
    { class: "role-form", novalidate: true, onsubmit: submit, oninput: () => keep(uuid, read(fields)) },
    ...Object.values(fields).map(({ element }) => element),
    fault,
    h("div", { class: "actions" }, cancel, save),
  );
  const back = h("a", { href: "#/roles", class: "back" }, icon("left"), t("view.roles"));
  const restored = kept ? h("p", { class: "notice", role: "status" }, t("roles.restored")) : null;
  replace(
    page,
    h("nav", { "aria-label": t("view.roles") }, back),
    h("h1", { dir: "auto" }, uuid ? role.name : t("roles.new")),
    restored,
    form,
  );

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    settle(fields);
    fault.textContent = "";
    const values = read(fields);
    if (Number.isNaN(values.temperature)) return fields.temperature.fault(t("roles.temperature.fault"));
    if (!values.name.trim()) return fields.name.fault(t("roles.name.fault"));
    save.disabled = true;
    try {
      const saved = uuid ? await changeRole(uuid, changed(role, values)) : await createRole(values);
      forget();
      toast(t("roles.saved", { name: saved.name }));
      navigate("#/roles");
    } catch (error) {
      refuse(error);
    }
    save.disabled = false;
  }

  /** @param {unknown} error */
  function refuse(error) {
    const name = error instanceof Failure ? (error.code === "name_taken" ? "name" : error.param.split(".")[0]) : "";
    const at = fields[/** @type {keyof typeof fields} */ (name)];
    if (at) at.fault(words(error));
    else fault.textContent = words(error);
  }
}

/** @param {Values} start @param {string[]} models @param {string[]} collections */
function makeFields(start, models, collections) {
  const [first = ""] = models;
  const missing =
    start.model && !models.includes(start.model) ? [{ value: start.model, label: t("roles.model.missing", { name: start.model }) }] : [];
  const count = (/** @type {string} */ text) => t("roles.prompt.count", { number: number([...text].length), most: number(MOST) });
  const prompt = field("system_prompt", t("roles.prompt"), { value: start.system_prompt, rows: 12, hint: t("roles.prompt.hint"), count });
  return {
    name: field("name", t("roles.name"), { value: start.name, maxlength: 100, required: true }),
    icon: field("icon", t("roles.icon"), { value: start.icon, hint: t("roles.icon.hint"), narrow: true }),
    description: field("description", t("roles.description"), { value: start.description, rows: 2, hint: t("roles.description.hint") }),
    system_prompt: prompt,
    model: select(
      "model",
      t("roles.model"),
      [
        { value: "", label: t("roles.model.default", { name: first }) },
        ...missing,
        ...models.map((name) => ({ value: name, label: name })),
      ],
      start.model ?? "",
      t("roles.model.hint"),
    ),
    temperature: field("temperature", t("roles.temperature"), {
      value: start.temperature === null ? "" : String(start.temperature),
      hint: t("roles.temperature.hint"),
      narrow: true,
      inputmode: "decimal",
    }),
    enable_l0_retrieval: checkbox("enable_l0_retrieval", t("roles.documents"), start.enable_l0_retrieval, t("roles.documents.hint")),
    collections: choices(
      "collections",
      t("roles.collections"),
      [...new Set([...collections, ...start.collections])],
      start.collections,
      t("roles.collections.hint"),
    ),
    is_active: checkbox("is_active", t("roles.active"), start.is_active, t("roles.active.hint")),
  };
}

/** @param {ReturnType<typeof makeFields>} fields @returns {Values} */
function read(fields) {
  const temperature = fields.temperature.value().trim().replace(",", ".");
  return {
    name: fields.name.value(),
    icon: fields.icon.value().trim(),
    description: fields.description.value(),
    system_prompt: fields.system_prompt.value(),
    model: fields.model.value() || null,
    temperature: temperature ? Number(temperature) : null,
    enable_l0_retrieval: fields.enable_l0_retrieval.value(),
    collections: fields.collections.value(),
    is_active: fields.is_active.value(),
  };
}

/**
 * Returns what differs: another page may have changed the rest meanwhile.
 * @param {Values} role
 * @param {Values} values
 * @returns {Partial<Values>}
 */
function changed(role, values) {
  const names = /** @type {(keyof Values)[]} */ (Object.keys(FRESH));
  return Object.fromEntries(
    names.filter((name) => JSON.stringify(role[name]) !== JSON.stringify(values[name])).map((name) => [name, values[name]]),
  );
}

/** @param {string} uuid @returns {Values | null} what was typed and not saved */
function draft(uuid) {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
    return kept?.uuid === uuid ? kept.values : null;
  } catch {
    return null;
  }
}

/** @param {string} uuid @param {Values} values */
const keep = (uuid, values) => sessionStorage.setItem(KEPT, JSON.stringify({ uuid, values }));
const forget = () => sessionStorage.removeItem(KEPT);
