// The panel at the side: what belongs to something in the main view, a cited passage above all.
import { h, one, replace } from "../dom.js";
import { t } from "../strings/index.js";
import { iconButton } from "../ui/button.js";

/**
 * What a panel shows. `mount` fills it and returns what clears up; `key` makes a second press on the same button close it.
 * @typedef {{title: string, key?: string, mount: (container: HTMLElement) => (() => void) | void}} Panel
 */

/** @type {{key?: string, clear: (() => void) | void, opener: Element | null} | null} */
let shown = null;

/** @param {Panel} panel @returns {() => void} closes it */
export function openPanel(panel) {
  const again = panel.key && shown?.key === panel.key;
  const opener = document.activeElement;
  closePanel();
  if (again) return closePanel;
  const element = one("#panel");
  const title = h("h2", { tabindex: -1 }, panel.title);
  const body = h("div", { class: "panel-body" });
  replace(element, h("header", {}, title, iconButton("close", t("shell.close"), closePanel)), body);
  element.hidden = false;
  document.body.classList.add("with-panel");
  shown = { key: panel.key, opener, clear: panel.mount(body) };
  title.focus();
  return closePanel;
}

export function closePanel() {
  if (!shown) return;
  const { clear, opener } = shown;
  shown = null;
  const element = one("#panel");
  const had = element.contains(document.activeElement);
  clear?.();
  element.hidden = true;
  element.replaceChildren();
  document.body.classList.remove("with-panel");
  if (had && opener instanceof HTMLElement && opener.isConnected) opener.focus();
}

export const panelIsOpen = () => Boolean(shown);
