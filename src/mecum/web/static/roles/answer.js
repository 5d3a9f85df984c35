// One question to one role or model, outside of any conversation: nothing of it is kept.
import { Failure, call, events } from "../api.js";
import { fold } from "../chat/request.js";

/** @typedef {import("../chat/types.js").Message} Message */

/**
 * Asks, and calls back for every piece. Returns the whole answer.
 * @param {{question: string, role: string, model: string, documents: boolean, signal: AbortSignal}} asked "" mean the default
 * @param {(answer: Message) => void} told
 * @returns {Promise<Message>}
 */
export async function answerTo({ question, role, model, documents, signal }, told) {
  const now = Date.now();
  /** @type {Message} */
  const answer = {
    id: "",
    conversation: "",
    parent: null,
    role: "assistant",
    text: "",
    created: now,
    state: "streaming",
    times: { asked: now, first: 0, last: 0 },
  };
  const body = {
    messages: [{ role: "user", content: question }],
    stream: true,
    ...(model && { model }),
    metadata: { enable_l0_retrieval: documents, ...(role && { role_id: role }) },
  };
  const response = await call("/api/kernel2/chat", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });
  for await (const event of events(response)) {
    if (event.error) throw new Failure(event.code ?? 500, event);
    fold(answer, event, Date.now());
    told(answer);
  }
  return answer;
}
