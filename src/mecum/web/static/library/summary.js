// What the library holds, and how far it is: the counts as cards.
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
 * Shows the counts. `filter` is called with the states that a card stands for.
 * @param {HTMLElement} container
 * @param {Counts} counts
 * @param {(states: string[]) => void} filter
 */
export function showSummary(container, counts, filter) {
  const { documents, embedder } = counts;
  const waiting = (documents.queued ?? 0) + (documents.processing ?? 0);
  const faulty = (documents.failed ?? 0) + (documents.no_text ?? 0);
  const cards = [
    card(number(total(counts)), t("library.summary.documents", { number: total(counts) })),
    card(number(counts.passages), t("library.summary.passages", { number: counts.passages })),
    waiting ? card(number(waiting), t("library.summary.waiting"), () => filter(["queued", "processing"])) : null,
    faulty ? card(number(faulty), t("library.summary.faulty"), () => filter(["failed", "no_text"])) : null,
  ];
  replace(
    container,
    h("ul", { class: "summary" }, ...cards),
    meaning(counts),
    embedder.state === "ready" ? null : h("p", { class: "notice" }, reason(embedder)),
  );
}

/** @param {string} figure @param {string} words @param {() => void} [press] */
function card(figure, words, press) {
  const inside = [h("strong", {}, figure), h("span", {}, words)];
  return h(
    "li",
    {},
    press ? h("button", { type: "button", class: "card", onclick: press }, ...inside) : h("div", { class: "card" }, ...inside),
  );
}

/** How far the passages are found by their meaning. @param {Counts} counts */
function meaning({ passages, without_vector: missing, embedder }) {
  if (embedder.state !== "ready" || !missing) return null;
  const bar = h("progress", { max: passages, value: passages - missing, "aria-label": t("library.summary.embedding") });
  return h(
    "p",
    { class: "embedding hint" },
    bar,
    t("library.summary.embedded", { done: number(passages - missing), all: number(passages) }),
  );
}

/** @param {{state: string, reason: string | null}} embedder */
const reason = ({ state, reason: said }) =>
  [t(state === "missing" ? "library.embedder.missing" : "library.embedder.off"), state === "missing" ? "" : said].filter(Boolean).join(" ");
