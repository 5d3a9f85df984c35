import { h, listen } from "../dom.js";
import { icon } from "./icons.js";

/** @typedef {{label: string, icon?: string, run: () => void, danger?: boolean, checked?: boolean} | "line"} MenuItem */

/**
 * Opens a menu at a button: arrows, Home, End and letters move in it, Esc and a press beside it close it.
 * @param {HTMLElement} opener
 * @param {MenuItem[]} items
 * @param {string} label
 */
export function openMenu(opener, items, label) {
  const element = h("div", { class: "menu", role: "menu", "aria-label": label, popover: "auto" }, ...items.map((item) => row(item, close)));
  const rows = /** @type {HTMLElement[]} */ ([...element.querySelectorAll("button")]);
  function close() {
    element.hidePopover();
  }
  element.addEventListener("keydown", (event) => move(event, rows, close));
  element.addEventListener("toggle", (event) => {
    if (/** @type {ToggleEvent} */ (event).newState !== "closed") return;
    opener.setAttribute("aria-expanded", "false");
    if (element.contains(document.activeElement) || document.activeElement === document.body) opener.focus();
    element.remove();
  });
  around(opener).append(element);
  opener.setAttribute("aria-expanded", "true");
  element.showPopover();
  place(element, opener);
  rows.find((each) => each.getAttribute("aria-checked") === "true")?.focus();
  if (!element.contains(document.activeElement)) rows[0]?.focus();
}

/**
 * Puts a popover under or over what opened it, within the window. A style that a script sets is no inline style.
 * @param {HTMLElement} element
 * @param {HTMLElement} opener
 */
export function place(element, opener) {
  const at = opener.getBoundingClientRect();
  const { width, height } = element.getBoundingClientRect();
  const below = at.bottom + 4 + height <= window.innerHeight || at.top < height + 8;
  const left = Math.max(8, Math.min(at.left, window.innerWidth - width - 8));
  element.style.left = `${left}px`;
  element.style.top = `${Math.max(8, below ? at.bottom + 4 : at.top - height - 4)}px`;
}

/**
 * Opens content at a button as a small window that Esc or a press beside it closes.
 * @param {HTMLElement} opener
 * @param {string} label
 * @param {...import("../dom.js").Child} content
 * @returns {() => void}
 */
export function openPopover(opener, label, ...content) {
  const element = h("div", { class: "popover", role: "dialog", "aria-label": label, popover: "auto" }, ...content);
  const moved = listen(window, "resize", () => place(element, opener));
  element.addEventListener("toggle", (event) => {
    if (/** @type {ToggleEvent} */ (event).newState !== "closed") return;
    opener.setAttribute("aria-expanded", "false");
    if (element.contains(document.activeElement) || document.activeElement === document.body) opener.focus();
    moved();
    element.remove();
  });
  around(opener).append(element);
  opener.setAttribute("aria-expanded", "true");
  element.showPopover();
  place(element, opener);
  /** @type {HTMLElement | null} */ (element.querySelector("input, select, button, textarea"))?.focus();
  return () => element.hidePopover();
}

/** Where a popover belongs: in the landmark of what opened it, or in its dialog, beside which nothing can be pressed. @param {Element} opener */
const around = (opener) => opener.closest("dialog, aside, main, header") ?? document.body;

/** @param {MenuItem} item @param {() => void} close */
function row(item, close) {
  if (item === "line") return h("hr", { role: "separator" });
  const choice = item.checked !== undefined;
  return h(
    "button",
    {
      type: "button",
      role: choice ? "menuitemradio" : "menuitem",
      "aria-checked": choice ? String(item.checked) : null,
      class: item.danger ? "danger" : null,
      tabindex: -1,
      onclick: () => (close(), item.run()),
    },
    item.icon || choice ? icon(item.icon ?? (item.checked ? "check" : "")) : null,
    h("span", { dir: "auto" }, item.label),
  );
}

/** @param {KeyboardEvent} event @param {HTMLElement[]} rows @param {() => void} close */
function move(event, rows, close) {
  const now = rows.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  /** @type {Record<string, number>} */
  const steps = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: -1 };
  if (event.key in steps) rows.at((steps[event.key] ?? 0) % rows.length)?.focus();
  else if (event.key === "Tab") return close();
  else if (/^\S$/.test(event.key)) letter(event.key, rows, now);
  else return;
  event.preventDefault();
}

/** @param {string} key @param {HTMLElement[]} rows @param {number} now */
function letter(key, rows, now) {
  const after = [...rows.slice(now + 1), ...rows.slice(0, now + 1)];
  after.find((each) => each.textContent?.trim().toLowerCase().startsWith(key.toLowerCase()))?.focus();
}
