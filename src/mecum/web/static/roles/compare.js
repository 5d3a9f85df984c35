// The same question to two roles, or models, whose answers stream beside each other.
import { h, replace } from "../dom.js";
import { Prose } from "../chat/markdown/prose.js";
import { pace } from "../chat/request.js";
import { badge } from "../sources/badge.js";
import { openSource } from "../sources/panel.js";
import { words } from "../sources/words.js";
import { number, t } from "../strings/index.js";
import { button } from "../ui/button.js";
import { icon } from "../ui/icons.js";
import { answerTo } from "./answer.js";
import { listRoles, modelNames } from "./store.js";

/** @typedef {import("./store.js").Role} Role */
/** @typedef {import("../app.js").Context} Context */

const KEPT = "mecum.compare";

/** @param {HTMLElement} page @param {Context} context @returns {Promise<() => void>} */
export async function mountCompare(page, context) {
  const [roles, models] = await Promise.all([listRoles(), modelNames()]);
  const active = roles.filter((role) => role.is_active);
  const sides = [new Side("a", active, models, active[0], context), new Side("b", active, models, active[1], context)];
  const question = h("textarea", {
    id: "question",
    rows: 3,
    required: true,
    dir: "auto",
    value: sessionStorage.getItem(KEPT) ?? "",
    placeholder: t("roles.compare.placeholder"),
  });
  const ask = h("button", { class: "button primary" }, t("roles.compare.ask"));
  const stop = button(t("roles.compare.stop"), () => running?.abort(), { hidden: true, icon: "stop" });
  const form = h(
    "form",
    { class: "stack", onsubmit: both },
    h("label", { for: "question" }, t("roles.compare.question")),
    question,
    h("div", { class: "actions" }, stop, ask),
  );
  const back = h("a", { href: "#/roles", class: "back" }, icon("left"), t("view.roles"));
  replace(
    page,
    h("nav", { "aria-label": t("view.roles") }, back),
    h("h1", {}, t("roles.compare")),
    h("p", { class: "hint lead" }, t("roles.compare.lead")),
    form,
    h("div", { class: "sides" }, ...sides.map((side) => side.element)),
  );
  page.classList.add("wide");
  question.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  /** @type {AbortController | null} */
  let running = null;

  /** @param {Event} event */
  async function both(event) {
    event.preventDefault();
    if (running) return;
    sessionStorage.setItem(KEPT, question.value);
    const mine = (running = new AbortController());
    ask.disabled = true;
    stop.hidden = false;
    await Promise.all(sides.map((side) => side.ask(question.value, mine.signal)));
    running = null;
    ask.disabled = false;
    if (stop === document.activeElement) question.focus();
    stop.hidden = true;
    context.announce(t("roles.compare.over"));
  }
  return () => running?.abort();
}

class Side {
  /** @type {import("../sources/panel.js").Source[]} */
  sources = [];
  question = "";
  frame = 0;
  /** @type {(() => void) | null} */
  draw = null;

  /** @param {string} id @param {Role[]} roles @param {string[]} models @param {Role | undefined} first @param {Context} context */
  constructor(id, roles, models, first, context) {
    this.roles = roles;
    this.context = context;
    this.role = h(
      "select",
      { id: `role-${id}`, onchange: () => this.#chosen() },
      h("option", { value: "" }, t("roles.compare.none")),
      ...roles.map(({ uuid, name }) => h("option", { value: uuid }, name)),
    );
    this.role.value = first?.uuid ?? "";
    this.model = h(
      "select",
      { id: `model-${id}` },
      h("option", { value: "" }, t("roles.compare.model.default")),
      ...models.map((name) => h("option", { value: name }, name)),
    );
    this.documents = h("input", { type: "checkbox", id: `documents-${id}`, checked: first?.enable_l0_retrieval ?? false });
    this.text = h("div", {
      class: "answer prose",
      dir: "auto",
      tabindex: 0,
      role: "region",
      "aria-label": t("roles.compare.answer", { side: id.toUpperCase() }),
      onclick: (/** @type {MouseEvent} */ event) => this.#cited(event),
    });
    this.foot = h("div", { class: "answer-foot" });
    this.element = h(
      "section",
      { class: "side", "aria-label": t("roles.compare.side", { side: id.toUpperCase() }) },
      h("div", { class: "side-head" }, labelled(t("roles.compare.role"), this.role), labelled(t("roles.model"), this.model)),
      h("label", { class: "tick", for: `documents-${id}` }, this.documents, t("roles.documents")),
      this.text,
      this.foot,
    );
  }

  #chosen() {
    this.documents.checked = this.roles.find(({ uuid }) => uuid === this.role.value)?.enable_l0_retrieval ?? false;
  }

  /** @param {string} question @param {AbortSignal} signal */
  async ask(question, signal) {
    const prose = new Prose(this.text);
    prose.show("");
    this.sources = [];
    this.foot.replaceChildren();
    this.text.setAttribute("aria-busy", "true");
    const asked = { question, role: this.role.value, model: this.model.value, documents: this.documents.checked, signal };
    try {
      const answer = await answerTo(asked, ({ text, sources = [] }) => this.#soon(() => prose.show(text, { comes: true, sources })));
      this.#soon(null);
      this.sources = answer.sources ?? [];
      this.question = answer.retrieval?.query ?? "";
      prose.show(answer.text, { sources: this.sources });
      replace(this.foot, badge(answer, this.context), figures(answer), this.#use(asked.role));
    } catch (error) {
      const stopped = error instanceof DOMException && error.name === "AbortError";
      replace(
        this.foot,
        stopped ? h("p", { class: "hint" }, t("roles.compare.stopped")) : h("p", { class: "fault", role: "alert" }, words(error)),
      );
    }
    this.text.setAttribute("aria-busy", "false");
  }

  /** Draws once a frame, however many pieces come. @param {(() => void) | null} draw */
  #soon(draw) {
    this.draw = draw;
    this.frame ||= window.requestAnimationFrame(() => ((this.frame = 0), this.draw?.()));
  }

  /** Opens the source of a number in the text. @param {MouseEvent} event */
  #cited(event) {
    const number = event.target instanceof HTMLElement && Number(event.target.dataset.source);
    const source = this.sources.find(({ index }) => index === number);
    if (source) openSource(source, this.context, this.sources, this.question);
  }

  /** @param {string} role */
  #use(role) {
    return role ? button(t("roles.chat"), () => this.context.newChat({ role }), { icon: "chat" }) : null;
  }
}

/** @param {import("../chat/types.js").Message} answer */
function figures(answer) {
  const { speed, wait } = pace(answer);
  const told = (/** @type {number} */ value) => number(value, { maximumFractionDigits: 1 });
  const tokens = answer.usage?.completion_tokens ?? 0;
  const rate = speed === null ? "" : t("roles.compare.rate", { tokens: number(tokens), rate: told(speed) });
  return h(
    "p",
    { class: "hint" },
    [answer.model, wait !== null && t("roles.compare.first", { seconds: told(wait) }), rate].filter(Boolean).join(" · "),
  );
}

/** @param {string} name @param {HTMLSelectElement} input */
const labelled = (name, input) => h("div", { class: "field" }, h("label", { for: input.id }, name), input);
