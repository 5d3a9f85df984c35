import { h } from "../dom.js";
import { t } from "../strings/index.js";
import { announce } from "../ui/announce.js";
import { iconButton } from "../ui/button.js";
import { icon } from "../ui/icons.js";

/**
 * A button that copies a text, and says that it did.
 * @param {string} name
 * @param {() => string} text
 */
export function copyButton(name, text) {
  const button = iconButton("copy", name, async () => {
    const done = await copy(text());
    button.replaceChildren(icon(done ? "check" : "warn"));
    announce(t(done ? "chat.copied" : "chat.copy.failed"));
    setTimeout(() => button.replaceChildren(icon("copy")), 1500);
  }, { class: "icon-button small" }); // prettier-ignore
  return button;
}

/** Without HTTPS, beyond this machine, browsers have only the old way. @param {string} text @returns {Promise<boolean>} */
export async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text).then(() => true, () => false); // prettier-ignore
  const area = h("textarea", { class: "unseen", value: text });
  const focused = document.activeElement;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return done;
}
