// One message in the thread. It is built when it comes near to what is seen; until then it is its bare text, which the
// browser's search finds and which keeps its place.
import { h, replace } from "../dom.js";
import { badge } from "../sources/badge.js";
import { openSource } from "../sources/panel.js";
import { t } from "../strings/index.js";
import { button, iconButton } from "../ui/button.js";
import { copyButton } from "./copy.js";
import { Prose } from "./markdown/prose.js";
import { meter } from "./meter.js";
import { notes } from "./notes.js";
import { Waiting } from "./waiting.js";

/** @typedef {import("./types.js").Message} Message */
/** @typedef {import("./session.js").Session} Session */
/** @typedef {{session: Session, context: import("../app.js").Context, last: (message: Message) => boolean, edited: () => void}} Thread */

export class Turn {
  built = false;
  #drawn = ""; // what is drawn, so that nothing is drawn twice: of all, and of what stands around the text
  #rest = "";
  #body = h("div", { class: "text", dir: "auto" });
  #reasoning = h("div", { class: "reasoning-text", dir: "auto" });
  #folded = h("details", { class: "reasoning", hidden: true });
  #notes = h("div", { class: "notes" });
  #tools = h("div", { class: "tools" });
  /** @type {Waiting | null} */
  #waiting = null;
  #prose = new Prose(this.#body);
  #thoughts = new Prose(this.#reasoning);

  /** @param {Message} message @param {Thread} thread */
  constructor(message, thread) {
    this.message = message;
    this.thread = thread;
    this.element = h("article", { class: `message ${message.role}`, "data-id": message.id }, message.text);
    this.element.setAttribute("dir", "auto");
  }

  /** Draws the message as it is now. */
  build() {
    this.built = true;
    this.element.classList.add("built");
    this.#drawn = this.#rest = "";
    const { role } = this.message;
    const name = h("h2", { class: "unseen" }, role === "user" ? t("chat.you") : this.#speaker());
    this.element.removeAttribute("dir");
    if (role === "user") {
      replace(this.element, name, this.#body, this.#tools);
    } else {
      this.#folded.append(h("summary", {}, t("chat.reasoning")), this.#reasoning);
      this.#body.classList.add("prose");
      this.#reasoning.classList.add("prose");
      this.#body.addEventListener("click", (event) => this.#cite(event));
      replace(this.element, name, this.#folded, this.#body, this.#notes, this.#tools);
    }
    this.draw();
  }

  /** Draws what changed. @param {Message} [message] */
  draw(message = this.message) {
    this.message = message;
    const rest = [
      message.state,
      Boolean(message.text),
      message.sources?.length,
      this.thread.session.siblings(message).map(({ id }) => id),
      this.thread.last(message),
    ].join();
    const drawn = message.state === "streaming" ? "" : `${rest} ${message.text.length}`;
    if (drawn && drawn === this.#drawn) return;
    this.#drawn = drawn;
    if (!this.built) return void this.element.replaceChildren(message.text);
    if (message.role === "user") this.#body.textContent = message.text;
    else this.#drawAnswer(message);
    if (rest !== this.#rest) this.#drawRest();
    this.#rest = rest;
  }

  /** @param {Message} message */
  #drawAnswer(message) {
    const comes = message.state === "streaming";
    this.element.setAttribute("aria-busy", String(comes));
    const waits = comes && !message.text && !message.reasoning;
    this.#body.classList.toggle("waiting", waits);
    this.#await(waits);
    this.#prose.show(message.text, { comes, sources: message.sources });
    this.#folded.hidden = !message.reasoning;
    if (!message.reasoning) return;
    this.#folded.classList.toggle("growing", comes && !message.text);
    this.#thoughts.show(message.reasoning, { comes: comes && !message.text });
  }

  /** Says what an answer waits for, while it does. @param {boolean} waits */
  #await(waits) {
    if (waits && !this.#waiting) this.#body.after((this.#waiting = new Waiting(this.thread.session)).element);
    if (waits) return;
    this.#waiting?.leave();
    this.#waiting = null;
  }

  /** What stands under a message: notes, sources, and what can be done with it. */
  #drawRest() {
    const { message } = this;
    const { session, context } = this.thread;
    if (message.role === "assistant") {
      const { retrieval, sources, cited } = message;
      const grounding = message.text || message.state === "done" ? badge({ retrieval, sources, cited }, context) : null;
      replace(this.#notes, ...notes(message, session, this.thread.last(message)), grounding);
    }
    if (message.state === "streaming") return replace(this.#tools, this.#versions());
    const again = iconButton("again", t("chat.again"), () => session.again(message), { class: "icon-button small" });
    const edit = iconButton("edit", t("chat.edit"), () => this.edit(), { class: "icon-button small" });
    replace(
      this.#tools,
      this.#versions(),
      copyButton(t("chat.copy"), () => message.text),
      message.role === "user" ? edit : again,
      message.role === "assistant" ? meter(message) : null,
    );
  }

  /** The switch between the versions of a message, where there are several. */
  #versions() {
    const all = this.thread.session.siblings(this.message);
    if (all.length < 2) return null;
    const at = all.findIndex((one) => one.id === this.message.id);
    /** @param {string} image @param {string} name @param {number} to */
    const step = (image, name, to) => {
      const target = all[to];
      return iconButton(image, name, () => target && this.thread.session.switchTo(target), {
        class: "icon-button small",
        disabled: !target,
        "data-step": image,
      });
    };
    return h(
      "span",
      { class: "versions", role: "group", "aria-label": t("chat.versions") },
      step("left", t("chat.version.before"), at - 1),
      h("span", { class: "hint" }, `${at + 1}/${all.length}`),
      step("right", t("chat.version.after"), at + 1),
    );
  }

  /** Puts a box in the place of a question. What is sent from it is a new branch; the old one stays. */
  edit() {
    const { message } = this;
    const { session } = this.thread;
    const area = h("textarea", { class: "edit", rows: 3, dir: "auto", "aria-label": t("chat.edit.label"), value: message.text });
    const leave = () => {
      this.build();
      /** @type {HTMLElement | null} */ (this.#tools.querySelector("button:last-of-type"))?.focus();
    };
    const send = () => {
      if (!area.value.trim() || session.busy) return;
      session.send(area.value, message.parent);
      this.thread.edited();
    };
    area.addEventListener("keydown", (event) => {
      if (event.isComposing || event.keyCode === 229) return;
      if (event.key === "Escape") (event.preventDefault(), leave());
      if (event.key === "Enter" && !event.shiftKey) (event.preventDefault(), send());
    });
    const buttons = h(
      "div",
      { class: "actions" },
      button(t("shell.cancel"), leave),
      button(t("chat.edit.send"), send, { class: "button primary" }),
    );
    replace(
      this.element,
      h("form", { class: "edit-form", onsubmit: (/** @type {Event} */ event) => event.preventDefault() }, area, buttons),
    );
    area.focus();
    area.setSelectionRange(area.value.length, area.value.length);
  }

  #speaker() {
    return this.message.model ? t("chat.answer.of", { model: this.message.model }) : t("chat.answer");
  }

  /** @param {MouseEvent} event */
  #cite(event) {
    const pressed = /** @type {Element} */ (event.target).closest(".citation");
    const { sources = [] } = this.message;
    const source = sources.find((one) => String(one.index) === /** @type {HTMLElement | null} */ (pressed)?.dataset.source);
    if (source) openSource(source, this.thread.context, sources);
  }
}
