// Text of a model as elements, while it comes and afterwards. Only its last block is drawn anew with each piece: the ones
// before it are finished, so a long answer costs no more at its end than at its beginning.
import { h } from "../../dom.js";
import { dressCitations } from "./citations.js";
import { dressCode } from "./code.js";
import { blocks, html } from "./grammar.js";
import { drawMaths } from "./maths.js";
import { sanitise } from "./sanitise.js";

/** @typedef {import("../../sources/panel.js").Source} Source */

export class Prose {
  #text = "";
  #complete = false; // whether all of it is drawn for good
  #finished = 0; // characters of the text that are drawn for good
  #last = h("div", { class: "block" });

  /** @param {HTMLElement} element */
  constructor(element) {
    this.element = element;
  }

  /**
   * Shows a text: all of it, or with `comes` as much as there is.
   * @param {string} text
   * @param {{comes?: boolean, sources?: Source[]}} [options]
   */
  show(text, { comes = false, sources = [] } = {}) {
    if (this.#complete && !comes && text === this.#text) return;
    if (this.#complete || !text.startsWith(this.#text.slice(0, this.#finished))) this.#begin(); // it may go on within a block
    this.#text = text;
    this.#complete = !comes;
    if (comes) this.#grow(sources);
    else this.#end(sources);
  }

  #begin() {
    this.#finished = 0;
    this.element.replaceChildren();
  }

  /** @param {Source[]} sources */
  #grow(sources) {
    this.#finish(sources);
    if (this.#last.parentElement !== this.element) this.element.append(this.#last);
    this.#last.replaceChildren(drawn(blocks(this.#text.slice(this.#finished), true), sources, true));
  }

  /** @param {Source[]} sources */
  #end(sources) {
    this.#last.remove();
    for (const block of blocks(this.#text.slice(this.#finished), false)) this.#add(block, sources);
  }

  /** Draws for good what no further piece can change: the blocks before the last, counted in whole lines. @param {Source[]} sources */
  #finish(sources) {
    const lines = this.#text.slice(this.#finished, this.#text.lastIndexOf("\n") + 1);
    const found = blocks(lines, true);
    const last = found.findLastIndex((block) => block.type !== "space");
    const before = found.slice(0, Math.max(0, last));
    if (!before.length || found.reduce((sum, block) => sum + block.raw.length, 0) !== lines.length) return;
    for (const block of before) this.#add(block, sources);
    this.#finished += before.reduce((sum, block) => sum + block.raw.length, 0);
  }

  /** @param {import("./grammar.js").Token} block @param {Source[]} sources */
  #add(block, sources) {
    if (block.type === "space") return;
    const element = h("div", { class: "block" });
    element.append(drawn([block], sources, false));
    if (this.#last.parentElement === this.element) this.#last.before(element);
    else this.element.append(element);
  }
}

/** @param {import("./grammar.js").Token[]} tokens @param {Source[]} sources @param {boolean} grows */
function drawn(tokens, sources, grows) {
  const fragment = sanitise(html(tokens));
  dressCode(fragment, grows);
  drawMaths(fragment);
  dressCitations(fragment, sources);
  return fragment;
}
