// The tree of a conversation's messages. Pure.
/** @typedef {import("./types.js").Message} Message */

/**
 * Returns the messages from the first to a leaf. Without one, or with one that is gone, the newest branch.
 * @param {Map<string, Message>} messages
 * @param {string | null} leaf
 * @returns {Message[]}
 */
export function path(messages, leaf) {
  const found = new Set();
  let at = messages.get(leaf ?? "") ?? newest(messages, null);
  while (at && !found.has(at)) {
    found.add(at);
    at = messages.get(at.parent ?? "");
  }
  return [...found].reverse();
}

/**
 * Returns the messages that stand at the same place, itself among them, the oldest first.
 * @param {Map<string, Message>} messages
 * @param {Message} message
 */
export function siblings(messages, message) {
  return children(messages, message.parent);
}

/**
 * Returns the last message of the newest branch that goes on from one.
 * @param {Map<string, Message>} messages
 * @param {string | null} from
 * @returns {Message | undefined}
 */
export function newest(messages, from) {
  let at = messages.get(from ?? "");
  const seen = new Set([at]);
  for (;;) {
    const next = children(messages, at?.id ?? from).at(-1);
    if (!next || seen.has(next)) return at; // a file that somebody else made may go round in circles
    seen.add((at = next));
  }
}

/** @type {WeakMap<Map<string, Message>, {size: number, byParent: Map<string | null, Message[]>}>} */
const sorted = new WeakMap();

/** @param {Map<string, Message>} messages @param {string | null} parent @returns {Message[]} */
function children(messages, parent) {
  let known = sorted.get(messages);
  if (known?.size !== messages.size) {
    // sorted once for each message that comes, not for each that is shown; a parent never changes
    const byParent = Map.groupBy([...messages.values()].sort(older), (message) => message.parent);
    known = { size: messages.size, byParent };
    sorted.set(messages, known);
  }
  return (known.byParent.get(parent) ?? []).map((message) => messages.get(message.id) ?? message);
}

/** @param {Message} one @param {Message} other */
const older = (one, other) => one.created - other.created || (one.id < other.id ? -1 : 1);
