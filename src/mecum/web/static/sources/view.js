// The page behind a source's link, #/d/{document}/{passage}: the passage in its document.
import { get } from "../api.js";
import { h, replace } from "../dom.js";
import { passagePath } from "../router.js";
import { icon } from "../ui/icons.js";
import { about, documentPath, downloadButton } from "./about.js";
import { Passages } from "./passages.js";
import { words } from "./words.js";

/** @typedef {import("./about.js").LibraryDocument} LibraryDocument */

const PARTS = 200; // of a container, listed at most

/**
 * @param {HTMLElement} container
 * @param {import("../app.js").Context} context
 */
export async function mount(container, { route, t }) {
  const back = h("a", { href: "#/library", class: "back" }, icon("left"), t("view.library"));
  const view = h("article", { id: "document" }, h("p", { role: "status" }, t("sources.looking")));
  replace(container, h("div", { class: "page reading" }, h("nav", { "aria-label": t("view.passage") }, back), view));
  const path = documentPath(route.document ?? "");
  try {
    const found = /** @type {LibraryDocument} */ (await get(path));
    const passages = new Passages(found, route.passage ?? "");
    const there = await passages.open();
    const gone = there ? [] : [h("p", { role: "alert", class: "notice" }, t("sources.passage.gone"))];
    const parts = found.container ? await contained(found, t) : [];
    replace(view, heading(found.title || found.path), ...about(found), tools(found, t), ...gone, ...parts, passages.element);
    passages.mark?.scrollIntoView({ block: "center" });
  } catch (error) {
    replace(view, heading(t("view.passage")), h("p", { role: "alert" }, words(error)));
  }
}

/** @param {string} text */
const heading = (text) => h("h1", { dir: "auto" }, text);

/** @param {LibraryDocument} found @param {import("../app.js").Context["t"]} t */
function tools(found, t) {
  const whole = found.container_id ? h("a", { class: "button", href: passagePath(found.container_id) }, t("sources.container")) : null;
  return h("p", { class: "toolbar" }, downloadButton(found), whole);
}

/**
 * Links to what a mailbox, or another file of several documents, holds.
 * @param {LibraryDocument} found
 * @param {import("../app.js").Context["t"]} t
 */
async function contained(found, t) {
  const query = new URLSearchParams({ limit: String(PARTS), collection: found.collection, path_prefix: `${found.path}#` });
  const { items, total } = /** @type {{items: LibraryDocument[], total: number}} */ (await get(`/api/documents?${query}`));
  const links = items.map((item) => h("li", {}, h("a", { href: passagePath(item.id), dir: "auto" }, item.title || item.path)));
  const more = total > items.length ? h("p", { class: "hint" }, t("sources.parts.more", { number: total - items.length })) : null;
  return [h("h2", {}, t("sources.parts", { number: total })), h("ul", { class: "parts" }, ...links), more].filter((each) => each !== null);
}
