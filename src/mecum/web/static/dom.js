// Elements without markup: texts become text nodes, whatever they hold, and no property can smuggle in code.

/** @typedef {Node | string | number | null | undefined | false} Child */
/** @typedef {Record<string, unknown>} Properties  attributes by name; `class`; `on…` with functions; null and false are left out */

const NEVER = /^(style|src.+|.*action)$/; // attributes that are code, or send something
const OURS = /^(#|\/(?!\/)|blob:|data:image\/)/; // what our own code may link to

/**
 * Makes an element.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Properties | null} [properties]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) set(element, name, value);
  append(element, ...children);
  return element;
}

/**
 * Appends children, leaving out what is not there.
 * @param {Element | DocumentFragment} parent
 * @param {...(Child | Child[])} children
 */
export function append(parent, ...children) {
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false) parent.append(child instanceof Node ? child : String(child));
  }
}

/**
 * Puts new children into an element in place of those it has.
 * @param {Element} parent
 * @param {...(Child | Child[])} children
 */
export function replace(parent, ...children) {
  parent.replaceChildren();
  append(parent, ...children);
}

/**
 * Returns the one element of a kind that is there for certain.
 * @param {string} selector
 * @param {ParentNode} [root]
 * @returns {HTMLElement}
 */
export function one(selector, root = document) {
  const found = root.querySelector(selector);
  if (!(found instanceof HTMLElement)) throw new Error(`There is no ${selector}.`);
  return found;
}

/**
 * Listens until the returned function is called.
 * @param {EventTarget} target
 * @param {string} type
 * @param {(event: any) => void} listener
 * @param {AddEventListenerOptions} [options]
 * @returns {() => void}
 */
export function listen(target, type, listener, options) {
  target.addEventListener(type, listener, options);
  return () => target.removeEventListener(type, listener, options);
}

/** @param {HTMLElement} element @param {string} name @param {unknown} value */
function set(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) {
    if (typeof value !== "function") throw new Error(`${name} takes a function.`);
    element.addEventListener(name.slice(2).toLowerCase(), /** @type {EventListener} */ (value));
  } else if (["value", "checked", "selected", "indeterminate"].includes(name)) {
    Object.assign(element, { [name]: value });
  } else if (NEVER.test(name)) {
    throw new Error(`${name} has no place here.`);
  } else if (["href", "src"].includes(name) && !OURS.test(String(value))) {
    throw new Error(`${name} leads away from this server: ${value}`);
  } else {
    element.setAttribute(name, value === true ? "" : String(value));
  }
}
