// The documents, page by page in the order of their paths; it follows what happens to them.
import { get } from "../api.js";
import { h } from "../dom.js";
import { number, t } from "../strings/index.js";
import { words } from "../sources/words.js";
import { announce } from "../ui/announce.js";
import { button } from "../ui/button.js";
import { toast } from "../ui/toast.js";
import { askToRemove } from "./actions.js";
import { DocumentRow } from "./row.js";

/** @typedef {import("../sources/about.js").LibraryDocument} LibraryDocument */

const PAGE = 50;
const LARGEST = 1000; // what the server gives at once
const PAUSE = 700; // milliseconds: many changes in a row ask for the list once

export class DocumentList {
  /** @type {Map<string, DocumentRow>} */
  #rows = new Map();
  #total = 0;
  /** @type {string | null} */
  #cursor = null;
  #turn = 0; // counts up: an answer for a filter that was left is dropped
  #timer = 0;

  /** @param {import("./filters.js").Filters} filters */
  constructor(filters) {
    this.filters = filters;
    this.title = h("h2", { tabindex: -1 }, t("library.list"));
    this.all = h("input", { type: "checkbox", id: "select-all", onchange: () => this.#select(this.all.checked) });
    this.chosen = h("span", { hidden: true });
    this.remove = button(t("shell.delete"), () => this.#remove(), { icon: "trash", class: "button danger", hidden: true });
    const everything = h("label", { for: "select-all" }, this.all, t("library.list.select"));
    this.head = h("div", { class: "documents-head", hidden: true }, everything, this.chosen, this.remove);
    this.list = h("ul", { class: "documents" });
    this.note = h("p", { class: "hint" }); // no live region: it changes with every file that is read
    this.further = button(t("library.list.more"), () => this.#more(), { hidden: true });
    this.element = h("section", { "aria-label": t("library.list") }, this.title, this.head, this.list, this.note, this.further);
  }

  /** Loads the first page anew, for the filter that holds now. @param {{read?: boolean}} [options] whether what came is read out */
  async load({ read = false } = {}) {
    this.#rows.clear();
    this.list.replaceChildren();
    await this.#fetch(PAGE);
    if (read && !this.element.hidden) announce(this.note.textContent ?? "");
  }

  leave() {
    this.#turn++;
    window.clearTimeout(this.#timer);
  }

  /** @param {import("./live.js").LibraryEvent} event */
  heard(event) {
    if (event.type === "lost") return;
    const row = event.type === "counts" ? null : this.#rows.get(event.document_id);
    if (event.type === "changed" && row && this.#fits(event.document)) return row.show(event.document);
    this.#timer ||= window.setTimeout(() => this.#fetch(Math.min(LARGEST, Math.max(PAGE, this.#rows.size))), PAUSE);
  }

  /** @param {LibraryDocument} document */
  #fits({ state }) {
    const { states } = this.filters.value;
    return !states.length || states.includes(state);
  }

  #query() {
    const { states, kind, collection } = this.filters.value;
    const query = new URLSearchParams(states.map((state) => ["state", state]));
    if (kind) query.set("kind", kind);
    if (collection) query.set("collection", collection);
    return query;
  }

  /** Loads so many from the first on; rows that are there already stay, with what is chosen in them. @param {number} limit */
  async #fetch(limit) {
    window.clearTimeout(this.#timer);
    this.#timer = 0;
    const turn = ++this.#turn;
    try {
      const page = await get(`/api/documents?limit=${limit}&${this.#query()}`);
      if (turn === this.#turn) this.#show(page.items, page);
    } catch (error) {
      if (turn === this.#turn) this.note.textContent = words(error);
    }
  }

  async #more() {
    const turn = ++this.#turn;
    const last = this.list.lastElementChild;
    this.further.disabled = true;
    try {
      const page = await get(`/api/documents?limit=${PAGE}&cursor=${encodeURIComponent(this.#cursor ?? "")}&${this.#query()}`);
      if (turn === this.#turn) this.#show([...[...this.#rows.values()].map((row) => row.document), ...page.items], page);
      announce(this.note.textContent ?? "");
      /** @type {HTMLElement | null | undefined} */ (last?.nextElementSibling?.querySelector("a"))?.focus();
    } catch (error) {
      toast(words(error));
    }
    this.further.disabled = false;
  }

  /** @param {LibraryDocument[]} items @param {{total: number, next_cursor: string | null}} page */
  #show(items, { total, next_cursor }) {
    this.#total = total;
    this.#cursor = next_cursor;
    const kept = new Set(items.map(({ id }) => id));
    for (const [id, row] of this.#rows) if (!kept.has(id)) (row.element.remove(), this.#rows.delete(id));
    const before = this.#rows;
    this.#rows = new Map();
    items.forEach((item, index) => {
      const row = before.get(item.id) ?? new DocumentRow(item, () => this.#choose());
      row.show(item);
      this.#rows.set(item.id, row);
      if (this.list.children[index] !== row.element) this.list.insertBefore(row.element, this.list.children[index] ?? null);
    });
    this.#draw();
  }

  #draw() {
    const shown = this.#rows.size;
    const chosen = this.#chosen.length;
    this.all.checked = chosen > 0 && chosen === shown;
    this.all.indeterminate = chosen > 0 && chosen < shown;
    this.head.hidden = !shown;
    this.chosen.hidden = this.remove.hidden = !chosen;
    this.chosen.textContent = t("library.list.selected", { number: chosen });
    this.note.textContent = shown
      ? t("library.list.shown", { shown: number(shown), total: number(this.#total) })
      : t(this.#query().size ? "library.list.none" : "library.list.empty");
    this.further.hidden = !this.#cursor;
  }

  get #chosen() {
    return [...this.#rows.values()].filter((row) => row.box.checked);
  }

  /** After somebody chose: read to those who do not see it. */
  #choose() {
    this.#draw();
    announce(this.chosen.textContent ?? "");
  }

  /** @param {boolean} chosen */
  #select(chosen) {
    for (const row of this.#rows.values()) row.box.checked = chosen;
    this.#choose();
  }

  async #remove() {
    const rows = this.#chosen;
    if (!(await askToRemove(rows.map((row) => row.document)))) return;
    for (const row of rows) row.box.checked = false;
    this.title.focus();
    await this.#fetch(Math.min(LARGEST, Math.max(PAGE, this.#rows.size)));
  }
}
