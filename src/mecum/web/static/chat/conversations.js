// The conversations that this browser keeps, for all its tabs. Each message is a row of its own and a conversation's row is
// changed, never overwritten: two tabs that write at once lose nothing of each other's.
import { done, transaction } from "./database.js";

/** @typedef {import("./types.js").Conversation} Conversation */
/** @typedef {import("./types.js").Message} Message */
/** @typedef {{conversation: string, message?: string}} Change  without a message: the conversation itself */

const UNDO = 60_000; // milliseconds for which a deletion can be undone
const channel = new BroadcastChannel("mecum.conversations");
/** @type {Set<(change: Change) => void>} */
const followers = new Set();
channel.onmessage = (/** @type {MessageEvent<Change>} */ { data }) => tell(data);

/**
 * Calls back for each change, in this tab or elsewhere.
 * @param {(change: Change) => void} follower
 * @returns {() => void}
 */
export function follow(follower) {
  followers.add(follower);
  return () => void followers.delete(follower);
}

/** Returns a new random id. Works without HTTPS, where crypto.randomUUID does not. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Returns all that are not deleted, the last changed first. @returns {Promise<Conversation[]>} */
export async function all() {
  const found = await transaction("readonly", conversationsOf);
  return found.filter((one) => !one.deleted).sort((one, other) => other.updated - one.updated);
}

/** @param {string} id @returns {Promise<Conversation | undefined>} */
export async function get(id) {
  const found = await transaction("readonly", (table) => one(table, id));
  return found?.deleted ? undefined : found;
}

/** Returns a conversation's messages by their ids. @param {string} id @returns {Promise<Map<string, Message>>} */
export async function messages(id) {
  /** @type {Message[]} */
  const found = await transaction("readonly", (table) => messagesOf(table, id));
  return new Map(found.map((message) => [message.id, message]));
}

/** @param {string} id @returns {Promise<Message | undefined>} */
export function message(id) {
  return transaction("readonly", (table) => done(/** @type {IDBRequest<Message | undefined>} */ (table("messages").get(id))));
}

/** Adds a conversation with its messages. @param {Conversation} conversation @param {Message[]} [its] */
export async function add(conversation, its = []) {
  await transaction("readwrite", (table) => {
    table("conversations").put(conversation);
    for (const message of its) table("messages").put(message);
  });
  changed({ conversation: conversation.id });
}

/**
 * Changes what is given of a conversation, and returns it. Without `updated` among it, it stays where it is in the list.
 * @param {string} id
 * @param {Partial<Conversation>} changes
 */
export async function change(id, changes) {
  const found = await transaction("readwrite", async (table) => {
    const now = await one(table, id);
    if (now) table("conversations").put({ ...now, ...changes });
    return now && { ...now, ...changes };
  });
  changed({ conversation: id });
  return found;
}

/** Does without what could not be written: there is no room, or the browser keeps nothing. It is said once. @param {unknown} error */
export const unkept = (error) => void document.dispatchEvent(new CustomEvent("mecum:unkept", { detail: String(error) }));

/** Stores a message. @param {Message} message */
export async function put(message) {
  await transaction("readwrite", (table) => void table("messages").put(message));
  changed({ conversation: message.conversation, message: message.id });
}

/** Deletes a conversation, for good after a while. @param {string} id */
export async function remove(id) {
  await change(id, { deleted: Date.now() });
  setTimeout(purge, UNDO);
}

/** Returns whether a conversation was deleted, and could still be taken back. @param {string} id */
export const isDeleted = (id) => transaction("readonly", async (table) => Boolean((await one(table, id))?.deleted));

/** Takes a deletion back. @param {string} id */
export const restore = (id) => change(id, { deleted: undefined });

/** Deletes for good what was deleted a while ago. */
export async function purge() {
  const before = Date.now() - UNDO;
  await transaction("readwrite", async (table) => {
    const found = await conversationsOf(table);
    for (const { id, deleted } of found.filter((one) => one.deleted && one.deleted <= before)) {
      const keys = await done(table("messages").index("conversation").getAllKeys(id));
      for (const key of keys) table("messages").delete(key);
      if (deleted) table("conversations").delete(id);
    }
  });
}

/**
 * Returns the ids of conversations that say something, by where they say it: in upper or lower case alike.
 * @param {string} words
 * @param {() => boolean} [wanted] asked between parts: a search that was overtaken ends
 * @returns {Promise<Map<string, string>>} with a piece of the text around it
 */
export async function search(words, wanted = () => true) {
  const sought = words.toLowerCase();
  /** @type {Map<string, string>} */
  const found = new Map();
  /** @type {IDBKeyRange | undefined} */
  let range;
  while (wanted()) {
    const part = await transaction("readonly", (table) =>
      done(/** @type {IDBRequest<Message[]>} */ (table("messages").getAll(range, 500))),
    );
    for (const { conversation, text } of part) {
      const at = found.has(conversation) ? -1 : text.toLowerCase().indexOf(sought);
      if (at >= 0) found.set(conversation, around(text, at, words.length));
    }
    const last = part.at(-1);
    if (!last || part.length < 500) break;
    range = IDBKeyRange.lowerBound(last.id, true);
  }
  return found;
}

/** @param {string} text @param {number} at @param {number} length */
function around(text, at, length) {
  const from = Math.max(0, at - 24);
  return (from ? "…" : "") + text.slice(from, at + length + 60).replace(/\s+/g, " ");
}

/** @typedef {(name: import("./database.js").Table) => IDBObjectStore} Tables */

/** @param {Tables} table @param {string} id @returns {Promise<Conversation | undefined>} */
const one = (table, id) => done(table("conversations").get(id));

/** @param {Tables} table @returns {Promise<Conversation[]>} */
const conversationsOf = (table) => done(table("conversations").getAll());

/** @param {Tables} table @param {string} id @returns {Promise<Message[]>} */
const messagesOf = (table, id) => done(table("messages").index("conversation").getAll(id));

/** @param {Change} change */
function changed(change) {
  channel.postMessage(change);
  tell(change);
}

/** @param {Change} change */
function tell(change) {
  for (const follower of followers) follower(change);
}
