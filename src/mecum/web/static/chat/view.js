import { call, events } from "../api.js";
import { h } from "../dom.js";

const element = (id) => document.getElementById(id);
let running = null;

/** @param {HTMLElement} container @param {import("../app.js").Context} context */
export function mount(container, { t }) {
  const question = h("textarea", { id: "question", rows: 3, required: true, "aria-label": "Ask" });
  const form = h("form", { id: "ask" }, question, h("button", { id: "send", class: "button primary" }, "Ask"), h("button", { id: "stop", type: "button", class: "button", hidden: true }, "Stop"));
  container.replaceChildren(h("div", { class: "page" }, form, h("article", { id: "answer", "aria-busy": "false", hidden: true })));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!running) ask(question.value);
  });
  element("stop").addEventListener("click", () => running?.abort());
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
