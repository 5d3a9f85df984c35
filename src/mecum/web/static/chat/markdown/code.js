// Blocks of code: their language, a button that copies them, and colours, which are loaded with the first of them.
import { h } from "../../dom.js";
import { t } from "../../strings/index.js";
import { copyButton } from "../copy.js";
import { sanitiseCode } from "./sanitise.js";

const LONGEST = 60_000; // characters; colouring more would hold up the page
const LONGEST_GROWING = 6000; // of one that is drawn anew with each piece

/** @type {typeof import("../../vendor/highlight/highlight.min.js").default | null} */
let colours = null;
/** @type {Promise<void> | null} */
let loading = null;

/** Dresses the code in a piece of an answer. @param {DocumentFragment} fragment @param {boolean} grows */
export function dressCode(fragment, grows) {
  for (const pre of fragment.querySelectorAll("pre.code")) {
    const code = pre.querySelector("code");
    if (!code) continue;
    const language = /language-(\S+)/.exec(pre.className)?.[1] ?? "";
    pre.setAttribute("tabindex", "0"); // it may be wider than the page, and is then scrolled by keys
    pre.setAttribute("dir", "ltr");
    const figure = h("figure", { class: "code-block" });
    pre.replaceWith(figure);
    const copy = copyButton(t("chat.code.copy"), () => (code.textContent ?? "").replace(/\n$/, ""));
    figure.append(h("figcaption", {}, h("span", {}, language || t("chat.code")), copy), pre);
    if (!grows || (code.textContent ?? "").length < LONGEST_GROWING) colour(code, language);
  }
}

/** @param {HTMLElement} code @param {string} language */
function colour(code, language) {
  const text = code.textContent ?? "";
  if (!language || text.length > LONGEST) return;
  if (!colours) {
    loading ??= import("../../vendor/highlight/highlight.min.js").then((module) => void (colours = module.default));
    loading.then(() => code.isConnected && colour(code, language)).catch(() => {}); // without colours it can be read as well
  } else if (colours.getLanguage(language)) {
    code.replaceChildren(sanitiseCode(colours.highlight(text, { language, ignoreIllegals: true }).value));
  }
}
