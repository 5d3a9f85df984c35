// What the library holds, and how far it is: the counts as cards. Its elements stay while figures change, so that a press or
// the focus on one is never lost.
import { h, replace } from "../dom.js";
import { number, t } from "../strings/index.js";

/**
 * `without_vector` counts the passages that are found by their words only.
 * @typedef {{documents: Record<string, number>, passages: number, without_vector: number,
 *   embedder: {state: string, reason: string | null}}} Counts
 */

/** @param {Counts} counts @returns {number} */
export const total = (counts) => Object.values(counts.documents).reduce((sum, each) => sum + each, 0);

/**
 * Returns what shows the counts. `filter` is called with the states that a card stands for.
 * @param {HTMLElement} container
 * @param {(states: string[]) => void} filter
 * @returns {(counts: Counts) => void}
 */
export function summary(container, filter) {
  const documents = card();
  const passages = card();
  const waiting = card(() => filter(["queued", "processing"]));
  const faulty = card(() => filter(["failed", "no_text"]));
  const bar = h("progress", { "aria-label": t("library.summary.embedding") });
  const far = h("span", {});
  const embedding = h("p", { class: "embedding hint", hidden: true }, bar, far);
  const notice = h("p", { class: "notice", hidden: true });
  const list = h("ul", { class: "summary" }, documents.element, passages.element, waiting.element, faulty.element);

  return (counts) => {
    const { embedder, without_vector: missing, passages: all } = counts;
    const of = (/** @type {string[]} */ states) => states.reduce((sum, state) => sum + (counts.documents[state] ?? 0), 0);
    documents.show(total(counts), t("library.summary.documents", { number: total(counts) }), true);
    passages.show(all, t("library.summary.passages", { number: all }), true);
    waiting.show(of(["queued", "processing"]), t("library.summary.waiting"));
    faulty.show(of(["failed", "no_text"]), t("library.summary.faulty"));
    embedding.hidden = embedder.state !== "ready" || !missing;
    Object.assign(bar, { max: Math.max(1, all), value: all - missing });
    far.textContent = t("library.summary.embedded", { done: number(all - missing), all: number(all) });
    notice.hidden = embedder.state === "ready";
    notice.textContent = reason(embedder);
    if (!list.isConnected) replace(container, list, embedding, notice);
  };
}

/** One with something to press where `press` is given. @param {() => void} [press] */
function card(press) {
  const figure = h("strong", {});
  const words = h("span", {});
  const inside = press
    ? h("button", { type: "button", class: "card", onclick: press }, figure, words)
    : h("div", { class: "card" }, figure, words);
  const element = h("li", {}, inside);
  /** @param {number} count @param {string} text @param {boolean} [always] also when it is none */
  function show(count, text, always = false) {
    element.hidden = !count && !always;
    figure.textContent = number(count);
    words.textContent = text;
  }
  return { element, show };
}

/** @param {{state: string, reason: string | null}} embedder */
function reason({ state, reason: said }) {
  if (state === "missing") return t("library.embedder.missing");
  return [t("library.embedder.off"), said].filter(Boolean).join(" ");
}
