// What is asked of the server for the next answer. Pure.
/** @typedef {import("./types.js").Conversation} Conversation */
/** @typedef {import("./types.js").Message} Message */

/**
 * Returns the body of a request: the branch up to the question, and for one that goes on what there is of its answer.
 * @param {Conversation} conversation
 * @param {Message[]} branch
 * @param {boolean} documents whether the library is asked
 */
export function body(conversation, branch, documents) {
  const messages = branch.filter(({ text }) => text.trim()).map(({ role, text }) => ({ role, content: text }));
  return {
    messages,
    stream: true,
    ...given("model", conversation.model),
    ...given("temperature", conversation.temperature),
    ...given("max_tokens", conversation.max_tokens),
    metadata: { enable_l0_retrieval: documents, truncation: "auto", ...given("role_id", conversation.role) },
  };
}

/** @param {string} name @param {string | number | null} value */
const given = (name, value) => (value === null ? {} : { [name]: value });

/**
 * Takes an event of the stream into the message. Line ends become those that Markdown's blocks are counted with.
 * @param {Message} message
 * @param {any} event
 * @param {number} now
 * @returns {boolean} whether it brought text
 */
export function fold(message, event, now) {
  if (event.model) message.model = event.model;
  if (event.sources) message.sources = event.sources;
  if (event.retrieval) message.retrieval = event.retrieval;
  if (event.truncation?.dropped_messages) message.dropped = event.truncation.dropped_messages;
  if (event.usage) message.usage = event.usage;
  const { delta = {}, finish_reason: finish = null } = event.choices?.[0] ?? {};
  if (finish) message.finish = finish;
  if (delta.reasoning_content) message.reasoning = (message.reasoning ?? "") + delta.reasoning_content;
  if (delta.content) message.text += delta.content.replaceAll("\r", "");
  if (delta.annotations) message.cited = cited(delta.annotations, message.sources ?? []);
  else if (finish && message.retrieval) message.cited ??= [];
  const brought = Boolean(delta.content || delta.reasoning_content);
  if (brought && message.times) {
    message.times.first ||= now;
    message.times.last = now;
  }
  return brought;
}

/**
 * Returns the numbers of the sources that annotations name, by their addresses.
 * @param {{url_citation: {url: string}}[]} annotations
 * @param {import("../sources/panel.js").Source[]} sources
 */
function cited(annotations, sources) {
  const urls = new Set(annotations.map((one) => one.url_citation.url));
  return sources.filter((source) => source.url && urls.has(source.url)).map((source) => source.index);
}

/**
 * Returns how fast an answer came, in tokens a second, and after how many seconds it began; null where nobody knows.
 * @param {Message} message
 */
export function pace({ usage, times }) {
  if (!times?.first) return { speed: null, wait: null };
  const seconds = (times.last - times.first) / 1000;
  const tokens = usage?.completion_tokens ?? 0;
  return { speed: tokens > 1 && seconds > 0.05 ? (tokens - 1) / seconds : null, wait: (times.first - times.asked) / 1000 };
}
