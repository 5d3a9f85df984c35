// The page behind a source's link, #/d/{document}/{passage}: the passage in its document. All text is text nodes.
import { Failure, download, get } from "../api.js";
import { h as make } from "../dom.js";

const AROUND = 7; // passages at first, the cited one in the middle
const MORE = 10;
let opened = 0; // counts up: an answer for an earlier link is dropped

/** @param {HTMLElement} container @param {import("../app.js").Context} context */
export function mount(container, { route, t }) {
  const view = make("article", { id: "document" });
  container.replaceChildren(make("div", { class: "page" }, make("h1", {}, t("view.passage")), view));
  open(view, route.document ?? "", route.passage ?? "");
}

async function open(view, documentId, passageId) {
  const mine = ++opened;
  view.replaceChildren(make("p", {}, "Looking …"));
  const path = `/api/documents/${encodeURIComponent(documentId)}`;
  try {
    const found = await get(path);
    const { items, note } = await passages(path, passageId);
    if (mine !== opened) return;
    const text = make("div", { id: "text" });
    view.replaceChildren(...about(found, path), ...note, text);
    more(text, path, items, passageId);
    text.querySelector(".cited")?.scrollIntoView({ block: "center" });
  } catch (error) {
    if (mine === opened) view.replaceChildren(make("p", { role: "alert" }, words(error)));
  }
}

/** Returns the passages around one; where it is gone, the document's first, and a note. */
async function passages(path, passageId) {
  const list = (query) => get(`${path}/passages?limit=${AROUND}${query}`);
  if (!passageId) return { ...(await list("")), note: [] };
  try {
    return { ...(await list(`&around=${encodeURIComponent(passageId)}`)), note: [] };
  } catch (error) {
    if (!(error instanceof Failure) || error.status !== 404) throw error;
    const note = make("p", { role: "alert" }, "This passage is no longer in the document, which has changed. It begins like this:");
    return { ...(await list("")), note: [note] };
  }
}

function words(error) {
  if (error.code === "document_not_found") return "This document is no longer in your library.";
  return error instanceof Failure ? error.message : "The server does not answer.";
}

function about(found, path) {
  const facts = [found.collection, found.kind, found.date && new Date(found.date * 1000).toLocaleDateString()];
  const file = make("button", { type: "button" }, "Download the file");
  const name = found.path.split("#")[0].split(/[/\\]/).pop() || "document";
  file.addEventListener("click", () => download(`${path}/file`, name).catch((error) => file.replaceWith(words(error))));
  const failure = found.error ? [make("p", { role: "alert" }, found.error.message)] : [];
  return [
    make("h2", {}, found.title || found.path),
    make("p", { class: "path" }, found.path),
    make("p", {}, facts.filter(Boolean).join(" · ")),
    make("p", {}, file),
    ...failure,
  ];
}

function place(passage) {
  const { page, last_page: last, sheet, heading } = passage.place;
  const pages = last ? `pages ${page}-${last}` : page && `page ${page}`;
  const section = heading && !passage.text.startsWith(heading) && `§ ${heading}`; // many a text begins with its heading
  return [pages, sheet && `sheet ${sheet}`, section].filter(Boolean).join(", ");
}

function shown(passage, cited) {
  const text = make("p", {}, passage.text);
  const block = make("section", { class: passage.id === cited ? "cited" : "" }, make("small", {}, place(passage)), text);
  if (passage.id === cited) block.setAttribute("aria-current", "true");
  return block;
}

/** Shows passages, with buttons to those before and after them. */
function more(text, path, items, cited) {
  const list = make("div", {}, ...items.map((item) => shown(item, cited)));
  let first = items[0]?.position ?? 0;
  let next = (items.at(-1)?.position ?? -1) + 1;
  const earlier = make("button", { type: "button", hidden: first === 0 }, "Earlier");
  const later = make("button", { type: "button", hidden: items.length === 0 }, "Later");
  earlier.addEventListener("click", async () => {
    const start = Math.max(0, first - MORE);
    const found = await get(`${path}/passages?start=${start}&limit=${first - start}`);
    list.prepend(...found.items.map((item) => shown(item, cited)));
    first = start;
    earlier.hidden = first === 0;
  });
  later.addEventListener("click", async () => {
    const found = await get(`${path}/passages?start=${next}&limit=${MORE}`);
    list.append(...found.items.map((item) => shown(item, cited)));
    next += found.items.length;
    later.hidden = found.items.length < MORE;
  });
  text.replaceChildren(earlier, list, later);
}
