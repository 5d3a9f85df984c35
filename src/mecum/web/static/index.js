// The start page: the server's state, one question at a time, your documents, and how to call it; or a passage that a link
// leads to. Model text is only ever a text node.
import { call, events, headers, storeKey } from "./api.js";
import { follow } from "./library.js";
import * as passage from "./passage.js";

const element = (id) => document.getElementById(id);
let running = null;

async function showState() {
  try {
    const { data } = await (await fetch("/api/kernel2/health", { headers: headers() })).json();
    const ready = data.model ? `Ready: ${data.model.id}.` : "Ready.";
    element("state").textContent = data.status === "ok" ? ready : `Not ready: ${data.engine?.reason ?? data.status}`;
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

async function ask(question) {
  const answer = element("answer");
  answer.hidden = false;
  answer.textContent = "";
  answer.setAttribute("aria-busy", "true");
  running = new AbortController();
  element("stop").hidden = false;
  try {
    const response = await call("/api/kernel2/chat", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ messages: [{ role: "user", content: question }] }),
      signal: running.signal,
    });
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

function route() {
  const link = passage.parse(window.location.hash);
  element("document").hidden = element("back").hidden = !link;
  element("start").hidden = Boolean(link);
  if (link) passage.open(...link);
}

document.addEventListener("mecum:key", () => (element("key").hidden = false));
element("key").addEventListener("submit", (event) => {
  event.preventDefault();
  storeKey(element("secret").value.trim());
  window.location.reload();
});
window.addEventListener("hashchange", route);
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
route();
showCalls();
follow();
showState();
setInterval(showState, 10_000);
