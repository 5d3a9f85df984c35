import { h, one } from "../dom.js";
import { t } from "../strings/index.js";
import { iconButton } from "./button.js";

const STAY = 8000; // milliseconds; one with an action, or that is pointed at, stays longer

/**
 * Says something at the edge of the page, with a way to act on it; read by screen readers when they have time.
 * @param {string} text
 * @param {{label: string, run: () => void}} [action]
 * @returns {() => void} takes it away
 */
export function toast(text, action) {
  const element = h(
    "div",
    { class: "toast" },
    h("span", {}, text),
    action ? h("button", { type: "button", class: "button", onclick: () => (close(), action.run()) }, action.label) : null,
    iconButton("close", t("shell.dismiss"), () => close()),
  );
  let timer = 0;
  const wait = () => (timer = window.setTimeout(close, action ? 2 * STAY : STAY));
  const stay = () => window.clearTimeout(timer);
  const close = () => (stay(), element.remove());
  for (const name of ["mouseenter", "focusin"]) element.addEventListener(name, stay);
  for (const name of ["mouseleave", "focusout"]) element.addEventListener(name, wait);
  one("#toasts").append(element);
  wait();
  return close;
}
