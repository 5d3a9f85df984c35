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

/** Notes in the tab's history, which needs no storage, that the page was loaded anew for a view. @param {boolean} reloaded */
const mark = (reloaded) => history.replaceState({ ...history.state, reloaded }, "");

/**
 * Loads a view. A server that was upgraded under an open page has other files: the page is then loaded anew, once.
 * Rejects when the server does not answer, or loading anew did not help.
 * @param {import("../router.js").ViewName} name
 * @returns {Promise<View>}
 */
export async function load(name) {
  try {
    const view = await VIEWS[name]();
    if (history.state?.reloaded) mark(false);
    return view;
  } catch (error) {
    const answers = await fetch("/livez").then((response) => response.ok, () => false);
    if (!answers || history.state?.reloaded) throw error;
    mark(true);
    window.location.reload();
    return new Promise(() => {}); // the page is going
  }
}
