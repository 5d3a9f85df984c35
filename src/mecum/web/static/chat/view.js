// The chat: the thread, and the box below it.
import { h, one, replace } from "../dom.js";
import { conversationPath } from "../router.js";
import { t } from "../strings/index.js";
import { welcome } from "../help/welcome.js";
import { actionsButton } from "./actions.js";
import { Composer } from "./composer.js";
import * as kept from "./conversations.js";
import { offered } from "./offered.js";
import { Session, blank } from "./session.js";
import { Thread } from "./thread.js";

/** @typedef {import("../app.js").Context} Context */

/**
 * @param {HTMLElement} container
 * @param {Context} context
 * @returns {Promise<(() => void) | undefined>}
 */
export async function mount(container, context) {
  const id = context.route.conversation;
  const conversation = id ? await kept.get(id) : undefined;
  if (id && !conversation) {
    missing(container);
    return undefined;
  }
  const view = new ChatView(container, context, conversation, id ? await kept.messages(id) : new Map());
  view.show();
  void view.learn();
  return () => view.leave();
}

/** @param {HTMLElement} container */
function missing(container) {
  replace(
    container,
    h(
      "div",
      { class: "page" },
      h("h1", {}, t("chat.missing")),
      h("p", {}, t("chat.missing.hint")),
      h("a", { href: "#/", class: "button" }, t("chat.new")),
    ),
  );
}

class ChatView {
  #title = h("h1", { class: "title", dir: "auto" });
  #start = h("div", { class: "start" });
  #left = false;
  #frame = 0;
  #addressed;
  /** @type {(() => void) | undefined} */
  #leaveStart;
  #undo = () => {};

  /**
   * @param {HTMLElement} container
   * @param {Context} context
   * @param {import("./types.js").Conversation | undefined} conversation
   * @param {Map<string, import("./types.js").Message>} messages
   */
  constructor(container, context, conversation, messages) {
    const start = conversation ? {} : taken();
    const stored = Boolean(conversation);
    this.context = context;
    this.#addressed = stored;
    this.session = new Session(conversation ?? blank({ role: start.role ?? null }), messages, { stored, changed: () => this.#soon() });
    this.thread = new Thread(this.session, context);
    this.composer = new Composer(this.session, context, this.thread);
    if (start.text) this.composer.text = start.text;
    const foot = h("div", { class: "foot" }, this.thread.down, this.composer.element, h("p", { class: "hint caution" }, t("chat.caution")));
    replace(container, this.#start, this.thread.element, foot);
    this.#undo = kept.follow((change) => void (change.conversation === this.session.conversation.id && this.session.take(change)));
    this.composer.begin();
  }

  /** Asks the server what there is to choose from. */
  async learn() {
    await this.session.learn(offered());
    if (!this.#left) this.show();
  }

  /** Shows what changed, once for all that changes until the next frame. A hidden tab has no frames. */
  #soon() {
    if (document.hidden) return this.show();
    this.#frame ||= requestAnimationFrame(() => this.show());
  }

  show() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    if (this.#left) return; // something came to an end after another view was shown
    const { session } = this;
    const { conversation, branch } = session;
    if (session.stored && !this.#addressed) history.replaceState(null, "", conversationPath(conversation.id)); // the view stays
    this.#addressed = session.stored;
    if (branch.length) this.#endStart();
    else this.#leaveStart ??= welcome(this.#start, this.context, (text) => ((this.composer.text = text), this.composer.focus()));
    this.#title.textContent = conversation.title;
    document.title = conversation.title ? `${conversation.title} · mecum` : "mecum";
    replace(one("#tools"), ...(session.stored ? [this.#title, actionsButton(conversation, this.context)] : []));
    this.thread.show();
    this.composer.show();
  }

  leave() {
    this.#left = true;
    this.#endStart();
    this.#undo();
    this.thread.leave();
    this.composer.leave();
    one("#tools").replaceChildren();
  }

  #endStart() {
    this.#leaveStart?.();
    this.#leaveStart = undefined;
    this.#start.replaceChildren();
  }
}

/** Returns what a new chat was to begin with, once. @returns {{text?: string, role?: string}} */
function taken() {
  const start = JSON.parse(sessionStorage.getItem("mecum.start") ?? "{}");
  sessionStorage.removeItem("mecum.start");
  return start;
}
