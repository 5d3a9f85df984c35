// The keys that do something.
import { h } from "../dom.js";
import { COMMAND_KEY } from "../shell/sidebar.js";
import { t } from "../strings/index.js";

/** @returns {HTMLElement} */
export function shortcuts() {
  /** @type {[string[], string][]} */
  const rows = [
    [["Enter"], t("help.keys.send")],
    [["Shift", "Enter"], t("help.keys.line")],
    [["Esc"], t("help.keys.stop")],
    [COMMAND_KEY.startsWith("⌘") ? [COMMAND_KEY] : COMMAND_KEY.split("+"), t("help.keys.palette")],
    [["?"], t("help.keys.help")],
  ];
  const each = rows.flatMap(([keys, text]) => [
    h("dt", {}, ...keys.flatMap((key, index) => [index ? " + " : "", h("kbd", {}, key)])),
    h("dd", {}, text),
  ]);
  return h("dl", { class: "facts-list keys" }, ...each);
}

/**
 * Opens the help with "?", but for where one writes.
 * @param {KeyboardEvent} event
 * @param {(hash: string) => void} navigate
 * @returns {boolean} whether it was that
 */
export function isHelpKey(event, navigate) {
  const writes = event.target instanceof HTMLElement && (event.target.isContentEditable || event.target.matches("input, textarea, select"));
  if (event.key !== "?" || event.ctrlKey || event.metaKey || event.altKey || writes || document.querySelector("dialog[open]")) return false;
  navigate("#/help");
  return true;
}
