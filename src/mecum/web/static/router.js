// Which view an address means. The part behind # stays in the browser: the server sees no id of a conversation.

/** @typedef {"chat" | "passage" | "library" | "roles" | "status" | "help"} ViewName */
/** @typedef {{view: ViewName, conversation?: string, document?: string, passage?: string}} Route */

const PLAIN = /** @type {ViewName[]} */ (["library", "roles", "status", "help"]);

/**
 * Returns the route of a fragment; whatever nobody knows is the chat.
 * @param {string} fragment
 * @returns {Route}
 */
export function parse(fragment) {
  const [first = "", second = "", third = "", ...more] = parts(fragment);
  const plain = PLAIN.find((name) => name === first);
  if (plain) return { view: plain };
  if (first === "c" && second && !third) return { view: "chat", conversation: second };
  if (first === "d" && second && !more.length) return { view: "passage", document: second, passage: third };
  return { view: "chat" };
}

/** @param {string} id */
export const conversationPath = (id) => `#/c/${encodeURIComponent(id)}`;

/** @param {string} documentId @param {string} [passageId] */
export const passagePath = (documentId, passageId) =>
  `#/d/${encodeURIComponent(documentId)}${passageId ? `/${encodeURIComponent(passageId)}` : ""}`;

/** @param {string} hash */
export function navigate(hash) {
  if (window.location.hash === hash) window.dispatchEvent(new HashChangeEvent("hashchange"));
  else window.location.hash = hash;
}

/**
 * Calls back for the route that holds now, and for each that follows.
 * @param {(route: Route) => void} show
 */
export function follow(show) {
  window.addEventListener("hashchange", () => show(parse(window.location.hash)));
  show(parse(window.location.hash));
}

/** @param {string} fragment */
function parts(fragment) {
  try {
    return fragment.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  } catch {
    return []; // not percent-encoding
  }
}
