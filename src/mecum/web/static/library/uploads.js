// The files on their way into the library, whatever view is shown: a few requests at a time, small files together, again
// after what passes by itself. No elements here: `added` shows them.
import { Failure, get } from "../api.js";
import { t } from "../strings/index.js";
import { followLibrary } from "./live.js";
import { sendFiles } from "./send.js";
import { advice, isUnderWay } from "./states.js";

/**
 * A file on its way. `part` is how much of it was sent, 0 to 1; `document` is what became of it.
 * @typedef {object} Upload
 * @property {number} number
 * @property {File} file
 * @property {string} path
 * @property {string} collection
 * @property {"waiting" | "sending" | "sent" | "failed" | "cancelled"} phase
 * @property {number} part
 * @property {number} tries
 * @property {string} message
 * @property {import("../sources/about.js").LibraryDocument | null} document
 */

const AT_ONCE = 3; // requests
const SMALL = 256 * 1024; // bytes of a file that may go with others
const TOGETHER = 2 * 1024 * 1024; // bytes of a request of small files
const MOST = 20; // files in a request
const TRIES = 5;
const PASSING = [429, 502, 503]; // what goes by itself
const RECENT = 500; // documents whose last event is kept, for answers that come after it

export class Uploads {
  /** @type {Upload[]} */
  all = [];
  /** @type {Set<() => void>} */
  #listeners = new Set();
  /** @type {Map<Upload, AbortController>} */
  #requests = new Map();
  /** @type {Map<string, import("../sources/about.js").LibraryDocument>} */
  #recent = new Map();
  /** @type {Map<string, Upload>} */
  #sent = new Map();
  /** @type {(() => void) | null} */
  #unfollow = null;
  #embeds = true; // whether what is searchable will be ready
  #made = 0;
  #busy = 0;

  /** Calls back after every change, until the returned function is called. @param {() => void} listener @returns {() => void} */
  follow(listener) {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** @param {File} file @param {string} path @param {string} collection */
  add(file, path, collection) {
    this.all.push({ number: ++this.#made, file, path, collection, phase: "waiting", part: 0, tries: 0, message: "", document: null });
    this.#next();
  }

  /** @param {Upload} upload */
  cancel(upload) {
    if (!isOpen(upload)) return;
    upload.phase = "cancelled";
    this.#requests.get(upload)?.abort(); // small files that were sent beside it go again
    this.#changed();
  }

  cancelAll() {
    for (const upload of this.all.filter(isOpen)) this.cancel(upload);
  }

  /** @param {Upload} upload */
  retry(upload) {
    Object.assign(upload, { phase: "waiting", part: 0, tries: 0, message: "", document: null });
    this.#next();
  }

  retryFailed() {
    for (const upload of this.all.filter(isFailed)) this.retry(upload);
  }

  /** Takes what came to an end off the list. */
  clear() {
    this.all = this.all.filter((upload) => isOpen(upload) || this.isRead(upload));
    this.#changed();
  }

  /** @param {Upload} upload @returns {boolean} whether the server still works on it */
  isRead({ phase, document }) {
    return phase === "sent" && document !== null && isUnderWay(document.state) && (this.#embeds || document.state !== "searchable");
  }

  /** How many there are, and how many of them wait or are sent, are read, failed, and are done. */
  get sums() {
    const open = this.all.filter(isOpen).length;
    const read = this.all.filter((upload) => this.isRead(upload)).length;
    const failed = this.all.filter(isFailed).length;
    const bytes = this.all.reduce((sum, { file }) => sum + file.size + 1, 0);
    const sent = this.all.reduce((sum, upload) => sum + (isOpen(upload) ? upload.part : 1) * (upload.file.size + 1), 0);
    return { all: this.all.length, open, read, failed, done: this.all.length - open - read - failed, part: bytes ? sent / bytes : 1 };
  }

  #next() {
    this.#unfollow ??= followLibrary((event) => this.#heard(event));
    for (; this.#busy < AT_ONCE;) {
      const group = this.#group();
      if (!group.length) break;
      this.#busy++;
      this.#send(group).finally(() => {
        this.#busy--;
        this.#next();
      });
    }
    this.#changed();
  }

  /** Returns the file that waits longest, and small ones that may go with it. @returns {Upload[]} */
  #group() {
    const waiting = this.all.filter(({ phase }) => phase === "waiting");
    const [first, ...rest] = waiting;
    if (!first || first.file.size > SMALL) return waiting.slice(0, 1);
    let size = first.file.size;
    const others = rest.filter(({ file, collection }) => file.size <= SMALL && collection === first.collection);
    return [first, ...others.slice(0, MOST - 1).filter(({ file }) => (size += file.size) <= TOGETHER)];
  }

  /** @param {Upload[]} group */
  async #send(group) {
    const request = new AbortController();
    for (const upload of group)
      (Object.assign(upload, { phase: "sending", part: 0, tries: upload.tries + 1 }), this.#requests.set(upload, request));
    const progress = (/** @type {number} */ part) => {
      for (const upload of group) upload.part = part;
      this.#changed();
    };
    try {
      const answers = await sendFiles(group, group[0]?.collection ?? "", { signal: request.signal, progress });
      group.forEach((upload, index) => this.#took(upload, answers[index]));
    } catch (error) {
      await this.#failed(group, error);
    }
    for (const upload of group) this.#requests.delete(upload);
  }

  /** @param {Upload} upload @param {any} answer */
  #took(upload, answer) {
    if (!answer.id) return void Object.assign(upload, { phase: "failed", message: advice(answer.error.code, answer.error.message) });
    Object.assign(upload, { phase: "sent", part: 1, document: newer(this.#recent.get(answer.id), answer) });
    this.#sent.set(answer.id, upload);
  }

  /** @param {Upload[]} group @param {unknown} error */
  async #failed(group, error) {
    const left = group.filter(({ phase }) => phase === "sending"); // the others were cancelled
    const passes = !(error instanceof Failure) || PASSING.includes(error.status);
    if (error instanceof DOMException) {
      for (const upload of left) Object.assign(upload, { phase: "waiting", part: 0, tries: upload.tries - 1 });
      return;
    }
    const again = left.filter(({ tries }) => passes && tries < TRIES);
    const message = error instanceof Failure ? advice(error.code, error.message) : t("shell.offline");
    for (const upload of left)
      Object.assign(upload, again.includes(upload) ? { part: 0, message: t("library.upload.again") } : { phase: "failed", message });
    this.#changed();
    if (!again.length) return;
    const pause = (error instanceof Failure && error.wait) || 2 ** Math.min(...again.map(({ tries }) => tries)) / 2;
    await new Promise((resolve) => window.setTimeout(resolve, pause * 1000));
    for (const upload of again) if (upload.phase === "sending") Object.assign(upload, { phase: "waiting", message: "" });
  }

  /** @param {import("./live.js").LibraryEvent} event */
  #heard(event) {
    if (event.type === "counts") {
      this.#embeds = event.counts.embedder.state === "ready";
      return void this.#ask();
    }
    if (event.type !== "changed") return;
    this.#recent.delete(event.document_id);
    this.#recent.set(event.document_id, event.document);
    for (const [oldest] of this.#recent) if (this.#recent.size > RECENT) this.#recent.delete(oldest);
    const known = this.#sent.get(event.document_id);
    if (!known) return;
    known.document = event.document;
    this.#changed();
  }

  /** Asks for what may have been missed. */
  async #ask() {
    for (const upload of this.all.filter((each) => this.isRead(each))) {
      const found = await get(`/api/documents/${upload.document?.id}`).catch(() => null);
      if (found) upload.document = found;
    }
    this.#changed();
  }

  #changed() {
    if (!this.all.some((upload) => isOpen(upload) || this.isRead(upload))) {
      this.#unfollow?.();
      this.#unfollow = null;
    }
    for (const listener of this.#listeners) listener();
  }
}

/** @param {Upload} upload */
export const isOpen = ({ phase }) => phase === "waiting" || phase === "sending";
/** @param {Upload} upload */
export const isFailed = ({ phase, document }) => phase === "failed" || document?.state === "failed" || document?.state === "no_text";

/** Those of this page, until it is left. */
export const uploads = new Uploads();

window.addEventListener("beforeunload", (event) => {
  if (uploads.all.some(isOpen)) event.preventDefault();
});

/**
 * @param {import("../sources/about.js").LibraryDocument | undefined} heard
 * @param {import("../sources/about.js").LibraryDocument} answered
 */
const newer = (heard, answered) => (heard && heard.updated >= answered.updated ? heard : answered);
