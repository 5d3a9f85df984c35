// The models that there are: which are in memory, and buttons that load and unload them where the server can.
import { Failure, call, get, send } from "../api.js";
import { h, replace } from "../dom.js";
import { words } from "../sources/words.js";
import { number, size, t } from "../strings/index.js";
import { button } from "../ui/button.js";
import { askHealth } from "./poll.js";
import { share } from "./share.js";

/** @typedef {import("./poll.js").Health} Health */
/** @typedef {import("./poll.js").Loading} Loading */
/**
 * A model; sizes are in bytes. What only the administrator is told is left out for others.
 * @typedef {Loading & {context_length: number | null, slots: number, size: number | null, aliases?: string[], quantisation?: string | null,
 *   licence?: string | null}} Model
 */

/** @type {Record<Loading["state"], string>} */
const LOOKS = { unloaded: "", loading: "warn", loaded: "good", failed: "bad" };

export class Models {
  #told = "";
  #turn = 0;
  /** @type {Set<string>} */
  #asked = new Set();

  /** @param {import("../app.js").Context} context */
  constructor(context) {
    this.context = context;
    this.memory = h("p", { class: "hint model-memory" });
    this.list = h("ul", { class: "models" });
    this.element = h("section", { class: "status-card", hidden: true }, h("h2", {}, t("status.models")), this.memory, this.list);
  }

  leave() {
    this.#turn++;
  }

  /** @param {Health} health */
  async refresh(health) {
    const turn = ++this.#turn;
    const found = await models(health).catch(() => null);
    if (turn !== this.#turn) return;
    this.element.hidden = !found?.items.length;
    const told = JSON.stringify([found, [...this.#asked]]);
    if (told === this.#told || !found) return; // a button that is being pressed stays
    this.#told = told;
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.model : undefined;
    showMemory(this.memory, found.memory);
    const ours = found.admin && found.memory.budget !== null;
    replace(this.list, ...found.items.map((model, index) => this.#row(model, index === 0, ours)));
    if (focused) /** @type {HTMLElement | null} */ (this.list.querySelector(`[data-model=${CSS.escape(focused)}]`))?.focus();
  }

  /** @param {Model} model @param {boolean} first @param {boolean} ours whether the server loads and unloads it */
  #row(model, first, ours) {
    const facts = [
      model.quantisation,
      model.size && t("status.model.size", { size: size(model.size) }),
      model.memory && t("status.model.memory", { size: size(model.memory) }),
      model.context_length && t("status.model.context", { tokens: number(model.context_length) }),
      t("status.model.slots", { slots: model.slots }),
      model.licence,
      model.users > 0 && t("status.model.users", { number: model.users }),
    ];
    const names = model.aliases?.length
      ? h("span", { class: "hint", dir: "auto" }, t("status.model.aliases", { names: model.aliases.join(", ") }))
      : null;
    const badges = [
      first ? h("span", { class: "badge" }, t("status.model.default")) : null,
      h("span", { class: `badge ${LOOKS[model.state] ?? ""}` }, t(`status.model.${model.state}`)),
    ];
    const reason = model.reason ? h("p", { class: model.state === "failed" ? "fault" : "hint", dir: "auto" }, model.reason) : null;
    const text = h(
      "div",
      { class: "model-text" },
      h("b", { dir: "auto" }, model.id),
      h("span", { class: "badges" }, ...badges),
      names,
      h("span", { class: "hint facts-line" }, facts.filter(Boolean).join(" · ")),
      model.state === "loading" ? share(model) : null,
      reason,
    );
    return h("li", {}, text, ours ? this.#tool(model) : null);
  }

  /** @param {Model} model */
  #tool({ id, state }) {
    const verb = state === "loaded" ? "unload" : "load";
    const busy = this.#asked.has(id) || state === "loading"; // it keeps the focus, which a disabled button would lose
    const press = () => busy || void this.#change(id, verb);
    return button(t(`status.model.${verb}`), press, {
      "aria-label": t(`status.model.${verb}.named`, { name: id }),
      "data-model": id,
      "aria-disabled": busy ? "true" : null,
    });
  }

  /** @param {string} id @param {"load" | "unload"} verb */
  async #change(id, verb) {
    this.#asked.add(id);
    this.context.announce(t(`status.model.asked.${verb}`, { name: id }));
    await send("POST", `/api/models/${encodeURIComponent(id)}/${verb}`, {}).catch((error) => this.context.toast(words(error)));
    this.#asked.delete(id);
    await askHealth();
  }
}

/**
 * Asks for the models, the default first: all that is known of them, or what a key for chats is told.
 * @param {Health} health
 * @returns {Promise<{items: Model[], memory: import("./poll.js").Memory, admin: boolean}>}
 */
async function models(health) {
  try {
    return { ...(await get("/api/models")), admin: true };
  } catch (error) {
    if (!(error instanceof Failure) || error.status !== 403) throw error;
  }
  const { data } = await (await call("/v1/models")).json();
  const states = new Map(health.report?.models.map((model) => [model.id, model]));
  const unknown = { state: "unloaded", progress: null, loading_seconds: null, reason: null, memory: null, users: 0 };
  const items = data.map((/** @type {Model} */ model) => ({ ...unknown, ...model, ...states.get(model.id) }));
  return { items, memory: health.report?.memory ?? { budget: null, taken: null }, admin: false };
}

/** @param {HTMLElement} element @param {import("./poll.js").Memory} memory */
function showMemory(element, { budget, taken }) {
  element.hidden = budget === null;
  if (budget === null) return;
  const used = taken ?? 0;
  const text = t("status.memory.of", { used: size(used), all: size(budget) });
  replace(element, h("meter", { min: 0, max: budget, value: used, "aria-label": t("status.memory") }), " ", text);
}
