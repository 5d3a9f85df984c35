// "Your documents" on the start page: how many there are, and files that are added here, each with its progress and state.
import { Failure, call, events, get, headers } from "../api.js";
import { h as make } from "../dom.js";

const PATH = "/api/documents";
const STATES = {
  queued: "waits to be read",
  processing: "is being read",
  searchable: "found by its words",
  ready: "ready",
  no_text: "no text in it",
  failed: "failed",
};
const element = (id) => document.getElementById(id);
const rows = new Map(); // of the files added here, by the document's id
let asked = false;

/** Shows how far the library is, and follows what happens to it for as long as the page is open. */
async function follow() {
  for (;;) {
    try {
      for await (const event of events(await call(`${PATH}/events`))) {
        if (event.type === "counts") show(event.counts);
        else changed(event);
      }
    } catch (error) {
      if (error instanceof Failure && error.status !== 503) {
        element("library").textContent = error.message;
        return;
      }
    }
    if (!element("library")) return;
    await new Promise((resolve) => setTimeout(resolve, 3000));
  }
}

function changed(event) {
  const row = rows.get(event.document_id);
  if (row && event.document) tell(row, event.document);
  if (asked) return;
  asked = true; // many changes a second ask for the counts once
  setTimeout(async () => {
    asked = false;
    show(await get(`${PATH}/counts`).catch(() => null));
  }, 1000);
}

function show(counts) {
  if (!counts || !element("library")) return;
  const { documents, embedder } = counts;
  const total = Object.values(documents).reduce((sum, number) => sum + number, 0);
  const waiting = documents.queued + documents.processing;
  const parts = [`${total} ${total === 1 ? "document" : "documents"} in ${counts.passages} passages`];
  if (waiting) parts.push(`${waiting} to be read`);
  if (counts.without_vector && embedder.state === "ready") parts.push(`${counts.without_vector} passages to be embedded`);
  if (documents.failed) parts.push(`${documents.failed} failed`);
  element("library").textContent = total ? `${parts.join(", ")}.` : "None yet.";
  element("embedder").textContent = embedder.state === "ready" ? "" : (embedder.reason ?? "");
}

function tell(row, document) {
  row.bar.hidden = true;
  row.state.textContent = STATES[document.state] ?? document.state;
  if (document.error) row.state.textContent += `: ${document.error.message}`;
  row.line.className = document.state;
}

/** Sends one file and shows how far it is. */
function send(file) {
  const bar = make("progress", { max: 1, value: 0 });
  const state = make("span", {}, "is being sent");
  const line = make("li", {}, make("b", {}, file.name), " ", bar, " ", state);
  const row = { line, bar, state };
  element("added").append(line);
  return new Promise((resolve) => {
    const request = new XMLHttpRequest(); // fetch does not tell how far an upload is
    request.open("POST", PATH);
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total }) => (bar.value = total ? loaded / total : 0);
    request.onload = () => resolve(sent(row, request));
    request.onerror = () => resolve(refused(row, "The server does not answer."));
    const form = new FormData();
    form.append("date", String(file.lastModified / 1000));
    form.append("file", file);
    request.responseType = "json";
    request.send(form);
  });
}

function sent(row, request) {
  if (request.status !== 202) return refused(row, new Failure(request.status, request.response).message);
  const [document] = request.response.data;
  if (!document.id) return refused(row, document.error.message);
  rows.set(document.id, row);
  tell(row, document);
  return refresh(document.id, row);
}

/** Asks once more: an event may have come before its row was there. */
async function refresh(id, row) {
  const document = await get(`${PATH}/${id}`).catch(() => null);
  if (document) tell(row, document);
}

function refused(row, message) {
  row.bar.hidden = true;
  row.state.textContent = message;
  row.line.className = "failed";
}

/** @param {HTMLElement} container @param {import("../app.js").Context} context */
export function mount(container, { t }) {
  const files = make("input", { id: "files", type: "file", multiple: true, required: true });
  const form = make("form", { id: "upload" }, make("label", { for: "files" }, "Add files"), files, make("button", { class: "button" }, "Add"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const chosen = [...files.files];
    form.reset();
    for (const file of chosen) await send(file); // one after the other: each shows its own progress
  });
  const facts = make("p", {}, make("span", { id: "library", role: "status" }), " ", make("span", { id: "embedder" }));
  container.replaceChildren(make("div", { class: "page" }, make("h1", {}, t("view.library")), facts, form, make("ul", { id: "added", "aria-live": "polite" })));
  follow();
}
