// By what the list and the search are narrowed.
import { h, replace } from "../dom.js";
import { number, t } from "../strings/index.js";
import { button } from "../ui/button.js";
import { STATES } from "./states.js";

/** @typedef {{states: string[], kind: string, collection: string}} Filter  "" and none mean all */
/** @typedef {{collections: Record<string, number>, kinds: Record<string, number>}} Facets */

/** What one chooses among: several states are one choice. */
const CHOICES = { "": [], underway: ["queued", "processing"], found: ["searchable", "ready"], faulty: ["failed", "no_text"] };

export class Filters {
  /** @type {Filter} */
  value = { states: [], kind: "", collection: "" };

  /** @param {() => void} changed */
  constructor(changed) {
    this.changed = changed;
    this.state = select("filter-state", t("library.filter.state"), (value) => this.set({ states: statesOf(value) }));
    this.kind = select("filter-kind", t("library.filter.kind"), (kind) => this.set({ kind }));
    this.collection = select("filter-collection", t("library.filter.collection"), (collection) => this.set({ collection }));
    this.reset = button(t("library.filter.reset"), () => this.#clear(), { class: "button plain" });
    const options = [
      ...Object.keys(CHOICES).map((name) => [name, t(`library.filter.state.${name || "all"}`)]),
      ...STATES.map((name) => [name, t(`library.state.${name}`)]),
    ];
    fill(this.state.input, /** @type {[string, string][]} */ (options));
    this.element = h("div", { class: "filters" }, this.state.element, this.kind.element, this.collection.element, this.reset);
    this.show({ collections: {}, kinds: {} });
  }

  /** @param {Partial<Filter>} some */
  set(some) {
    this.value = { ...this.value, ...some };
    this.#mark();
    this.changed();
  }

  #clear() {
    this.set({ states: [], kind: "", collection: "" });
    (this.state.element.hidden ? this.kind : this.state).input.focus(); // the button is gone
  }

  /** The state says nothing of passages that are found. @param {boolean} searching */
  searching(searching) {
    this.state.element.hidden = searching;
  }

  /** @param {Facets} facets */
  show({ collections, kinds }) {
    fill(this.kind.input, options(kinds, this.value.kind, t("library.filter.kind.all")));
    fill(this.collection.input, options(collections, this.value.collection, t("library.filter.collection.all")));
    this.collection.element.hidden = Object.keys(collections).length < 2 && !this.value.collection;
    this.#mark();
  }

  #mark() {
    const { states, kind, collection } = this.value;
    this.state.input.value = nameOf(states);
    this.kind.input.value = kind;
    this.collection.input.value = collection;
    this.reset.hidden = !states.length && !kind && !collection;
  }
}

/** @param {string} name */
const statesOf = (name) => (name in CHOICES ? CHOICES[/** @type {keyof typeof CHOICES} */ (name)] : [name]);

/** @param {string[]} states */
const nameOf = (states) => Object.entries(CHOICES).find(([, those]) => those.join() === states.join())?.[0] ?? states[0] ?? "";

/** @param {Record<string, number>} counts @param {string} chosen @param {string} all @returns {[string, string][]} */
function options(counts, chosen, all) {
  const names = Object.keys(counts);
  if (chosen && !names.includes(chosen)) names.push(chosen);
  return [["", all], ...names.map((name) => /** @type {[string, string]} */ ([name, `${name} (${number(counts[name] ?? 0)})`]))];
}

/** @param {string} id @param {string} name @param {(value: string) => void} chosen */
function select(id, name, chosen) {
  const input = h("select", { id, onchange: () => chosen(input.value) });
  return { input, element: h("div", { class: "filter" }, h("label", { for: id }, name), input) };
}

/** Not while somebody chooses in it. @param {HTMLSelectElement} input @param {[string, string][]} options */
function fill(input, options) {
  if (input === document.activeElement) return;
  const now = input.value;
  replace(input, ...options.map(([value, name]) => h("option", { value }, name)));
  input.value = now;
}
