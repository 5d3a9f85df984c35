// The words of a question, marked where they stand in a text.
import { h } from "../dom.js";

const COMMON = new Set(
  (
    "a an and are as at be but by did do does for from had has have how i in is it its me my not of on or our so than that the their " +
    "them then there they this to was we were what when where which who whom whose why will with you your"
  ).split(" "),
);
const FAR = 240; // characters that may stand before the first word
const HAN = /\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Thai}/u; // written without spaces

/**
 * Returns a text in pieces, the question's words in marks. A word also marks longer ones that begin with it.
 * @param {string} text
 * @param {string} question
 * @returns {(string | HTMLElement)[]}
 */
export function highlighted(text, question) {
  /** @type {(string | HTMLElement)[]} */
  const pieces = [];
  let at = 0;
  for (const [start, stop] of spans(text, question)) {
    pieces.push(text.slice(at, start), h("mark", {}, text.slice(start, stop)));
    at = stop;
  }
  return [...pieces, text.slice(at)].filter((piece) => piece !== "");
}

/**
 * Returns a passage from shortly before the first of a question's words on, without empty lines.
 * @param {string} text
 * @param {string} question
 * @returns {string}
 */
export function excerpt(text, question) {
  const dense = text.replace(/\s*\n\s*/g, "\n");
  const first = spans(dense, question)[0]?.[0] ?? 0;
  if (first <= FAR) return dense;
  const from = dense.slice(0, first - FAR / 3).search(/\s\S*$/);
  return `… ${dense.slice(Math.max(0, from)).trimStart()}`;
}

/**
 * Returns where a question's words stand in a text, in order, those that touch as one.
 * @param {string} text
 * @param {string} question
 * @returns {[number, number][]}
 */
export function spans(text, question) {
  const words = question.toLowerCase().match(/[\p{L}\p{N}\p{M}]+/gu) ?? [];
  const rare = words.filter((word) => HAN.test(word) || !COMMON.has(word));
  const found = [...new Set(rare.length ? rare : words)].flatMap(patternsOf).flatMap((pattern) => [...text.matchAll(pattern)]);
  const places = found.map(({ 0: word, index }) => /** @type {[number, number]} */ ([index, index + word.length]));
  /** @type {[number, number][]} */
  const merged = [];
  for (const [start, stop] of places.sort((one, other) => one[0] - other[0])) {
    const last = merged.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], stop);
    else merged.push([start, stop]);
  }
  return merged;
}

/** Where words are not parted, two characters in a row are what can be looked for. @param {string} word @returns {RegExp[]} */
function patternsOf(word) {
  if (!HAN.test(word)) return [new RegExp(`(?<![\\p{L}\\p{N}\\p{M}])${word}[\\p{L}\\p{N}\\p{M}]*`, "giu")];
  const letters = [...word];
  const pairs = letters.slice(1).map((letter, index) => `${letters[index]}${letter}`);
  return (pairs.length ? pairs : [word]).map((pair) => new RegExp(pair, "gu"));
}
