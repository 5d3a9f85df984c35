// What holds for the next answer: whether the documents are asked, the role, the model, temperature and length.
import { h, replace } from "../dom.js";
import { t } from "../strings/index.js";
import { iconButton } from "../ui/button.js";
import { icon } from "../ui/icons.js";
import { openMenu, openPopover } from "../ui/menu.js";

/** @typedef {import("./session.js").Session} Session */
/** @typedef {import("./session.js").Role} Role */

export class Choices {
  element = h("div", { class: "choices" });
  #documents = h(
    "button",
    { type: "button", class: "choice", "aria-pressed": "false", onclick: () => this.#switch() },
    icon("library"),
    h("span", {}, t("chat.documents")),
  );
  #role = this.#opener("roles", t("chat.role"), () => this.#roles());
  #model = this.#opener("command", t("chat.model"), () => this.#models());
  #settings = iconButton("settings", t("chat.settings"), () => this.#openSettings(), {
    class: "icon-button small",
    "aria-haspopup": "dialog",
    "aria-expanded": "false",
  });
  #undo;

  /** @param {Session} session @param {import("../app.js").Context} context */
  constructor(session, context) {
    this.session = session;
    this.#undo = context.offer(() => this.#commands());
    replace(this.element, this.#documents, this.#role, this.#model, this.#settings);
  }

  leave() {
    this.#undo();
  }

  /** Shows what holds now. */
  show() {
    const { session } = this;
    const { models, documents, roles } = session.offered;
    this.#documents.hidden = !documents;
    this.#documents.setAttribute("aria-pressed", String(session.documents));
    this.#role.hidden = !roles.length;
    say(this.#role, t("chat.role"), session.role?.name ?? t("chat.role.none"));
    this.#model.hidden = !models.length;
    say(this.#model, t("chat.model"), session.conversation.model ?? session.role?.model ?? models[0] ?? "");
  }

  #switch() {
    this.session.set({ documents: !this.session.documents });
  }

  /** @param {string} image @param {string} name @param {() => import("../ui/menu.js").MenuItem[]} items @returns {HTMLButtonElement} */
  #opener(image, name, items) {
    const opener = h(
      "button",
      {
        type: "button",
        class: "choice",
        "aria-haspopup": "menu",
        "aria-expanded": "false",
        hidden: true,
        onclick: () => openMenu(opener, items(), name),
      },
      image === "roles" ? icon(image) : null,
      h("span", { dir: "auto" }),
      icon("down"),
    );
    return opener;
  }

  /** @returns {{label: string, checked: boolean, run: () => void}[]} */
  #roles() {
    const { session } = this;
    const none = { label: t("chat.role.none"), checked: !session.role, run: () => session.set({ role: null }) };
    const others = session.offered.roles.map((role) => ({
      label: role.name,
      checked: role === session.role,
      run: () => session.set({ role: role.uuid }),
    }));
    return [none, ...others];
  }

  /** @returns {{label: string, checked: boolean, run: () => void}[]} */
  #models() {
    const { session } = this;
    const { model } = session.conversation;
    const [first = "", ...others] = session.offered.models;
    const standard = { label: t("chat.model.default", { model: first }), checked: !model, run: () => session.set({ model: null }) };
    return [standard, ...others.map((name) => ({ label: name, checked: name === model, run: () => session.set({ model: name }) }))];
  }

  /** @returns {import("../ui/palette.js").Command[]} */
  #commands() {
    const roles = this.#roles().map((item) => ({ ...item, icon: "roles", group: t("chat.role") }));
    const models = this.#models().map((item) => ({ ...item, icon: "status", group: t("chat.model") }));
    const documents = {
      label: t(this.session.documents ? "chat.documents.off" : "chat.documents.on"),
      icon: "library",
      group: t("view.chat"),
      run: () => this.#switch(),
    };
    const { roles: some, models: any, documents: count } = this.session.offered;
    return [...(count ? [documents] : []), ...(some.length ? roles : []), ...(any.length ? models : [])];
  }

  #openSettings() {
    const { session } = this;
    const { temperature, max_tokens } = session.conversation;
    /** @param {string} id @param {string} label @param {string} hint @param {import("../dom.js").Properties} properties @param {(value: number | null) => void} set */
    const field = (id, label, hint, properties, set) => {
      const input = h("input", {
        id, type: "number", inputmode: "decimal", "aria-describedby": `${id}-hint`, ...properties,
        onchange: () => input.checkValidity() && set(input.value === "" ? null : Number(input.value)),
      }); // prettier-ignore
      return h("div", { class: "stack" }, h("label", { for: id }, label), input, h("p", { id: `${id}-hint`, class: "hint" }, hint));
    };
    openPopover(
      this.#settings,
      t("chat.settings"),
      field(
        "temperature",
        t("chat.temperature"),
        t("chat.temperature.hint"),
        { min: 0, max: 2, step: 0.1, value: temperature ?? "", placeholder: t("chat.standard") },
        (value) => session.set({ temperature: value }),
      ),
      field(
        "max-tokens",
        t("chat.max_tokens"),
        t("chat.max_tokens.hint"),
        { min: 1, max: 1_000_000, step: 1, value: max_tokens ?? "", placeholder: t("chat.standard") },
        (value) => session.set({ max_tokens: value }),
      ),
    );
  }
}

/** @param {HTMLElement} opener @param {string} name @param {string} value */
function say(opener, name, value) {
  const span = opener.querySelector("span");
  if (span) span.textContent = value;
  opener.setAttribute("aria-label", `${name}: ${value}`);
  opener.title = `${name}: ${value}`;
}
