// What an answer waits for that has not begun: a model that is being loaded, and how far that is.
import { h, replace } from "../dom.js";
import { askHealth, followHealth } from "../status/poll.js";
import { share } from "../status/share.js";
import { t } from "../strings/index.js";
import { announce } from "../ui/announce.js";

/** @typedef {import("./session.js").Session} Session */

const SOON = 700; // milliseconds in which most answers begin

export class Waiting {
  element = h("div", { class: "model-wait", hidden: true });
  #text = h("span", { class: "hint", dir: "auto" });
  #told = "";
  /** @type {() => void} */
  #unfollow = () => {};

  /** @param {Session} session */
  constructor(session) {
    this.session = session;
    const timer = window.setTimeout(() => this.#begin(), SOON);
    this.#unfollow = () => window.clearTimeout(timer);
  }

  leave() {
    this.#unfollow();
    this.element.remove();
  }

  #begin() {
    this.#unfollow = followHealth((health) => (this.element.isConnected ? this.#show(health) : this.leave()));
    void askHealth();
  }

  /** @param {import("../status/poll.js").Health} health what a key for chats is told; without one there is no report */
  #show({ report }) {
    const { conversation, role, offered } = this.session;
    const wanted = conversation.model ?? role?.model ?? offered.models[0];
    const model = report?.models.find(({ id, state }) => id === wanted && state === "loading");
    this.element.hidden = !model;
    if (!model) return;
    const told = t("chat.model.loading", { model: model.id });
    if (told !== this.#told) announce(told);
    this.#told = told;
    this.#text.textContent = [told, model.reason].filter(Boolean).join(" ");
    replace(this.element, share(model), this.#text);
  }
}
