// The sidebar: beside the main view where there is room, which can be folded away; a drawer over it on a phone.
import { listen, one } from "../dom.js";
import { t } from "../strings/index.js";

const NARROW = window.matchMedia("(width < 56rem)");
const KEPT = "mecum.sidebar";

export function setUpDrawer() {
  listen(NARROW, "change", settle);
  one("#backdrop").addEventListener("click", () => closeDrawer());
  settle();
}

/** Opens what is closed and closes what is open. */
export function toggleDrawer() {
  const open = !document.body.classList.contains("with-sidebar");
  if (!NARROW.matches) localStorage.setItem(KEPT, open ? "open" : "closed");
  show(open);
  if (open && NARROW.matches) /** @type {HTMLElement | null} */ (one("#sidebar").querySelector("button, a"))?.focus();
}

/** Closes the drawer of a phone; beside the main view the sidebar stays. @returns {boolean} whether it was open */
export function closeDrawer() {
  if (!NARROW.matches || !document.body.classList.contains("with-sidebar")) return false;
  show(false);
  one("#menu").focus();
  return true;
}

function settle() {
  show(!NARROW.matches && localStorage.getItem(KEPT) !== "closed");
}

/** @param {boolean} open */
function show(open) {
  document.body.classList.toggle("with-sidebar", open);
  one("#sidebar").inert = !open;
  const covered = open && NARROW.matches;
  one("#main").inert = covered;
  one("#panel").inert = covered;
  const menu = one("#menu");
  menu.setAttribute("aria-expanded", String(open));
  menu.setAttribute("aria-label", open ? t("shell.menu.hide") : t("shell.menu"));
}
