import { one } from "../dom.js";

/**
 * Tells screen readers something, politely. The same text twice is read twice.
 * @param {string} text
 */
export function announce(text) {
  const region = one("#announcer");
  region.textContent = "";
  window.setTimeout(() => (region.textContent = text), 50);
}
