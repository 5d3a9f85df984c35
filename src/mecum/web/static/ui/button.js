import { h } from "../dom.js";
import { icon } from "./icons.js";

/**
 * A button that is an icon. Its name is read to those who do not see it, and shown on hover and focus.
 * @param {string} image
 * @param {string} name
 * @param {(event: MouseEvent) => void} press
 * @param {import("../dom.js").Properties} [properties]
 */
export function iconButton(image, name, press, properties) {
  return h("button", { type: "button", class: "icon-button", "aria-label": name, title: name, onclick: press, ...properties }, icon(image));
}

/**
 * A button with words.
 * @param {string} name
 * @param {(event: MouseEvent) => void} press
 * @param {import("../dom.js").Properties & {icon?: string}} [properties]
 */
export function button(name, press, { icon: image, ...properties } = {}) {
  return h("button", { type: "button", class: "button", onclick: press, ...properties }, image ? icon(image) : null, name);
}
