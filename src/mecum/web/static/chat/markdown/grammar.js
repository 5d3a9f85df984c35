// Markdown as models write it: GFM and maths. HTML in it is shown as the text that it is, images are shown as links, and
// links show where they lead. What it makes is still sanitised.
import { Marked } from "../../vendor/marked/marked.esm.js";

/** @typedef {import("../../vendor/marked/marked.esm.js").Token} Token */
/** @typedef {import("../../vendor/marked/marked.esm.js").Parser} Parser */

const PLAIN = /^<\/?(?:br|sub|sup|kbd|mark|u|s|b|i|em|strong)\s*\/?>$/i; // tags that models write, and that do nothing
const ABSOLUTE = /^(?:https?:\/\/|mailto:)/i;
const LONGEST = 120; // characters of an address that are shown
const BLOCK = /^(?:\$\$([^]+?)\$\$|\\\[([^]+?)\\\]) *(?:\n|$)/;
const BEGUN = /^(?:\$\$((?:(?!\$\$)[^])*)|\\\[((?:(?!\\\])[^])*))$/; // while it still comes
const INLINE = /^(?:\$\$([^$\n]+?)\$\$|\$(?![\s$])((?:\\.|[^\\$\n])*?(?<![\s\\]))\$(?!\d)|\\\(([^]+?)\\\)|\\\[([^\n]+?)\\\])/;

let growing = false; // whether the text still comes: what is open at its end is then no mistake

const marked = new Marked({
  gfm: true,
  tokenizer: {
    def: () => undefined, // "[1]: page 3" is something that a model says of its source, and is not to vanish
  },
  renderer: {
    html: ({ raw }) => (PLAIN.test(raw.trim()) ? raw : escape(raw)),
    image: ({ href, text }) => link(href, escape(text || href)),
    link: renderLink,
    heading: renderHeading,
    code: ({ text, lang }) => `<pre class="code${name(lang)}"><code>${escape(text)}\n</code></pre>`,
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
  },
  extensions: [
    {
      name: "mathsBlock",
      level: "block",
      start: (source) => /(?:^|\n)(?:\$\$|\\\[)/.exec(source)?.index,
      tokenizer: (source) => maths("mathsBlock", BLOCK.exec(source) ?? (growing ? BEGUN.exec(source) : null)),
      renderer: ({ text }) => `<div class="maths display">${escape(text)}</div>`,
    },
    {
      name: "maths",
      level: "inline",
      start: (source) => /\$|\\[([]/.exec(source)?.index,
      tokenizer: (source) => maths("maths", INLINE.exec(source)),
      renderer: ({ text, raw }) =>
        `<span class="maths${raw.startsWith("$$") || raw.startsWith("\\[") ? " display" : ""}">${escape(text)}</span>`,
    },
  ],
});

/**
 * Returns the blocks of a text: its paragraphs, lists, tables, …. Their `raw` parts together are the text.
 * @param {string} text
 * @param {boolean} comes whether more of it is to come
 * @returns {Token[]}
 */
export function blocks(text, comes) {
  growing = comes;
  return marked.lexer(text);
}

/** Returns the HTML of blocks. It is for `sanitise`, and for nothing else. @param {Token[]} tokens */
export const html = (tokens) => marked.parser(tokens);

/** @param {string} type @param {RegExpExecArray | null} found @returns {Token | undefined} */
function maths(type, found) {
  return found ? { type, raw: found[0], text: (found.slice(1).find((part) => part !== undefined) ?? "").trim() } : undefined;
}

/** @this {{parser: Parser}} @param {Token & {tokens: Token[], href: string}} token */
function renderLink({ href, tokens }) {
  return link(href, this.parser.parseInline(tokens));
}

/** The page has its own first headings. @this {{parser: Parser}} @param {Token & {tokens: Token[], depth: number}} token */
function renderHeading({ depth, tokens }) {
  const level = Math.min(6, depth + 2);
  return `<h${level}>${this.parser.parseInline(tokens)}</h${level}>`;
}

/** A link says where it leads, whatever its text says. @param {string} href @param {string} content */
function link(href, content) {
  const shown = escape(href.length > LONGEST ? `${href.slice(0, LONGEST)}…` : href);
  if (!ABSOLUTE.test(href)) return `${content} <span class="address">(${shown})</span>`;
  const open = `<a href="${escape(href)}" rel="noopener noreferrer nofollow" target="_blank" title="${escape(href)}">`;
  return content === shown ? `${open}${content}</a>` : `${open}${content}</a> <span class="address">(${shown})</span>`;
}

/** @param {string | undefined} language */
function name(language) {
  const [first = ""] = (language ?? "").split(/[\s{,:]/);
  return /^[\w+#-]{1,30}$/.test(first) ? ` language-${first.toLowerCase()}` : "";
}

/** @param {string} text */
const escape = (text) => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
