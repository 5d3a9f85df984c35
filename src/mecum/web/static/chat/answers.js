// The answers that this tab is receiving. They go on whatever view is shown, and are written down while they come: a reload
// loses at most the last moment.
import { Failure, call, events } from "../api.js";
import { follow as followKept, isDeleted, message as stored, newId, put, unkept } from "./conversations.js";
import { body, fold } from "./request.js";
import { path } from "./tree.js";

/** @typedef {import("./types.js").Conversation} Conversation */
/** @typedef {import("./types.js").Message} Message */

const KEEP = 300; // milliseconds between two writes
const REPLY = 400; // milliseconds in which another tab says that it is writing an answer
const channel = new BroadcastChannel("mecum.answers");
/** @type {Map<string, {message: Message, stop: AbortController}>} by conversation */
const running = new Map();
/** @type {Set<(message: Message) => void>} */
const followers = new Set();

channel.onmessage = (/** @type {MessageEvent<{ask?: string}>} */ { data }) => {
  if (data.ask && byMessage(data.ask)) channel.postMessage({ alive: data.ask });
};
followKept(({ conversation, message }) => void (!message && running.has(conversation) && leave(conversation).catch(() => {})));
window.addEventListener("pagehide", () => running.forEach(({ message }) => keep(message)));

/**
 * Calls back for each piece that comes, for the beginning and for the end.
 * @param {(message: Message) => void} follower
 * @returns {() => void}
 */
export function follow(follower) {
  followers.add(follower);
  return () => void followers.delete(follower);
}

/** Returns the message that is being written in a conversation, by this tab. @param {string} conversation */
export const writing = (conversation) => running.get(conversation)?.message;

/** @param {string} conversation */
export function stop(conversation) {
  running.get(conversation)?.stop.abort();
}

/** Stops where another tab deleted the conversation: what is written after that would be there for good. @param {string} conversation */
async function leave(conversation) {
  if (await isDeleted(conversation)) stop(conversation);
}

/**
 * Asks for an answer, and receives it. With `message` it goes on where that one ended.
 * @param {Conversation} conversation
 * @param {Map<string, Message>} messages
 * @param {{parent: string, documents: boolean, message?: Message}} options
 * @returns {Message} which grows
 */
export function ask(conversation, messages, { parent, documents, message: begun }) {
  const message = begun ? again(begun) : fresh(conversation.id, parent);
  messages.set(message.id, message);
  const branch = path(messages, begun ? begun.id : parent);
  const stop = new AbortController();
  running.set(conversation.id, { message, stop });
  void receive(message, body(conversation, branch, documents), stop.signal);
  return message;
}

/** @param {string} conversation @param {string} parent @returns {Message} */
function fresh(conversation, parent) {
  const now = Date.now();
  return {
    id: newId(),
    conversation,
    parent,
    role: "assistant",
    text: "",
    created: now,
    state: "streaming",
    times: { asked: now, first: 0, last: 0 },
  };
}

/** @param {Message} message @returns {Message} */
function again(message) {
  const { error, finish, usage, ...kept } = message;
  return { ...kept, state: "streaming", times: { asked: Date.now(), first: 0, last: 0 } };
}

/** @param {Message} message @param {object} body @param {AbortSignal} signal */
async function receive(message, body, signal) {
  keep(message);
  tell(message);
  const keeping = setInterval(() => keep(message), KEEP);
  try {
    const response = await call("/api/kernel2/chat", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal,
    });
    message.wanted = decodeURIComponent(response.headers.get("x-model-requested") ?? "") || undefined;
    for await (const event of events(response)) {
      if (event.error) throw new Failure(event.code ?? 500, event);
      fold(message, event, Date.now());
      tell(message);
    }
    message.state = message.finish ? "done" : "interrupted";
  } catch (error) {
    end(message, error);
  } finally {
    clearInterval(keeping);
    running.delete(message.conversation);
    keep(message);
    tell(message);
  }
}

/** @param {Message} message */
const keep = (message) => void put(message).catch(unkept);

/** @param {Message} message @param {unknown} error */
function end(message, error) {
  if (error instanceof DOMException && error.name === "AbortError") {
    message.state = "stopped";
  } else if (error instanceof Failure) {
    message.state = "failed";
    message.error = { message: error.message, code: error.code, status: error.status };
  } else if (message.text || message.reasoning) {
    message.state = "interrupted"; // the line broke
  } else {
    message.state = "failed";
    message.error = { message: "", code: "offline", status: 0 };
  }
}

/**
 * Finds answers that nobody writes any more, because their tab was closed or loaded anew, and marks them.
 * @param {Iterable<Message>} messages
 */
export async function settle(messages) {
  const open = [...messages].filter((message) => message.state === "streaming" && !byMessage(message.id));
  await Promise.all(open.map(settleOne));
}

/** @param {Message} message */
async function settleOne(message) {
  if (await isWrittenElsewhere(message.id)) return;
  const now = await stored(message.id); // it may have ended while we asked
  if (now?.state === "streaming") await put({ ...now, state: "interrupted" });
}

/** @param {string} id @returns {Promise<boolean>} */
function isWrittenElsewhere(id) {
  return new Promise((resolve) => {
    const ask = new BroadcastChannel("mecum.answers");
    ask.onmessage = ({ data }) => data.alive === id && finish(true);
    const timer = setTimeout(() => finish(false), REPLY);
    ask.postMessage({ ask: id });
    /** @param {boolean} alive */
    function finish(alive) {
      clearTimeout(timer);
      ask.close();
      resolve(alive);
    }
  });
}

/** @param {string} id */
const byMessage = (id) => [...running.values()].find(({ message }) => message.id === id);

/** @param {Message} message */
function tell(message) {
  for (const follower of followers) follower(message);
}
