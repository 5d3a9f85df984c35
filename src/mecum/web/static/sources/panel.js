// A cited source in the panel at the side: its passage, marked, between its neighbours in the document.
import { Failure, get } from "../api.js";
import { h, replace } from "../dom.js";
import { passagePath } from "../router.js";
import { number, t } from "../strings/index.js";
import { iconButton } from "../ui/button.js";
import { about, documentPath, downloadButton } from "./about.js";
import { Passages } from "./passages.js";
import { placeText } from "./place.js";
import { words } from "./words.js";

/**
 * A source as an answer has it: `index` is the number it is cited by, `score` its relevance from 0 to 1.
 * @typedef {{index: number, document_id: string, chunk_id: string, title: string, path: string, page?: number | null,
 *   last_page?: number | null, heading?: string | null, score: number, snippet?: string, url?: string}} Source
 */

/**
 * Opens a source; pressed a second time it closes. With `all` sources of the answer one can go from one to the next.
 * @param {Source} source
 * @param {Pick<import("../app.js").Context, "openPanel" | "announce">} context
 * @param {Source[]} [all]
 * @param {string} [question] whose words are marked
 * @returns {() => void} closes it
 */
export function openSource(source, { openPanel, announce }, all = [source], question = "") {
  return openPanel({
    title: t("sources.source"),
    key: `source ${source.document_id} ${source.chunk_id}`,
    mount: (container) => {
      const shown = new Shown(container, all, question, announce);
      shown.show(Math.max(0, all.indexOf(source)));
      return () => shown.leave();
    },
  });
}

class Shown {
  #turn = 0; // counts up: an answer for a source that was left is dropped

  /** @param {HTMLElement} container @param {Source[]} all @param {string} question @param {(text: string) => void} announce */
  constructor(container, all, question, announce) {
    this.container = container;
    this.all = all;
    this.question = question;
    this.announce = announce;
  }

  leave() {
    this.#turn++;
  }

  /** @param {number} at @param {boolean} [moved] whether the focus was on a button that is no more */
  async show(at, moved = false) {
    const source = this.all[at];
    if (!source) return;
    const turn = ++this.#turn;
    const title = h("h3", { tabindex: -1, dir: "auto" }, source.title || source.path);
    const body = h("div", {}, h("p", { class: "hint" }, t("sources.looking")));
    replace(this.container, h("div", { class: "source" }, this.#head(source, at), title, where(source), body));
    if (moved) title.focus();
    try {
      const found = await get(documentPath(source.document_id));
      const passages = new Passages(found, source.chunk_id, this.question);
      const there = await passages.open();
      if (turn !== this.#turn) return;
      const links = h("p", { class: "toolbar" }, whole(source), downloadButton(found));
      const gone = there ? null : h("p", { role: "alert", class: "notice" }, t("sources.passage.gone"));
      replace(body, links, gone, passages.element, h("details", {}, h("summary", {}, t("sources.about")), ...about(found)));
      passages.mark?.scrollIntoView({ block: "center" });
      this.announce(t("sources.opened", { number: source.index, title: source.title || source.path }));
    } catch (error) {
      if (turn === this.#turn) replace(body, ...instead(source, error));
    }
  }

  /** @param {Source} source @param {number} at */
  #head(source, at) {
    const steps = [
      iconButton("left", t("sources.previous"), () => this.show(at - 1, true), { disabled: at === 0, class: "icon-button small" }),
      iconButton("right", t("sources.next"), () => this.show(at + 1, true), {
        disabled: at === this.all.length - 1,
        class: "icon-button small",
      }),
    ];
    const relevance = h("span", { class: "hint" }, t("sources.relevance", { score: number(source.score, { style: "percent" }) }));
    return h(
      "div",
      { class: "source-head" },
      h("span", { class: "source-number" }, String(source.index)),
      relevance,
      ...(this.all.length > 1 ? steps : []),
    );
  }
}

/**
 * What is shown where the document does not open. A key for chats alone may read what the answer rests on.
 * @param {Source} source
 * @param {unknown} error
 */
function instead({ snippet }, error) {
  const closed = error instanceof Failure && error.status === 403 && snippet;
  if (!closed) return [h("p", { role: "alert", class: "fault" }, words(error))];
  return [h("p", { class: "hint" }, t("sources.closed")), h("blockquote", { class: "cited", dir: "auto" }, snippet)];
}

/** @param {Source} source */
function where(source) {
  const place = placeText(source);
  return place ? h("p", { class: "hint", dir: "auto" }, place) : null;
}

/** @param {Source} source */
const whole = (source) => h("a", { class: "button", href: passagePath(source.document_id, source.chunk_id) }, t("sources.whole"));
