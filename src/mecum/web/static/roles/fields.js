// Fields of a form, each with its label, a hint, and a place for what is wrong with it.
import { h } from "../dom.js";

/**
 * `fault` says what is wrong, and moves the focus there; "" takes it back.
 * @template Value
 * @typedef {{element: HTMLElement, value: () => Value, fault: (text: string) => void}} Field
 */

/**
 * A line of text, or several where `rows` are given. `count` says how long the text is.
 * @param {string} id
 * @param {string} label
 * @param {import("../dom.js").Properties & {value: string, rows?: number, hint?: string, narrow?: boolean,
 *   count?: (text: string) => string}} options
 * @returns {Field<string>}
 */
export function field(id, label, { value, rows, hint, narrow, count, ...properties }) {
  const input = rows
    ? h("textarea", { id, rows, value, dir: "auto", ...properties })
    : h("input", { id, value, dir: "auto", autocomplete: "off", ...properties });
  const length = count ? h("span", { class: "hint count" }, count(value)) : null;
  if (length && count) input.addEventListener("input", () => (length.textContent = count(input.value)));
  return put(input, label, { hint, look: narrow ? "field narrow" : "field", after: length, value: () => input.value });
}

/**
 * @param {string} id
 * @param {string} label
 * @param {{value: string, label: string}[]} options
 * @param {string} value
 * @param {string} [hint]
 * @returns {Field<string>}
 */
export function select(id, label, options, value, hint) {
  const input = h("select", { id }, ...options.map((option) => h("option", { value: option.value }, option.label)));
  input.value = value;
  return put(input, label, { hint, look: "field", value: () => input.value });
}

/** @param {string} id @param {string} label @param {boolean} checked @param {string} [hint] @returns {Field<boolean>} */
export function checkbox(id, label, checked, hint) {
  const input = h("input", { id, type: "checkbox", checked });
  return put(input, label, { hint, look: "field check", value: () => input.checked });
}

/**
 * Several of a few names, and others that are typed.
 * @param {string} id
 * @param {string} label
 * @param {string[]} names
 * @param {string[]} chosen
 * @param {string} hint
 * @returns {Field<string[]>}
 */
export function choices(id, label, names, chosen, hint) {
  const boxes = names.map((name, index) =>
    h("input", { type: "checkbox", id: `${id}-${index}`, value: name, checked: chosen.includes(name) }),
  );
  const rows = boxes.map((box) => h("label", { class: "tick", for: box.id }, box, h("span", { dir: "auto" }, box.value)));
  const said = h("p", { class: "fault", id: `${id}-fault`, role: "alert" });
  const element = h(
    "fieldset",
    { class: "field", id, tabindex: -1, "aria-describedby": `${id}-hint ${id}-fault`, hidden: !names.length },
    h("legend", {}, label),
    h("p", { class: "hint", id: `${id}-hint` }, hint),
    h("div", { class: "ticks" }, ...rows),
    said,
  );
  const fault = (/** @type {string} */ text) => ((said.textContent = text), text && element.focus());
  return { element, value: () => boxes.filter((box) => box.checked).map((box) => box.value), fault };
}

/** Takes all faults back. @param {Record<string, Field<any>>} fields */
export function settle(fields) {
  for (const { fault } of Object.values(fields)) fault("");
}

/**
 * @template Value
 * @param {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} input
 * @param {string} label
 * @param {{hint?: string, look: string, after?: HTMLElement | null, value: () => Value}} options
 * @returns {Field<Value>}
 */
function put(input, label, { hint, look, after = null, value }) {
  const said = h("p", { class: "fault", id: `${input.id}-fault`, role: "alert" });
  input.setAttribute("aria-describedby", `${input.id}-hint ${input.id}-fault`);
  const element = h(
    "div",
    { class: look },
    h("label", { for: input.id }, label),
    input,
    after,
    h("p", { class: "hint", id: `${input.id}-hint` }, hint ?? ""),
    said,
  );
  function fault(/** @type {string} */ text) {
    said.textContent = text;
    if (!text) return input.removeAttribute("aria-invalid");
    input.setAttribute("aria-invalid", "true");
    input.focus();
  }
  return { element, value, fault };
}
