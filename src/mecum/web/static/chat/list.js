/**
 * The conversations in the sidebar.
 * @param {HTMLElement} container
 * @param {import("../app.js").Context} context
 * @returns {() => void}
 */
export function conversationList(container, context) {
  return () => {};
}
