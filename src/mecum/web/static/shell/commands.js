// What the palette offers everywhere: a new chat, the views, theme and language.
import { LANGUAGES, t } from "../strings/index.js";
import { THEMES, chooseTheme } from "../ui/theme.js";
import { chooseLanguage } from "./sidebar.js";
import { LISTED } from "./views.js";

/**
 * @param {import("../app.js").Context} context
 * @returns {import("../ui/palette.js").Command[]}
 */
export function commands({ navigate, newChat }) {
  const languages = /** @type {import("../strings/index.js").Language[]} */ (Object.keys(LANGUAGES));
  return [
    { label: t("chat.new"), icon: "plus", run: () => newChat() },
    ...LISTED.map((view) => ({ label: t(`view.${view}`), icon: view, group: t("shell.views"), run: () => navigate(`#/${view}`) })),
    { label: t("roles.new"), icon: "plus", group: t("view.roles"), run: () => navigate("#/roles/new") },
    { label: t("roles.compare"), icon: "branch", group: t("view.roles"), run: () => navigate("#/roles/compare") },
    ...THEMES.map((name) => ({ label: t(`theme.${name}`), icon: "moon", group: t("theme.label"), run: () => chooseTheme(name) })),
    ...languages.map((name) => ({ label: LANGUAGES[name], words: name, group: t("language.label"), run: () => void chooseLanguage(name) })),
  ];
}
