// The page: puts the shell around whichever view the address means. Views get a Context and know nothing of the shell.
import "./storage.js";
import * as api from "./api.js";
import { h, one } from "./dom.js";
import { isHelpKey } from "./help/shortcuts.js";
import { acceptAnywhere } from "./library/add.js";
import { follow, navigate, parse } from "./router.js";
import { closeDrawer, setUpDrawer, toggleDrawer } from "./shell/drawer.js";
import { closePanel, openPanel, panelIsOpen } from "./shell/panel.js";
import { markView, mountSidebar } from "./shell/sidebar.js";
import { load } from "./shell/views.js";
import { banner } from "./status/banner.js";
import { t, use, wanted } from "./strings/index.js";
import { commands } from "./shell/commands.js";
import { announce } from "./ui/announce.js";
import { button } from "./ui/button.js";
import { askForKey } from "./ui/key.js";
import { offer, openPalette } from "./ui/palette.js";
import { applyTheme } from "./ui/theme.js";
import { toast } from "./ui/toast.js";

/**
 * What a view gets. `announce` tells screen readers, `toast` everybody; `offer` adds commands to the palette; `newChat`
 * starts a conversation, with a text in its box or a role where they are given.
 * @typedef {object} Context
 * @property {typeof api} api
 * @property {typeof t} t
 * @property {import("./router.js").Route} route
 * @property {typeof navigate} navigate
 * @property {typeof announce} announce
 * @property {typeof toast} toast
 * @property {typeof openPanel} openPanel
 * @property {typeof closePanel} closePanel
 * @property {typeof offer} offer
 * @property {(start?: {text?: string, role?: string}) => void} newChat
 */

/** @type {Omit<Context, "route">} */
const shared = { api, t, navigate, announce, toast, openPanel, closePanel, offer, newChat };
/** @type {(() => void)[]} */
let clear = [];
/** @type {(() => void) | void} */
let unmount;
let shows = 0; // counts up: a view that took long to load is dropped when another was asked for

/** @param {{text?: string, role?: string}} [start] */
function newChat(start) {
  sessionStorage.setItem("mecum.start", JSON.stringify(start ?? {}));
  navigate("#/");
}

/** @param {import("./router.js").Route} route */
async function show(route) {
  const mine = ++shows;
  const view = await load(route.view).catch(() => missing);
  if (mine !== shows) return;
  unmount?.();
  unmount = undefined;
  closePanel();
  if (mine > 1) closeDrawer();
  const container = one("#view");
  container.replaceChildren();
  container.className = `view-${route.view}`;
  one("#main").dataset.view = route.view;
  document.title = route.view === "chat" ? "mecum" : `${t(`view.${route.view}`)} · mecum`;
  markView(route.view);
  const undo = await view.mount(container, { ...shared, route });
  if (mine !== shows) undo?.();
  else unmount = undo;
  if (route.view !== "chat") focusHeading(container);
}

/** Stands in for a view that could not be loaded. @type {import("./shell/views.js").View} */
const missing = {
  mount(container, { route }) {
    const again = button(t("shell.retry"), () => void show(route), { class: "button" });
    container.append(h("div", { class: "stack", role: "alert" }, h("p", {}, t("shell.unloaded")), again));
  },
};

/** @param {HTMLElement} container */
function focusHeading(container) {
  const heading = container.querySelector("h1");
  if (!heading || container.contains(document.activeElement)) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

/** Draws the shell anew, in the language that holds now. */
function draw() {
  for (const undo of clear) undo();
  const context = { ...shared, route: parse(window.location.hash) };
  for (const element of document.querySelectorAll("[data-text]"))
    element.textContent = t(/** @type {HTMLElement} */ (element).dataset.text ?? "");
  for (const element of document.querySelectorAll("[data-label]"))
    element.setAttribute("aria-label", t(/** @type {HTMLElement} */ (element).dataset.label ?? ""));
  clear = [offer(() => commands(context)), mountSidebar(context), banner(one("#banner"), context)];
  setUpDrawer();
}

/** @param {KeyboardEvent} event */
function keys(event) {
  if ((event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    openPalette();
  } else if (isHelpKey(event, navigate)) {
    event.preventDefault();
  } else if (event.key === "Escape" && !event.defaultPrevented && !document.querySelector("dialog[open], [popover]:popover-open")) {
    if (closeDrawer()) return;
    if (panelIsOpen()) closePanel();
    else document.dispatchEvent(new CustomEvent("mecum:escape"));
  }
}

applyTheme();
await use(wanted());
draw();
one("#menu").addEventListener("click", toggleDrawer);
one("#skip").addEventListener("click", (event) => {
  event.preventDefault(); // its fragment would be taken for a route
  one("#main").focus();
});
document.addEventListener("keydown", keys);
document.addEventListener("mecum:unkept", (event) => toast(t("chat.unkept", { reason: /** @type {CustomEvent} */ (event).detail })), {
  once: true,
});
document.addEventListener("mecum:language", () => (draw(), show(parse(window.location.hash))));
askForKey(() => (draw(), show(parse(window.location.hash))));
acceptAnywhere(() => navigate("#/library"));
follow(show);
