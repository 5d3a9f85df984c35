// Search in the documents: what an answer would rest on, with scores.
import { send } from "../api.js";
import { h, replace } from "../dom.js";
import { openSource } from "../sources/panel.js";
import { placeText } from "../sources/place.js";
import { words } from "../sources/words.js";
import { day } from "../strings/dates.js";
import { number, t } from "../strings/index.js";
import { button } from "../ui/button.js";
import { icon } from "../ui/icons.js";
import { excerpt, highlighted } from "./highlight.js";

/**
 * A passage that was found; `score` is its relevance from 0 to 1.
 * @typedef {{document_id: string, chunk_id: string, path: string, title: string, collection: string, kind: string, page: number | null,
 *   last_page?: number | null, heading: string | null, score: number, text: string, url: string, date: number | null}} Hit
 */

const MODES = ["hybrid", "keyword", "vector"];
const STEPS = [10, 30, 100]; // passages
const FULL = 0.6; // neighbours become one hit, so fewer than were asked for may be all that were found
const LONGEST = 4096; // characters of a question

export class Search {
  #turn = 0; // counts up: an answer for another question is dropped

  /**
   * @param {import("../app.js").Context} context
   * @param {import("./filters.js").Filters} filters
   * @param {(searching: boolean) => void} changed whether results are shown in place of the list
   */
  constructor(context, filters, changed) {
    this.context = context;
    this.filters = filters;
    this.changed = changed;
    this.input = h("input", {
      id: "search",
      type: "search",
      maxlength: LONGEST,
      placeholder: t("library.search.placeholder"),
      autocomplete: "off",
      dir: "auto",
      oninput: () => !this.query && this.stop(),
    });
    this.mode = h(
      "select",
      { id: "search-mode", onchange: () => this.again() },
      ...MODES.map((mode) => h("option", { value: mode }, t(`library.search.mode.${mode}`))),
    );
    this.form = h(
      "form",
      { class: "search", role: "search", onsubmit: (/** @type {Event} */ event) => (event.preventDefault(), this.again()) },
      h("div", { class: "search-box" }, icon("search"), h("label", { for: "search", class: "unseen" }, t("library.search")), this.input),
      h("label", { for: "search-mode", class: "unseen" }, t("library.search.mode")),
      this.mode,
      h("button", { class: "button primary" }, t("library.search.go")),
    );
    this.results = h("section", { class: "results", "aria-label": t("library.search.results"), hidden: true });
  }

  get query() {
    return this.input.value.trim();
  }

  /** @param {string} query @param {string} mode */
  restore(query, mode) {
    this.input.value = query;
    this.mode.value = mode;
    this.again();
  }

  /** Searches anew, if there is something to search for. */
  again() {
    return this.query ? this.#search({}) : this.stop();
  }

  /** Shows the list again. */
  stop() {
    this.#turn++;
    this.results.hidden = true;
    this.results.replaceChildren();
    this.changed(false);
  }

  /** @param {{k?: number, floor?: boolean}} options `floor` false shows what lies below the least relevance, too */
  async #search({ k = STEPS[0] ?? 10, floor = true }) {
    const turn = ++this.#turn;
    const { kind, collection } = this.filters.value;
    this.results.hidden = false;
    this.results.setAttribute("aria-busy", "true");
    this.changed(true);
    const narrowed = { ...(kind && { kind }), ...(collection && { collections: [collection] }), ...(!floor && { min_score: 0 }) };
    try {
      const answer = await send("POST", "/api/knowledge/search", { query: this.query, k, mode: this.mode.value, ...narrowed });
      const { data } = await answer.json();
      if (turn === this.#turn) this.#show(data.hits, data.retrieval, { k, floor });
    } catch (error) {
      if (turn === this.#turn) replace(this.results, h("p", { role: "alert", class: "fault" }, words(error)), this.#back());
    }
    if (turn === this.#turn) this.results.removeAttribute("aria-busy");
  }

  /** @param {Hit[]} hits @param {import("../sources/badge.js").Retrieval} retrieval @param {{k: number, floor: boolean}} asked */
  #show(hits, retrieval, { k, floor }) {
    const told = hits.length
      ? t("library.search.found", {
          number: hits.length,
          ms: number(Math.max(1, Math.round(retrieval.ms))),
          mode: t(`library.search.mode.${retrieval.mode}`),
        })
      : t("library.search.empty");
    const next = STEPS.find((step) => step > k);
    const more = hits.length >= k * FULL && next ? button(t("library.search.more"), () => this.#search({ k: next, floor })) : null;
    const nearest = !hits.length && floor ? button(t("library.search.nearest"), () => this.#search({ k, floor: false })) : null;
    const sources = hits.map((hit, index) => ({ ...hit, index: index + 1 }));
    const list = h("ol", { class: "hits" }, ...sources.map((hit) => this.#hit(hit, sources)));
    replace(
      this.results,
      h("h2", {}, t("library.search.results")),
      h("p", { class: "hint" }, told, " ", this.#back()),
      list,
      h("p", {}, more, nearest),
    );
    this.context.announce(told);
  }

  #back() {
    return button(t("library.search.back"), () => (this.stop(), (this.input.value = ""), this.input.focus()), { class: "button plain" });
  }

  /** @param {Hit & {index: number}} hit @param {(Hit & {index: number})[]} all */
  #hit(hit, all) {
    const place = placeText(hit);
    const open = h(
      "button",
      { type: "button", class: "hit-title", dir: "auto", onclick: () => openSource(hit, this.context, all, this.query) },
      hit.title || hit.path,
    );
    const facts = [place, hit.collection, hit.date !== null && day(hit.date)].filter(Boolean).join(" · ");
    const score = number(hit.score, { style: "percent" });
    return h(
      "li",
      {},
      h("h3", {}, open),
      h(
        "p",
        { class: "hit-facts hint" },
        h("meter", { min: 0, max: 1, value: hit.score, "aria-label": t("sources.relevance", { score }) }),
        h("span", {}, score),
        h("span", { dir: "auto" }, facts),
      ),
      h("p", { class: "hit-text", dir: "auto" }, ...highlighted(excerpt(hit.text, this.query), this.query)),
    );
  }
}
