// The start page: the server's state, one question at a time, and how to call it. Model text is only ever a text node.
const element = (id) => document.getElementById(id);
let running = null;

async function showState() {
  try {
    const { data } = await (await fetch("/api/kernel2/health")).json();
    const model = data.model ? data.model.id : "no model";
    element("state").textContent = data.status === "ok" ? `Ready: ${model}.` : `Not ready: ${data.engine.reason ?? data.status}`;
  } catch {
    element("state").textContent = "The server does not answer.";
  }
}

function showCalls() {
  const origin = window.location.origin;
  element("curl").textContent =
    `curl ${origin}/api/kernel2/chat -H 'Content-Type: application/json' \\\n  -d '{"messages": [{"role": "user", "content": "Hello"}]}'`;
  element("python").textContent =
    `from openai import OpenAI\n\nclient = OpenAI(base_url="${origin}/v1", api_key="none")\n` +
    'answer = client.chat.completions.create(model="mecum", messages=[{"role": "user", "content": "Hello"}])\n' +
    "print(answer.choices[0].message.content)";
}

/** Yields the JSON of each event of a stream, up to [DONE]. */
async function* events(response) {
  let rest = "";
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      if (part === "data: [DONE]") return;
      if (part.startsWith("data: ")) yield JSON.parse(part.slice(6));
    }
  }
}

async function ask(question) {
  const answer = element("answer");
  answer.hidden = false;
  answer.textContent = "";
  answer.setAttribute("aria-busy", "true");
  running = new AbortController();
  element("stop").hidden = false;
  try {
    const response = await fetch("/api/kernel2/chat", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ messages: [{ role: "user", content: question }] }),
      signal: running.signal,
    });
    if (!response.ok) throw new Error((await response.json()).message);
    for await (const event of events(response)) {
      if (event.error) throw new Error(event.error.message);
      answer.append(event.choices[0].delta.content ?? "");
    }
  } catch (error) {
    answer.append(error.name === "AbortError" ? " (stopped)" : `\n${error.message}`);
  } finally {
    answer.setAttribute("aria-busy", "false");
    element("stop").hidden = true;
    running = null;
  }
}

element("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!running) ask(element("question").value);
});
element("question").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    element("ask").requestSubmit();
  }
});
element("stop").addEventListener("click", () => running?.abort());
showCalls();
showState();
setInterval(showState, 10_000);
