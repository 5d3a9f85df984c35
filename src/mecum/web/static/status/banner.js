/**
 * Shows a banner while the server cannot answer.
 * @param {HTMLElement} element
 * @param {import("../app.js").Context} context
 * @returns {() => void}
 */
export function banner(element, context) {
  return () => {};
}
