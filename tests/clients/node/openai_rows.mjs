// openai-node's rows.
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";
import { BORDERS, BREAKS, GROUNDED, SEPARATORS, WEATHER, counting, main, raised } from "./rows.mjs";

const Person = z.object({ name: z.string(), age: z.number().int() });
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = [{ type: "function", function: { name: "weather", parameters } }];

const client = (url, options = {}) => new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0, ...options });
const says = (text, fields = {}) => ({ model: "scripted", messages: [{ role: "user", content: text }], ...fields });
const plain = (url, text, fields = {}, options = {}) => client(url, options).chat.completions.create(says(text, fields));

async function streamed(url, text, fields = {}, options = {}) {
  const stream = await plain(url, text, { stream: true, ...fields }, options);
  let joined = "";
  let last;
  for await (const chunk of stream) {
    joined += chunk.choices[0]?.delta.content ?? "";
    last = chunk;
  }
  return { text: joined, last };
}

async function helper(url, text, fields = {}) {
  const stream = client(url).chat.completions.stream(says(text, fields));
  const kinds = new Set();
  for (const kind of ["content.delta", "content.done", "tool_calls.function.arguments.done"]) {
    stream.on(kind, () => kinds.add(kind));
  }
  return { completion: await stream.finalChatCompletion(), kinds: [...kinds] };
}

async function ranTools(url) {
  const asked = [];
  const run = ({ city }) => (asked.push(city), "rain");
  const runnable = { type: "function", function: { name: "weather", parameters, function: run, parse: JSON.parse } };
  const runner = client(url).chat.completions.runTools(says(WEATHER, { tools: [runnable] }), { maxChatCompletions: 1 });
  await runner.done();
  return asked;
}

async function counted(url, text) {
  const count = counting();
  const error = await raised(() => plain(url, text, {}, { fetch: count.fetch, maxRetries: 2 }));
  return { ...error, sent: count.sent };
}

const fails = (url, text, fields, options) => raised(() => plain(url, text, fields, options));

await main({
  plain: (url) => plain(url, "!words 5"),
  kernel2: (url) => plain(url, "hi", {}, { baseURL: `${url}/api/kernel2` }),
  stream: (url) => streamed(url, "!wait 1\n!words 5"),
  stream_usage: (url) => streamed(url, "!words 5", { stream_options: { include_usage: true } }),
  stream_helper: (url) => helper(url, "!words 3"),
  unicode: (url) => streamed(url, `!chars ${BORDERS}`),
  separators: (url) => streamed(url, SEPARATORS),
  parse: (url) =>
    client(url)
      .chat.completions.parse(says("who?", { response_format: zodResponseFormat(Person, "person") }))
      .then((answer) => answer.choices[0].message.parsed),
  parse_streamed: (url) =>
    helper(url, "who?", { response_format: zodResponseFormat(Person, "person") }).then(
      ({ completion }) => completion.choices[0].message.parsed,
    ),
  tools: (url) => plain(url, WEATHER, { tools }),
  tools_streamed: (url) => helper(url, WEATHER, { tools }),
  tool_required: (url) => plain(url, "hi", { tools, tool_choice: "required" }),
  tools_run: ranTools,
  logprobs: (url) => plain(url, "!say one two", { logprobs: true, top_logprobs: 1, n: 2 }),
  models: async (url) => (await client(url).models.list()).data.map((model) => model.id),
  metadata: (url) => fails(url, "hi", { metadata: { role_id: "nobody" } }),
  grounded: (url) => plain(url, GROUNDED, { metadata: { enable_l0_retrieval: "true" } }),
  grounded_helper: (url) => helper(url, GROUNDED, { metadata: { enable_l0_retrieval: "true" } }),
  error_400: (url) => fails(url, "!refuse 400"),
  error_404: (url) => fails(url, "hi", { model: "gpt-9" }),
  error_429: (url) => fails(url, "!refuse 429"),
  error_500: (url) => counted(url, "!refuse 500"),
  error_503: (url) => fails(url, "!refuse 503"),
  error_long: (url) => fails(url, "word ".repeat(9000)),
  error_before_stream: (url) => fails(url, "!refuse 503", { stream: true }),
  breaks: (url) => raised(() => streamed(url, BREAKS)),
  breaks_helper: (url) => raised(() => helper(url, BREAKS)),
  real: (url) => streamed(url, "Say hello.", { model: "mecum", max_tokens: 12 }),
});
