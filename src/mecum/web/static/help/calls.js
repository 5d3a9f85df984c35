// How the same server is called by programs: as text that can be copied. The key of this browser is never shown: a variable
// stands for it, and a button copies the text with the key in it.
import { storedKey } from "../api.js";

export const PLACE = "$MECUM_KEY";

/**
 * Returns the calls. `key` is put where it belongs, null where the server asks for none.
 * @param {string} origin
 * @param {string | null} key
 */
export function calls(origin, key) {
  const header = key === null ? "" : ` \\\n  -H "Authorization: Bearer ${key}"`;
  const question = "When does the warranty of the boiler end?";
  const asks = `{"role": "user", "content": "${question}"}`;
  const python = key === null ? '"none"' : key === PLACE ? 'os.environ["MECUM_KEY"]' : JSON.stringify(key);
  const javascript = key === null ? '"none"' : key === PLACE ? "process.env.MECUM_KEY" : JSON.stringify(key);
  return {
    curl: `curl ${origin}/v1/chat/completions${header} \\
  -H "Content-Type: application/json" \\
  -d '{"model": "mecum", "messages": [${asks}]}'`,
    python: `${key === PLACE ? "import os\n\n" : ""}from openai import OpenAI

client = OpenAI(base_url="${origin}/v1", api_key=${python})
answer = client.chat.completions.create(
    model="mecum",
    messages=[${asks}],
    extra_body={"metadata": {"enable_l0_retrieval": True}},  # answer from my documents
)
print(answer.choices[0].message.content)`,
    javascript: `import OpenAI from "openai";

const client = new OpenAI({ baseURL: "${origin}/v1", apiKey: ${javascript} });
const answer = await client.chat.completions.create({
  model: "mecum",
  messages: [${asks}],
  stream: true,
});
for await (const chunk of answer) process.stdout.write(chunk.choices[0]?.delta?.content ?? "");`,
    documents: `curl ${origin}/api/documents${header} \\
  -F file=@notes.md -F file=@report.pdf`,
  };
}

/**
 * Returns whether the server asks for a key: who needs none is told all of its state without one.
 * @returns {Promise<boolean | null>} null where it does not answer
 */
export async function asksForKey() {
  try {
    const { data } = await (await fetch("/api/kernel2/health")).json();
    return !data.version;
  } catch {
    return null;
  }
}

/** Whether this browser has a key to copy. */
export const hasKey = () => storedKey() !== "";
