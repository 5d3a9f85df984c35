// Numbers that cite a source become buttons that open it. The rules are the server's (chat/citations.py): [1], [1, 2], 【1】;
// what stands in code is no citation, nor is a number that no source has.
import { h } from "../../dom.js";
import { t } from "../../strings/index.js";

/** @typedef {import("../../sources/panel.js").Source} Source */

const MARKER = /[[【] ?\d{1,3}(?: ?[,;，、–-] ?\d{1,3})* ?(?:†[^\]】\n]{0,80})?[\]】]/gu;

/** @param {DocumentFragment} fragment @param {Source[]} sources */
export function dressCitations(fragment, sources) {
  if (!sources.length) return;
  const walker = document.createTreeWalker(fragment, NodeFilter.SHOW_TEXT);
  const found = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (/[[【] ?\d/.test(node.nodeValue ?? "") && !node.parentElement?.closest("code, a, .maths, .address"))
      found.push(/** @type {Text} */ (node));
  }
  for (const node of found) node.replaceWith(...pieces(node.data, sources));
}

/** @param {string} text @param {Source[]} sources @returns {(string | HTMLElement)[]} */
function pieces(text, sources) {
  const result = [];
  let end = 0;
  for (const match of text.matchAll(MARKER)) {
    const numbers = (match[0].split("†")[0]?.match(/\d+/g) ?? []).map(Number);
    const named = numbers.map((number) => sources.find((source) => source.index === number)).filter((source) => source !== undefined);
    if (!named.length || numbers.includes(0)) continue;
    result.push(text.slice(end, match.index), ...named.map(button));
    end = match.index + match[0].length;
  }
  return [...result, text.slice(end)];
}

/** @param {Source} source */
function button(source) {
  const name = t("sources.name", { number: source.index, title: source.title || source.path });
  return h(
    "button",
    { type: "button", class: "citation", "data-source": source.index, "aria-label": name, title: source.title || source.path },
    String(source.index),
  );
}
