// Light or dark: as the system is, unless this browser was told otherwise.
/** @typedef {"system" | "light" | "dark"} Theme */
const KEPT = "mecum.theme";
/** @type {Theme[]} */
export const THEMES = ["system", "light", "dark"];

/** @returns {Theme} */
export const theme = () => THEMES.find((name) => name === localStorage.getItem(KEPT)) ?? "system";

/** @param {Theme} name */
export function chooseTheme(name) {
  localStorage.setItem(KEPT, name);
  applyTheme();
}

export function applyTheme() {
  const name = theme();
  if (name === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
}
