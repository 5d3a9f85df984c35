// Conversations as files: Markdown to read, JSON to take elsewhere and back. Pure, but for new ids.
import { t } from "../strings/index.js";
import { newId } from "./conversations.js";
import { path } from "./tree.js";

/** @typedef {import("./types.js").Conversation} Conversation */
/** @typedef {import("./types.js").Message} Message */
/** @typedef {{conversation: Conversation, messages: Message[]}} Whole */

const FORMAT = "mecum.conversations";
const STATES = new Set(["done", "stopped", "interrupted", "failed"]);

/** The branch that is shown, as Markdown. @param {Conversation} conversation @param {Map<string, Message>} messages */
export function toMarkdown(conversation, messages) {
  const turns = path(messages, conversation.leaf).map((message) => {
    const head = `## ${message.role === "user" ? t("chat.you") : message.model || t("chat.answer")}`;
    const sources = (message.sources ?? [])
      .filter((source) => message.cited?.includes(source.index))
      .map((source) => `${source.index}. ${source.title || source.path}`);
    return [head, message.text, sources.join("\n")].filter(Boolean).join("\n\n");
  });
  return `# ${conversation.title}\n\n${turns.join("\n\n")}\n`;
}

/** All branches, as JSON. @param {Whole[]} conversations */
export function toJson(conversations) {
  return `${JSON.stringify({ format: FORMAT, version: 1, conversations }, null, 2)}\n`;
}

/**
 * Reads what `toJson` wrote. Each gets new ids, so nothing that is there is overwritten.
 * @param {string} text
 * @returns {Whole[]}
 */
export function fromJson(text) {
  const file = JSON.parse(text);
  if (file?.format !== FORMAT || file.version !== 1 || !Array.isArray(file.conversations)) throw new SyntaxError("not ours");
  return file.conversations.map(renewed);
}

/** @param {Conversation} conversation @param {string} kind */
export function fileName(conversation, kind) {
  const name = conversation.title.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "").slice(0, 60); // prettier-ignore
  return `${name || "chat"}.${kind}`;
}

/** @param {Whole} whole @returns {Whole} */
function renewed({ conversation, messages }) {
  const id = newId();
  const ids = new Map(messages.map((message) => [message.id, newId()]));
  const its = messages.map((message) => ({
    ...checked(message),
    id: ids.get(message.id) ?? newId(),
    conversation: id,
    parent: ids.get(message.parent ?? "") ?? null,
  }));
  const { title, named, created, updated, role, model, documents, temperature, max_tokens } = conversation;
  const about = { title: String(title), named: Boolean(named), created: time(created), updated: time(updated) };
  const settings = {
    role: role ?? null,
    model: model ?? null,
    documents: documents ?? null,
    temperature: temperature ?? null,
    max_tokens: max_tokens ?? null,
  };
  return { conversation: { id, ...about, ...settings, leaf: ids.get(conversation.leaf ?? "") ?? null }, messages: its };
}

/** What is known of a message, as far as it is what it should be. @param {Message} message @returns {Message} */
function checked(message) {
  const { role, text, state, reasoning, model, finish, usage, times, error, retrieval } = message;
  if (!["user", "assistant"].includes(role) || typeof text !== "string") throw new SyntaxError("not a message");
  const sources = (Array.isArray(message.sources) ? message.sources : []).filter(
    (source) => typeof source?.document_id === "string" && Number.isInteger(source.index),
  );
  const cited = Array.isArray(message.cited) ? message.cited.filter(Number.isInteger) : undefined;
  const texts = Object.entries({ reasoning, model, finish }).filter(([, value]) => typeof value === "string");
  const objects = Object.entries({ usage, times, error, retrieval }).filter(([, value]) => value && typeof value === "object");
  const kept = { ...Object.fromEntries([...texts, ...objects]), ...(sources.length ? { sources } : {}), ...(cited ? { cited } : {}) };
  const { id, conversation, parent } = message;
  return {
    id,
    conversation,
    parent,
    ...kept,
    text,
    role,
    created: time(message.created),
    state: STATES.has(state) ? state : "interrupted",
  };
}

/** @param {number} value */
const time = (value) => (Number.isFinite(value) ? value : Date.now());
