// The page behind a source's link, #/d/{document}/{passage}: the passage in its document. All text is text nodes.
import { Failure, download, get, make } from "./api.js";

const AROUND = 7; // passages at first, the cited one in the middle
const MORE = 10;
const element = (id) => document.getElementById(id);
let opened = 0; // counts up: an answer for an earlier link is dropped

/** Returns [document id, passage id or ""] if a fragment names them. */
export function parse(fragment) {
  const parts = /^#\/d\/([^/]+)(?:\/([^/]+))?$/.exec(fragment);
  try {
    return parts && [decodeURIComponent(parts[1]), decodeURIComponent(parts[2] ?? "")];
  } catch {
    return null; // not percent-encoding
  }
}

export async function open(documentId, passageId) {
  const mine = ++opened;
  const view = element("document");
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
    make("p", { className: "path" }, found.path),
    make("p", {}, facts.filter(Boolean).join(" · ")),
    make("p", {}, file),
    ...failure,
  ];
}

function place(passage) {
  const { page, sheet, heading } = passage.place;
  const section = heading && !passage.text.startsWith(heading) && `§ ${heading}`; // many a text begins with its heading
  return [page && `page ${page}`, sheet && `sheet ${sheet}`, section].filter(Boolean).join(", ");
}

function shown(passage, cited) {
  const text = make("p", {}, passage.text);
  const block = make("section", { className: passage.id === cited ? "cited" : "" }, make("small", {}, place(passage)), text);
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
