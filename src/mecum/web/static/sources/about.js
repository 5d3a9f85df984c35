// What is known of a document, over its text: title, path, state, and its file to be stored.
import { download } from "../api.js";
import { h } from "../dom.js";
import { stateBadge, stateAdvice } from "../library/states.js";
import { day } from "../strings/dates.js";
import { number, size, t } from "../strings/index.js";
import { button } from "../ui/button.js";
import { toast } from "../ui/toast.js";
import { words } from "./words.js";

/**
 * A document as the API tells of it; `date` is in seconds since 1970, `size` in bytes.
 * @typedef {object} LibraryDocument
 * @property {string} id
 * @property {string} path
 * @property {string} title
 * @property {string} collection
 * @property {string} kind
 * @property {number} size
 * @property {"queued" | "processing" | "searchable" | "ready" | "no_text" | "failed"} state
 * @property {number} passages
 * @property {{code: string, message: string} | null} error
 * @property {number | null} date
 * @property {number} updated
 * @property {boolean} container
 * @property {string | null} container_id
 */

/** @param {string} id @returns {string} where the API has a document */
export const documentPath = (id) => `/api/documents/${encodeURIComponent(id)}`;

/**
 * Returns path, facts and state.
 * @param {LibraryDocument} found
 * @returns {HTMLElement[]}
 */
export function about(found) {
  const facts = [
    t("library.in", { collection: found.collection }),
    found.kind,
    size(found.size),
    found.date !== null && day(found.date),
    t("library.passages", { number: number(found.passages), one: found.passages === 1 }),
  ];
  const advice = stateAdvice(found);
  return [
    h("p", { class: "path", dir: "auto" }, found.path),
    h("p", { class: "facts" }, stateBadge(found.state), h("span", { dir: "auto" }, facts.filter(Boolean).join(" · "))),
    ...(advice ? [h("p", { role: "alert", class: "fault" }, advice)] : []),
  ];
}

/**
 * A button that stores the document's file as it was added.
 * @param {{id: string, path: string}} found
 */
export function downloadButton(found) {
  const name = found.path.split("#")[0]?.split(/[/\\]/).pop() || "document"; // a mail's is the whole mailbox
  const save = async () => {
    await download(`${documentPath(found.id)}/file`, name).catch((error) => toast(words(error)));
  };
  return button(t("sources.download"), save, { icon: "download" });
}
