// A document's passages around one of them, and more before and after on request. All text is text nodes.
import { Failure, get } from "../api.js";
import { h } from "../dom.js";
import { t } from "../strings/index.js";
import { highlighted } from "../library/highlight.js";
import { button } from "../ui/button.js";
import { toast } from "../ui/toast.js";
import { documentPath } from "./about.js";
import { headingText, placeText } from "./place.js";
import { words } from "./words.js";

/**
 * `place.start` and `place.stop` say where it stands in the document's text, in code points: passages in a row overlap.
 * @typedef {{id: string, position: number, text: string, place: import("./place.js").Place & {start?: number, stop?: number}}} Passage
 */

const AROUND = 7; // passages at first, the cited one in the middle
const MORE = 10;

export class Passages {
  /** @type {Passage[]} */
  #items = [];

  /**
   * @param {{id: string, passages: number}} found the document; `passages` is how many it has
   * @param {string} cited a passage's id, or ""
   * @param {string} [question] whose words are marked in the cited passage
   */
  constructor({ id, passages }, cited, question = "") {
    this.path = documentPath(id);
    this.total = passages;
    this.cited = cited;
    this.question = question;
    this.list = h("div", { class: "passages" });
    this.earlier = button(t("sources.earlier"), () => this.#more(true), { class: "button plain", hidden: true });
    this.later = button(t("sources.later"), () => this.#more(false), { class: "button plain", hidden: true });
    this.element = h("div", { id: "text", class: "document-text" }, this.earlier, this.list, this.later);
  }

  /** Loads them. Returns whether the cited passage is there; where it is gone, the document's first are shown. */
  async open() {
    const around = this.cited ? `&around=${encodeURIComponent(this.cited)}` : "";
    try {
      this.#show((await get(`${this.path}/passages?limit=${AROUND}${around}`)).items);
    } catch (error) {
      if (!this.cited || !(error instanceof Failure) || error.status !== 404) throw error;
      this.#show((await get(`${this.path}/passages?limit=${AROUND}`)).items);
      return false;
    }
    return true;
  }

  /** The cited passage on the page. */
  get mark() {
    return /** @type {HTMLElement | null} */ (this.list.querySelector(".cited"));
  }

  /** @param {boolean} before */
  async #more(before) {
    const first = this.#items[0]?.position ?? 0;
    const start = before ? Math.max(0, first - MORE) : first + this.#items.length;
    const limit = before ? first - start : MORE;
    const pressed = before ? this.earlier : this.later;
    pressed.disabled = true;
    try {
      const { items } = await get(`${this.path}/passages?start=${start}&limit=${limit}`);
      this.#show(before ? [...items, ...this.#items] : [...this.#items, ...items]);
      this.#focus(pressed, items[before ? items.length - 1 : 0]?.id);
    } catch (error) {
      toast(words(error));
    }
    pressed.disabled = false;
  }

  /** A button that is gone gives its focus to what it brought. @param {HTMLElement} pressed @param {string} [id] */
  #focus(pressed, id) {
    if (!pressed.hidden) return;
    const brought = [...this.list.children].find((each) => each instanceof HTMLElement && each.dataset.id === id);
    if (brought instanceof HTMLElement) brought.focus();
  }

  /** @param {Passage[]} items */
  #show(items) {
    this.#items = items;
    this.list.replaceChildren(...items.map((item, index) => this.#section(item, items[index - 1], items[index + 1])));
    this.earlier.hidden = (items[0]?.position ?? 0) === 0;
    this.later.hidden = !items.length || (items.at(-1)?.position ?? 0) + 1 >= this.total;
  }

  /** @param {Passage} item @param {Passage} [before] @param {Passage} [after] */
  #section(item, before, after) {
    const cited = item.id === this.cited;
    const told = before ? placeText(before.place) : "";
    const place = placeText(item.place, { heading: !item.text.startsWith(headingText(item.place)) }); // many a text begins with it
    return h(
      "section",
      {
        class: cited ? "cited" : null,
        "aria-current": cited ? "true" : null,
        "aria-label": cited ? t("sources.cited") : null,
        "data-id": item.id,
        tabindex: -1,
      },
      cited ? h("span", { class: "badge good" }, t("sources.cited")) : null,
      place && place !== told ? h("small", { dir: "auto" }, place) : null,
      h("p", { dir: "auto" }, ...(cited ? highlighted(item.text, this.question) : [this.#own(item, before, after)])),
    );
  }

  /**
   * Returns a passage's text without what its neighbours show of it; the cited one is shown whole, and marked.
   * @param {Passage} item
   * @param {Passage} [before]
   * @param {Passage} [after]
   */
  #own(item, before, after) {
    const { start, stop } = item.place;
    const text = [...item.text];
    if (start === undefined || stop === undefined || stop - start !== text.length) return item.text;
    const from = Math.max(0, (before?.place.stop ?? start) - start);
    const shownBelow = after?.id === this.cited ? (after.place.start ?? stop) : stop;
    return text
      .slice(from, Math.max(from, Math.min(text.length, shownBelow - start)))
      .join("")
      .trim();
  }
}
