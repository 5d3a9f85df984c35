// The messages of the branch that is shown. However many there are, only those near to what is seen are built, a few in each
// frame, and only the one that grows is drawn.
import { h, listen, one } from "../dom.js";
import { t } from "../strings/index.js";
import { announce } from "../ui/announce.js";
import { iconButton } from "../ui/button.js";
import { follow } from "./answers.js";
import { Turn } from "./turn.js";

/** @typedef {import("./types.js").Message} Message */

const FIRST = 40; // messages that are placed at once, from the end
const MORE = 100; // that are placed before them in each frame
const AT_ONCE = 6; // turns that are built before the first frame: those that one sees
const BUDGET = 5; // milliseconds of a frame for building others
const END = 60; // pixels from the end that count as at it
const REPORTS = "oncontentvisibilityautostatechange" in HTMLElement.prototype; // an older browser builds them all
const SHORT = 300; // characters of an answer that is read out as a whole

export class Thread {
  /** @type {Map<string, Turn>} */
  #turns = new Map();
  /** @type {Set<Turn>} */
  #waiting = new Set();
  /** @type {Message[]} */
  #older = []; // what is not placed yet
  /** @type {Message | null} */
  #growing = null;
  #lastId = "";
  #size = 0; // of all branches, when they were shown
  #pinned = true; // whether the end stays in sight
  #frame = 0;
  #scroller = one("#main");
  #undo;

  /** @param {import("./session.js").Session} session @param {import("../app.js").Context} context */
  constructor(session, context) {
    this.session = session;
    this.context = context;
    this.element = h("div", { class: "thread" });
    this.down = iconButton("down", t("chat.end"), () => this.toEnd(), { class: "icon-button to-end", hidden: true });
    this.#undo = [
      listen(this.element, "contentvisibilityautostatechange", (event) => this.#near(event), { capture: true }),
      listen(this.#scroller, "scroll", () => this.#scrolled(), { passive: true }),
      follow((message) => this.#came(message)),
    ];
  }

  leave() {
    cancelAnimationFrame(this.#frame);
    for (const undo of this.#undo) undo();
  }

  /** Shows the branch as it is now; what is shown already stays. */
  show() {
    const branch = this.session.branch;
    const ends = [this.#lastId, (this.#lastId = branch.at(-1)?.id ?? "")];
    const ids = new Set(branch.map((message) => message.id));
    for (const [id, turn] of this.#turns) if (!ids.has(id)) this.#drop(id, turn);
    const fresh = branch.filter((message) => !this.#turns.has(message.id));
    const parents = new Set(fresh.map((message) => message.parent));
    const more = this.session.messages.size - this.#size;
    this.#size += more;
    // What can look different: with a message that came somewhere else, anything.
    const stale = (/** @type {Message} */ { id, parent }) => more !== fresh.length || parents.has(parent) || ends.includes(id);
    let before = /** @type {Turn | undefined} */ (undefined);
    const start = this.#turns.size ? 0 : Math.max(0, branch.length - FIRST);
    this.#older = branch.slice(0, start);
    for (const message of branch.slice(start)) before = this.#place(message, before, stale(message));
    for (const message of branch.slice(-AT_ONCE)) this.#build(this.#turns.get(message.id));
    if (fresh.length) this.toEnd();
    if (start) this.#draw();
  }

  /** Shows the end, and keeps it in sight. */
  toEnd() {
    this.#pinned = true;
    this.#follow();
  }

  /** Opens the last question for editing. */
  editLast() {
    const last = this.session.branch.findLast((message) => message.role === "user");
    const turn = this.#turns.get(last?.id ?? "");
    this.#build(turn);
    turn?.edit();
  }

  /** @param {Message} message */
  last(message) {
    return this.#lastId === message.id;
  }

  /** The focus goes back to where one writes. */
  edited() {
    one("#question").focus();
  }

  /** @param {Message} message @param {Turn | undefined} before @param {boolean} [stale] @returns {Turn} */
  #place(message, before, stale = false) {
    const known = this.#turns.get(message.id);
    const turn = known ?? new Turn(message, this);
    const place = before ? before.element.nextSibling : this.element.firstChild;
    if (turn.element !== place) this.element.insertBefore(turn.element, place);
    if (!known) this.#turns.set(message.id, turn);
    else if (stale || known.message !== message || message.state === "streaming") turn.draw(message);
    if (!turn.built && !REPORTS) this.#waiting.add(turn);
    return turn;
  }

  /** @param {string} id @param {Turn} turn */
  #drop(id, turn) {
    this.#turns.delete(id);
    this.#waiting.delete(turn);
    turn.element.remove();
  }

  /** @param {Turn | undefined} turn */
  #build(turn) {
    if (!turn || turn.built) return;
    this.#waiting.delete(turn);
    turn.build();
  }

  /** The browser says what it begins or ceases to draw. @param {ContentVisibilityAutoStateChangeEvent} event */
  #near({ target, skipped }) {
    const turn = this.#turns.get(/** @type {HTMLElement} */ (target).dataset.id ?? "");
    if (!turn || turn.built) return;
    if (skipped) this.#waiting.delete(turn);
    else (this.#waiting.add(turn), this.#draw());
  }

  /** Places some of the messages that come before those that are there. */
  #placeOlder() {
    let before = /** @type {Turn | undefined} */ (undefined);
    for (const message of this.#older.splice(-MORE)) before = this.#place(message, before);
  }

  /** @param {Message} message */
  #came(message) {
    if (message.conversation !== this.session.conversation.id || !this.#turns.has(message.id)) return;
    const ended = message.state !== "streaming";
    if (!this.#growing && !ended) announce(t("chat.answering"));
    this.#growing = ended ? null : message;
    if (!ended) return this.#draw();
    this.#turns.get(message.id)?.draw(message);
    this.#follow();
    this.session.changed();
    announce(
      message.text.length <= SHORT
        ? message.text || t(`chat.${message.state === "done" ? "nothing" : "failed"}`)
        : t("chat.answered", { number: words(message.text) }),
    );
  }

  /** Draws in the next frame. */
  #draw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      if (this.#growing) this.#turns.get(this.#growing.id)?.draw(this.#growing);
      if (this.#older.length) this.#placeOlder();
      const until = performance.now() + BUDGET;
      for (const turn of this.#waiting) {
        this.#build(turn);
        if (performance.now() > until) break;
      }
      this.#follow();
      if (this.#waiting.size || this.#older.length) this.#draw();
    });
  }

  /** Keeps the end in sight, where it was. */
  #follow() {
    if (this.#pinned) this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    this.#pinned = scrollHeight - scrollTop - clientHeight < END;
    this.down.hidden = this.#pinned;
  }
}

/** @param {string} text */
function words(text) {
  let count = 0;
  for (const { isWordLike } of new Intl.Segmenter(undefined, { granularity: "word" }).segment(text)) if (isWordLike) count++;
  return count;
}
