// The rows of the Vercel AI SDK, for both of its providers that can speak to this server.
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { Output, generateText, streamText, tool } from "ai";
import { z } from "zod";
import { BORDERS, BREAKS, GROUNDED, SEPARATORS, WEATHER, counting, main, raised } from "./rows.mjs";

const Person = z.object({ name: z.string(), age: z.number().int() });
const tools = { weather: tool({ inputSchema: z.object({ city: z.string() }) }) };

// Each provider's way to make a chat model; `name` is what providerOptions call it.
const PROVIDERS = {
  compatible: {
    name: "mecum",
    model: (url, id = "scripted", options = {}) =>
      createOpenAICompatible({
        name: "mecum",
        baseURL: `${url}/v1`,
        apiKey: "none",
        supportsStructuredOutputs: true,
        ...options,
      })(id),
  },
  openai: {
    name: "openai",
    model: (url, id = "scripted", options = {}) =>
      createOpenAI({ baseURL: `${url}/v1`, apiKey: "none", ...options }).chat(id),
  },
};

async function plain(model, prompt, fields = {}) {
  const answer = await generateText({ model, prompt, maxRetries: 0, ...fields });
  const { text, finishReason, usage, toolCalls, reasoningText, response, sources } = answer;
  return { text, finishReason, usage, toolCalls, reasoningText, model: response.modelId, sources };
}

async function streamed(model, prompt, fields = {}) {
  const parts = [];
  let text = "";
  const answer = streamText({ model, prompt, maxRetries: 0, onError: () => {}, ...fields });
  for await (const part of answer.stream ?? answer.fullStream) {
    parts.push(part.type);
    if (part.type === "text-delta") text += part.text;
    if (part.type === "error") throw Object.assign(part.error, { before: text });
  }
  const told = [answer.finishReason, answer.usage, answer.toolCalls, answer.sources];
  const [finishReason, usage, toolCalls, sources] = await Promise.all(told);
  return { text, finishReason, usage, toolCalls, sources, parts: [...new Set(parts)] };
}

async function counted(provider, url, prompt) {
  const count = counting();
  const error = await raised(() => plain(provider.model(url, "scripted", { fetch: count.fetch }), prompt, { maxRetries: 2 }));
  return { ...error, sent: count.sent };
}

function rowsOf(provider) {
  const { model, name } = provider;
  const fails = (url, prompt, fields) => raised(() => plain(model(url), prompt, fields));
  return {
    plain: (url) => plain(model(url), "!words 5"),
    kernel2: (url) => plain(model(url, "scripted", { baseURL: `${url}/api/kernel2` }), "hi"),
    stream: (url) => streamed(model(url), "!wait 1\n!words 5"),
    unicode: (url) => streamed(model(url), `!chars ${BORDERS}`),
    separators: (url) => streamed(model(url), SEPARATORS),
    reasoning: (url) => plain(model(url), "!reason let me see\n!say yes"),
    schema: (url) =>
      generateText({ model: model(url), prompt: "who?", output: Output.object({ schema: Person }) }).then((a) => a.output),
    tools: (url) => plain(model(url), WEATHER, { tools }),
    tools_streamed: (url) => streamed(model(url), WEATHER, { tools }),
    tool_required: (url) => plain(model(url), "hi", { tools, toolChoice: "required" }),
    tool_named: (url) => plain(model(url), "hi", { tools, toolChoice: { type: "tool", toolName: "weather" } }),
    limits: (url) => plain(model(url), "!words 9", { maxOutputTokens: 3, temperature: 0, seed: 1, stopSequences: ["x"] }),
    metadata: (url) => fails(url, "hi", { providerOptions: { [name]: { metadata: { role_id: "nobody" } } } }),
    retrieval: (url) => streamed(model(url), "hi", { providerOptions: { [name]: { metadata: { enable_l0_retrieval: "true" } } } }),
    grounded: (url) => plain(model(url), GROUNDED, { providerOptions: { [name]: { metadata: { enable_l0_retrieval: "true" } } } }),
    grounded_streamed: (url) =>
      streamed(model(url), GROUNDED, { providerOptions: { [name]: { metadata: { enable_l0_retrieval: "true" } } } }),
    error_400: (url) => fails(url, "!refuse 400"),
    error_404: (url) => raised(() => plain(model(url, "gpt-9"), "hi")),
    error_429: (url) => fails(url, "!refuse 429"),
    error_500: (url) => fails(url, "!refuse 500"),
    error_503: (url) => fails(url, "!refuse 503"),
    error_long: (url) => fails(url, "word ".repeat(9000)),
    error_before_stream: (url) => raised(() => streamed(model(url), "!refuse 503")),
    error_retried: (url) => counted(provider, url, "!refuse 400"),
    breaks: (url) => raised(() => streamed(model(url), BREAKS)),
    real: (url) => streamed(model(url, "mecum"), "Say hello.", { maxOutputTokens: 12 }),
  };
}

const rows = {
  // The openai provider's default is OpenAI's other API: it must be told the way.
  responses: (url) => raised(() => plain(createOpenAI({ baseURL: `${url}/v1`, apiKey: "none" })("scripted"), "hi")),
};
for (const [kind, provider] of Object.entries(PROVIDERS)) {
  for (const [name, row] of Object.entries(rowsOf(provider))) rows[`${kind}.${name}`] = row;
}
await main(rows);
