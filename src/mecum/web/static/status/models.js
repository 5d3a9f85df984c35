// The models that there are: which are in memory, and buttons that load and unload them where the server can.
import { call, send } from "../api.js";
import { h, replace } from "../dom.js";
import { words } from "../sources/words.js";
import { number, size, t } from "../strings/index.js";
import { button } from "../ui/button.js";
import { askHealth } from "./poll.js";

/**
 * A model as `/v1/models` has it. `loaded` is left out by a server that has only one; sizes are in bytes.
 * @typedef {{id: string, context_length: number | null, slots: number, size: number | null, loaded?: boolean, state?: string, memory?: number | null,
 *   reason?: string | null}} Listed
 */

export class Models {
  #told = "";
  #turn = 0;
  /** @type {Set<string>} */
  #asked = new Set();

  /** @param {import("../app.js").Context} context */
  constructor(context) {
    this.context = context;
    this.list = h("ul", { class: "models" });
    this.element = h("section", { class: "status-card", hidden: true }, h("h2", {}, t("status.models")), this.list);
  }

  leave() {
    this.#turn++;
  }

  /** @param {import("./poll.js").Health} health */
  async refresh(health) {
    const turn = ++this.#turn;
    /** @type {Listed[] | null} */
    const models = await call("/v1/models").then(async (answer) => (await answer.json()).data, () => null);
    if (turn !== this.#turn) return;
    this.element.hidden = !models?.length;
    const told = JSON.stringify([models, health.state, [...this.#asked]]);
    if (told === this.#told || !models) return; // a button that is being pressed stays
    this.#told = told;
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.model : undefined;
    replace(this.list, ...models.map((model, index) => this.#row(model, index === 0, health)));
    if (focused) /** @type {HTMLElement | null} */ (this.list.querySelector(`[data-model=${CSS.escape(focused)}]`))?.focus();
  }

  /** @param {Listed} model @param {boolean} first @param {import("./poll.js").Health} health */
  #row(model, first, health) {
    const facts = [
      model.size && t("status.model.size", { size: size(model.size) }),
      model.memory && t("status.model.memory", { size: size(model.memory) }),
      model.context_length && t("status.model.context", { tokens: number(model.context_length) }),
      t("status.model.slots", { slots: model.slots }),
    ];
    const badges = [first ? h("span", { class: "badge" }, t("status.model.default")) : null, stateOf(model, health)];
    const reason = model.reason ? h("p", { class: "fault", dir: "auto" }, model.reason) : null;
    return h("li", {}, h("div", { class: "model-text" }, h("b", { dir: "auto" }, model.id), h("span", { class: "badges" }, ...badges), h("span", { class: "hint" }, facts.filter(Boolean).join(" · ")), reason), this.#tool(model));
  }

  /** @param {Listed} model */
  #tool({ id, loaded, state }) {
    if (loaded === undefined) return null;
    const verb = loaded ? "unload" : "load";
    const press = () => void this.#change(id, verb);
    return button(t(`status.model.${verb}`), press, { "aria-label": t(`status.model.${verb}.named`, { name: id }), "data-model": id, disabled: this.#asked.has(id) || state === "loading" });
  }

  /** @param {string} id @param {"load" | "unload"} verb */
  async #change(id, verb) {
    this.#asked.add(id);
    const asked = send("POST", `/api/models/${encodeURIComponent(id)}/${verb}`, {});
    this.context.announce(t(`status.model.asked.${verb}`, { name: id }));
    await asked.catch((error) => this.context.toast(words(error)));
    this.#asked.delete(id);
    await askHealth();
  }
}

/** @param {Listed} model @param {import("./poll.js").Health} health */
function stateOf({ loaded, state }, health) {
  if (state === "loading") return h("span", { class: "badge warn" }, t("status.model.loading"));
  if (state === "failed") return h("span", { class: "badge bad" }, t("status.model.failed"));
  if (loaded ?? health.state === "ok") return h("span", { class: "badge good" }, t("status.model.loaded"));
  return loaded === undefined ? null : h("span", { class: "badge" }, t("status.model.unloaded"));
}
