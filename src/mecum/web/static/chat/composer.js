// Where one writes: Enter sends, Shift and Enter begin a line, Esc stops the answer that comes.
import { h, listen } from "../dom.js";
import { t } from "../strings/index.js";
import { announce } from "../ui/announce.js";
import { iconButton } from "../ui/button.js";
import { Choices } from "./choices.js";

/** @typedef {import("./session.js").Session} Session */

const TOUCH = window.matchMedia("(pointer: coarse)"); // there Enter begins a line, and the focus would open the keyboard

export class Composer {
  #area = h("textarea", {
    id: "question", rows: 1, dir: "auto", "aria-label": t("chat.ask"), placeholder: t("chat.ask"), enterkeyhint: "send", autocomplete: "off",
  }); // prettier-ignore
  #send = iconButton("send", t("chat.send"), () => this.#submit(), { id: "send", class: "icon-button send" });
  #stop = iconButton("stop", `${t("chat.stop")} (Esc)`, () => this.session.stop(), { id: "stop", class: "icon-button send", hidden: true });
  #undo;

  /**
   * @param {Session} session
   * @param {import("../app.js").Context} context
   * @param {{editLast: () => void}} thread
   */
  constructor(session, context, thread) {
    this.session = session;
    this.thread = thread;
    this.choices = new Choices(session, context);
    this.element = h(
      "form",
      { id: "ask", class: "composer", onsubmit: (/** @type {Event} */ event) => (event.preventDefault(), this.#submit()) },
      this.#area,
      h("div", { class: "composer-row" }, this.choices.element, this.#stop, this.#send),
    );
    this.#area.addEventListener("keydown", (event) => this.#key(event));
    this.#area.addEventListener("input", () => this.#typed());
    this.element.addEventListener("click", (event) => event.target === this.element && this.#area.focus());
    this.#undo = listen(document, "mecum:escape", () => session.busy && (session.stop(), announce(t("chat.stopped"))));
    this.text = sessionStorage.getItem(this.#draft) ?? "";
  }

  get #draft() {
    return `mecum.draft.${this.session.stored ? this.session.conversation.id : "new"}`;
  }

  /** @param {string} text */
  set text(text) {
    this.#area.value = text;
    this.#typed();
  }

  leave() {
    this.#undo();
    this.choices.leave();
  }

  /** The focus, where it is not in the way. */
  begin() {
    if (!TOUCH.matches && document.activeElement?.id !== "main") this.focus(); // who skipped to the content has chosen
  }

  focus() {
    this.#area.focus({ preventScroll: true });
  }

  /** Shows what holds now. */
  show() {
    const { busy } = this.session;
    const focused = document.activeElement === this.#stop;
    this.#stop.hidden = !busy;
    this.#send.hidden = busy;
    if (focused && !busy) this.focus();
    this.choices.show();
  }

  #typed() {
    const { value } = this.#area;
    this.#send.disabled = !value.trim();
    if (value) sessionStorage.setItem(this.#draft, value);
    else sessionStorage.removeItem(this.#draft);
    if (!CSS.supports("field-sizing", "content")) {
      this.#area.style.height = "auto";
      this.#area.style.height = `${Math.min(this.#area.scrollHeight, 240)}px`;
    }
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.isComposing || event.keyCode === 229) return; // an input method is choosing; Safari says so with 229 alone
    if (event.key === "Enter" && !event.shiftKey && !TOUCH.matches) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === "ArrowUp" && !this.#area.value && this.session.branch.length && !this.session.busy) {
      event.preventDefault();
      this.thread.editLast();
    }
  }

  #submit() {
    const text = this.#area.value;
    if (this.session.busy || !text.trim()) return;
    this.text = "";
    void this.session.send(text);
  }
}
