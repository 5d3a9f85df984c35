// How far a document is, in words, and what to do where it got no further.
import { h } from "../dom.js";
import { language, t } from "../strings/index.js";

/** @typedef {import("../sources/about.js").LibraryDocument} LibraryDocument */
/** @typedef {LibraryDocument["state"]} State */

/** @type {Record<State, string>} */
const LOOKS = { queued: "", processing: "", searchable: "good", ready: "good", no_text: "warn", failed: "bad" };
export const STATES = /** @type {State[]} */ (["queued", "processing", "searchable", "ready", "no_text", "failed"]);
/** What the server finds wrong with files; whatever else it says is shown in its own words. */
const FAULTS = [
  "archive_bomb",
  "body_too_large",
  "crashed",
  "damaged",
  "empty",
  "encrypted",
  "no_text",
  "store_full",
  "timeout",
  "too_large",
  "unreadable",
  "unsafe",
  "unsupported",
];

/** @param {State} state @returns {HTMLElement} */
export function stateBadge(state) {
  return h(
    "span",
    { class: `badge ${LOOKS[state] ?? ""} state-${state}`, title: t(`library.state.${state}.title`) },
    t(`library.state.${state}`),
  );
}

/**
 * Returns why nothing of a document can be found, and what to do, null where all is well.
 * @param {{error?: {code: string, message: string} | null}} document
 * @returns {string | null}
 */
export const stateAdvice = ({ error }) => (error ? advice(error.code, error.message) : null);

/** @param {string} code @param {string} message the server's, which is English and knows more @returns {string} */
export const advice = (code, message) => (language() === "en" || !FAULTS.includes(code) ? message : t(`library.fault.${code}`));

/** @param {State} state @returns {boolean} whether it will change by itself, while there is an embedder */
export const isUnderWay = (state) => state === "queued" || state === "processing" || state === "searchable";
