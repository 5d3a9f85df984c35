// Under an answer: whether it rests on the user's documents, and its sources.
import { h } from "../dom.js";
import { number, t } from "../strings/index.js";
import { button } from "../ui/button.js";
import { icon } from "../ui/icons.js";
import { openPopover } from "../ui/menu.js";
import { openSource } from "./panel.js";
import { placeText } from "./place.js";

/** @typedef {import("./panel.js").Source} Source */
/**
 * What the server tells of a search: `query` is what was searched for, `ms` how long that took in milliseconds.
 * @typedef {{status: "ok" | "empty", mode: "hybrid" | "keyword" | "vector", query: string, k: number, ms: number}} Retrieval
 */
/**
 * Of an answer: `cited` are the numbers of the sources that its text cites, left out while it still comes.
 * @typedef {{retrieval?: Retrieval | null, sources?: Source[], cited?: number[]}} Grounding
 */
/** @typedef {"grounded" | "reading" | "uncited" | "full" | "empty"} Verdict */

/** @type {Record<Verdict, {look: string, icon: string}>} */
const LOOKS = {
  grounded: { look: "good", icon: "check" },
  reading: { look: "", icon: "library" },
  uncited: { look: "warn", icon: "warn" },
  full: { look: "warn", icon: "warn" },
  empty: { look: "warn", icon: "warn" },
};

/**
 * Returns how an answer stands to the documents, null where they were not asked.
 * @param {Grounding} answer
 * @returns {Verdict | null}
 */
export function verdict({ retrieval, sources = [], cited }) {
  if (!retrieval) return null;
  if (retrieval.status === "empty") return "empty";
  if (!sources.length) return "full"; // passages were found, and none fitted into the context
  if (!cited) return "reading";
  return cited.length ? "grounded" : "uncited";
}

/**
 * Returns the badge with the list of sources, null where the documents were not asked.
 * @param {Grounding} answer
 * @param {import("../app.js").Context} context
 * @returns {HTMLElement | null}
 */
export function badge(answer, context) {
  const found = verdict(answer);
  if (!found || !answer.retrieval) return null;
  const { sources = [], cited = [] } = answer;
  const count = found === "grounded" ? cited.length : sources.length;
  const opener = h(
    "button",
    { type: "button", class: `badge ${LOOKS[found].look}`, "aria-haspopup": "dialog", "aria-expanded": "false", onclick: explain },
    icon(LOOKS[found].icon),
    t(`sources.badge.${found}`, { number: count }),
  );
  const keywords = answer.retrieval.mode === "keyword" ? h("span", { class: "badge warn" }, t("sources.badge.keyword")) : null;
  function explain() {
    openPopover(
      opener,
      t("sources.badge.title"),
      ...explanation(found ?? "empty", answer),
      h("p", {}, h("a", { href: "#/library" }, t("sources.badge.library"))),
    );
  }
  return h(
    "div",
    { class: "grounding" },
    h("div", { class: "badges" }, opener, keywords),
    sources.length ? list(sources, cited, answer.retrieval.query, context) : null,
  );
}

/** @param {Verdict} found @param {Grounding} answer @returns {HTMLElement[]} */
function explanation(found, { retrieval, sources = [], cited = [] }) {
  if (!retrieval) return [];
  const texts = [t(`sources.explain.${found}`, { number: sources.length, cited: cited.length })];
  if (retrieval.mode === "keyword") texts.push(t("sources.explain.keyword"));
  const query = h("p", { class: "hint" }, t("sources.explain.query"), " ", h("q", { dir: "auto" }, retrieval.query));
  const ms = h("p", { class: "hint" }, t("sources.explain.ms", { ms: number(Math.max(1, Math.round(retrieval.ms))) }));
  return [...texts.map((text) => h("p", {}, text)), query, ms];
}

/**
 * The sources as buttons that open them; those that the text cites first.
 * @param {Source[]} sources
 * @param {number[]} cited
 * @param {string} question
 * @param {import("../app.js").Context} context
 */
function list(sources, cited, question, context) {
  const chips = sources.map((source) => {
    const place = placeText(source, { heading: false });
    const chip = button("", () => openSource(source, context, sources, question), {
      class: `chip${cited.includes(source.index) ? " used" : ""}`,
    });
    const title = h("span", { dir: "auto", class: "chip-title" }, source.title || source.path);
    chip.append(
      h("span", { class: "unseen" }, `${t("sources.source")} `),
      h("span", { class: "source-number" }, String(source.index)),
      " ",
      title,
      " ",
    );
    if (place) chip.append(h("span", { class: "hint" }, place));
    return h("li", {}, chip);
  });
  return h("ul", { class: "chips", "aria-label": t("sources.list") }, ...chips);
}
