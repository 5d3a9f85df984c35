// The conversation that is shown: what it holds, and what can be done with it. The thread and the box below it draw it.
import { language, t } from "../strings/index.js";
import { ask, settle, stop, writing } from "./answers.js";
import * as kept from "./conversations.js";
import { newest, path, siblings } from "./tree.js";

/** @typedef {import("./types.js").Conversation} Conversation */
/** @typedef {import("./types.js").Message} Message */
/** @typedef {{uuid: string, name: string, description: string, is_active: boolean, enable_l0_retrieval: boolean, model: string | null}} Role */
/** What the server has: `models` by name, the default first; `documents` how many there are, null where one may not know. */
/** @typedef {{roles: Role[], models: string[], documents: number | null}} Offered */

const TITLE = 60; // characters
const PATIENCE = 5000; // milliseconds that a question waits until it is known what there is to ask

/** @param {Partial<Conversation>} [start] @returns {Conversation} */
export function blank(start) {
  const now = Date.now();
  const none = { leaf: null, role: null, model: null, documents: null, temperature: null, max_tokens: null };
  return { id: kept.newId(), title: "", named: false, created: now, updated: now, ...none, ...start };
}

export class Session {
  /** @type {Offered} */
  offered = { roles: [], models: [], documents: null };
  stored;
  /** @type {Promise<unknown>} */
  #learned = Promise.resolve();

  /**
   * @param {Conversation} conversation
   * @param {Map<string, Message>} messages
   * @param {{stored: boolean, changed: () => void}} options `changed` is called when the branch or a setting is another
   */
  constructor(conversation, messages, { stored, changed }) {
    this.conversation = conversation;
    this.messages = messages;
    this.changed = changed;
    this.stored = stored;
    const growing = writing(conversation.id);
    if (growing) messages.set(growing.id, growing); // what is kept of it is a moment old
    void settle(messages.values());
  }

  get branch() {
    return path(this.messages, this.conversation.leaf);
  }

  /** Whether the page itself is receiving an answer here. */
  get busy() {
    return Boolean(writing(this.conversation.id));
  }

  /** The role that is chosen, if it is still there. */
  get role() {
    return this.offered.roles.find((role) => role.uuid === this.conversation.role);
  }

  /** Whether the next answer looks into the documents: as chosen, else as the role has it, where there are any. */
  get documents() {
    return this.conversation.documents ?? Boolean(this.offered.documents && (this.role?.enable_l0_retrieval ?? true));
  }

  /** @param {Message} message */
  siblings(message) {
    return siblings(this.messages, message);
  }

  /** Asks something: at the end, or in place of another question. @param {string} text @param {string | null} [parent] */
  async send(text, parent = this.branch.at(-1)?.id ?? null) {
    if (this.busy || !text.trim()) return;
    const message = /** @type {Message} */ ({
      id: kept.newId(),
      conversation: this.conversation.id,
      parent,
      role: "user",
      text: text.replaceAll("\r", ""),
      created: Date.now(),
      state: "done",
    });
    this.messages.set(message.id, message);
    this.conversation.title ||= titleOf(text);
    await (this.stored ? kept.put(message) : kept.add(this.conversation, [message])).catch(kept.unkept);
    this.stored = true;
    await this.#learned; // whether there are documents to ask
    this.#answer(message.id);
  }

  /** Takes over what the server has. A question waits for it, but not for ever. @param {Promise<Offered>} coming */
  learn(coming) {
    const known = coming.then((offered) => (this.offered = offered));
    this.#learned = Promise.race([known, new Promise((resolve) => setTimeout(resolve, PATIENCE))]);
    return known;
  }

  /** Answers a question once more. @param {Message} message the answer that there is */
  again(message) {
    if (!this.busy && message.parent) this.#answer(message.parent);
  }

  /** Goes on with an answer that was broken off. @param {Message} message */
  goOn(message) {
    if (this.busy || !message.parent) return;
    const whole = message.text || message.reasoning;
    if (!whole) return this.again(message);
    this.#show(ask(this.conversation, this.messages, { parent: message.parent, documents: this.documents, message }));
  }

  stop() {
    stop(this.conversation.id);
  }

  /** Shows the branch of another version of a message. @param {Message} message */
  switchTo(message) {
    const leaf = newest(this.messages, message.id)?.id ?? message.id;
    this.set({ leaf });
  }

  /** Changes settings of the conversation, here and where it is kept. @param {Partial<Conversation>} changes */
  set(changes) {
    Object.assign(this.conversation, changes);
    if (this.stored) kept.change(this.conversation.id, changes).catch(kept.unkept);
    this.changed();
  }

  /** Takes over what was changed elsewhere: by another tab, by the list. @param {import("./conversations.js").Change} change */
  async take({ message: id }) {
    if (!id) {
      const now = await kept.get(this.conversation.id);
      if (now) Object.assign(this.conversation, now, { leaf: this.conversation.leaf });
      return this.changed();
    }
    if (writing(this.conversation.id)?.id === id) return;
    const message = await kept.message(id);
    if (!message || writing(this.conversation.id)?.id === id) return;
    this.messages.set(id, message);
    if (message.parent === this.conversation.leaf) this.conversation.leaf = id;
    this.changed();
  }

  /** @param {string} parent */
  #answer(parent) {
    this.#show(ask(this.conversation, this.messages, { parent, documents: this.documents }));
  }

  /** @param {Message} message */
  #show(message) {
    this.set({ leaf: message.id, title: this.conversation.title, updated: Date.now() });
  }
}

/** Returns a title made of the first words. @param {string} text */
export function titleOf(text) {
  const line = text.trim().split("\n")[0]?.replace(/\s+/g, " ").slice(0, 200) ?? "";
  const words = new Intl.Segmenter(language(), { granularity: "word" }).segment(line);
  let end = 0;
  for (const { index, segment } of words) if (index + segment.length <= TITLE) end = index + segment.length;
  const short = line.slice(0, end || TITLE).trim();
  return short.length < line.length ? `${short}…` : short || t("chat.untitled");
}
