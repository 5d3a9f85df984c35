// The views by name. Each is a module that exports mount(container, context) and returns what unmounts it; all but the chat
// are loaded when they are first shown.

/** @typedef {import("../app.js").Context} Context */
/** @typedef {{mount: (container: HTMLElement, context: Context) => (() => void) | void | Promise<(() => void) | void>}} View */

/** @type {Record<import("../router.js").ViewName, () => Promise<View>>} */
export const VIEWS = {
  chat: () => import("../chat/view.js"),
  passage: () => import("../sources/view.js"),
  library: () => import("../library/view.js"),
  roles: () => import("../roles/view.js"),
  status: () => import("../status/view.js"),
  help: () => import("../help/view.js"),
};

/** The views that the sidebar lists, with their icons. */
export const LISTED = /** @type {const} */ (["library", "roles", "status", "help"]);
