// The sidebar: a new chat, the conversations, the other views, theme and language.
import { h, one, replace } from "../dom.js";
import { conversationList } from "../chat/list.js";
import { LANGUAGES, choose, language, t } from "../strings/index.js";
import { button, iconButton } from "../ui/button.js";
import { icon } from "../ui/icons.js";
import { openMenu } from "../ui/menu.js";
import { openPalette } from "../ui/palette.js";
import { THEMES, chooseTheme, theme } from "../ui/theme.js";
import { LISTED } from "./views.js";

/** @typedef {import("../app.js").Context} Context */

/**
 * @param {Context} context
 * @returns {() => void}
 */
export function mountSidebar(context) {
  const list = h("div", { class: "conversations" });
  const fresh = button(t("chat.new"), () => context.newChat(), { icon: "plus", class: "button new-chat" });
  const commands = iconButton("command", `${t("palette.open")} (${COMMAND_KEY})`, () => openPalette());
  replace(
    one("#sidebar"),
    h("div", { class: "sidebar-head" }, fresh, commands),
    list,
    h("nav", { class: "views", "aria-label": t("shell.views") }, h("ul", {}, ...LISTED.map(link)), appearance()),
  );
  one("#sidebar").setAttribute("aria-label", t("shell.navigation"));
  return conversationList(list, context);
}

/** How the palette is opened on this machine. */
export const COMMAND_KEY = /Mac|iP(hone|ad)/.test(navigator.platform) ? "⌘K" : "Ctrl+K";

/** Marks the view that is shown. @param {string} view */
export function markView(view) {
  for (const each of one("#sidebar").querySelectorAll(".views a")) {
    if (each.getAttribute("href") === `#/${view}`) each.setAttribute("aria-current", "page");
    else each.removeAttribute("aria-current");
  }
}

/** @param {string} view */
function link(view) {
  return h("li", {}, h("a", { href: `#/${view}` }, icon(view), t(`view.${view}`)));
}

function appearance() {
  const opener = iconButton("moon", t("settings.appearance"), () => openMenu(opener, choices(), t("settings.appearance")), {
    "aria-haspopup": "menu",
  });
  return opener;
}

/** @returns {import("../ui/menu.js").MenuItem[]} */
function choices() {
  const themes = THEMES.map((name) => ({ label: t(`theme.${name}`), checked: theme() === name, run: () => chooseTheme(name) }));
  const languages = /** @type {import("../strings/index.js").Language[]} */ (Object.keys(LANGUAGES)).map((name) => ({
    label: LANGUAGES[name],
    checked: language() === name,
    run: () => chooseLanguage(name),
  }));
  return [...themes, "line", ...languages];
}

/** @param {import("../strings/index.js").Language} name */
export async function chooseLanguage(name) {
  await choose(name);
  document.dispatchEvent(new CustomEvent("mecum:language"));
}
