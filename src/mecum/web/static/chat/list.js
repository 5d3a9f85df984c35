// The conversations in the sidebar: by when they were last used, found by their titles and by what was said in them.
import { h, listen, replace } from "../dom.js";
import { conversationPath } from "../router.js";
import { language, t } from "../strings/index.js";
import { iconButton } from "../ui/button.js";
import { openMenu } from "../ui/menu.js";
import { save } from "../api.js";
import { actionsButton } from "./actions.js";
import { add, all, follow, messages, purge, search } from "./conversations.js";
import { fromJson, toJson } from "./transfer.js";

/** @typedef {import("./types.js").Conversation} Conversation */

const DAY = 86_400_000; // milliseconds
const TYPING = 150; // milliseconds of pause after which is searched

/**
 * @param {HTMLElement} container
 * @param {import("../app.js").Context} context
 * @returns {() => void}
 */
export function conversationList(container, context) {
  const list = new List(container, context);
  const undo = [
    follow((change) => change.message || void list.load()),
    listen(window, "hashchange", () => list.mark()),
    context.offer(() => list.commands()),
  ];
  purge().catch(() => {}); // it is tried again at the next start
  void list.load();
  return () => undo.forEach((each) => each());
}

class List {
  /** @type {Conversation[]} */
  #all = [];
  #timer = 0;
  #turn = 0;
  #input = h("input", { type: "search", placeholder: t("chat.search"), "aria-label": t("chat.search"), oninput: () => this.#typed() });
  #rows = h("div", { class: "rows" });

  /** @param {HTMLElement} container @param {import("../app.js").Context} context */
  constructor(container, context) {
    this.context = context;
    const more = iconButton("more", t("chat.all"), () => openMenu(more, this.#items(), t("chat.all")), {
      class: "icon-button small",
      "aria-haspopup": "menu",
      "aria-expanded": "false",
    });
    replace(
      container,
      h("div", { class: "list-head" }, this.#input, more),
      h("nav", { "aria-label": t("chat.conversations"), class: "list" }, this.#rows),
    );
  }

  async load() {
    this.#all = await all().catch(() => []);
    await this.#show();
  }

  /** Marks the conversation that is shown. */
  mark() {
    for (const link of this.#rows.querySelectorAll("a")) {
      if (link.getAttribute("href") === window.location.hash) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  /** @returns {import("../ui/palette.js").Command[]} */
  commands() {
    return this.#all.map(({ id, title }) => ({
      label: title,
      icon: "chat",
      group: t("chat.conversations"),
      run: () => this.context.navigate(conversationPath(id)),
    }));
  }

  #typed() {
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => void this.#show(), TYPING);
  }

  async #show() {
    const turn = ++this.#turn;
    const words = this.#input.value.trim();
    const said = words ? await search(words, () => turn === this.#turn) : new Map();
    if (turn !== this.#turn) return;
    const titled = this.#all.filter(({ title }) => title.toLowerCase().includes(words.toLowerCase()));
    const shown = words ? this.#all.filter((one) => titled.includes(one) || said.has(one.id)) : this.#all;
    const none = h("p", { class: "hint" }, t(words ? "chat.search.none" : "chat.none"));
    replace(this.#rows, ...(shown.length ? this.#groups(shown, said) : [none]));
    this.mark();
  }

  /** @param {Conversation[]} shown @param {Map<string, string>} said */
  #groups(shown, said) {
    return [...Map.groupBy(shown, ({ updated }) => age(updated))].map(([name, its]) =>
      h("section", {}, h("h2", {}, name), h("ul", {}, ...its.map((one) => this.#row(one, said.get(one.id))))),
    );
  }

  /** @param {Conversation} conversation @param {string | undefined} said */
  #row(conversation, said) {
    const { id, title } = conversation;
    const link = h(
      "a",
      { href: conversationPath(id), dir: "auto", title },
      h("span", { class: "row-title" }, title),
      said ? h("span", { class: "hint" }, said) : null,
    );
    return h("li", {}, link, actionsButton(conversation, this.context));
  }

  /** @returns {import("../ui/menu.js").MenuItem[]} */
  #items() {
    return [
      { label: t("chat.import"), icon: "upload", run: () => this.#choose() },
      { label: t("chat.export.all"), icon: "download", run: () => void this.#exportAll() },
    ];
  }

  async #exportAll() {
    const wholes = await Promise.all(
      this.#all.map(async (conversation) => ({ conversation, messages: [...(await messages(conversation.id)).values()] })),
    );
    save(new Blob([toJson(wholes)], { type: "application/json" }), "mecum-conversations.json");
  }

  #choose() {
    const input = h("input", {
      type: "file",
      accept: ".json,application/json",
      hidden: true,
      onchange: () => void this.#read(input.files?.[0]),
    });
    document.body.append(input); // some browsers open nothing for one that is not part of the page
    input.click();
    input.remove();
  }

  /** @param {File | undefined} file */
  async #read(file) {
    if (!file) return;
    try {
      const found = fromJson(await file.text());
      for (const { conversation, messages: its } of found) await add(conversation, its);
      this.context.toast(t("chat.imported", { number: found.length }));
    } catch {
      this.context.toast(t("chat.import.failed", { name: file.name }));
    }
  }
}

/** @param {number} time */
function age(time) {
  const midnight = new Date().setHours(0, 0, 0, 0);
  if (time >= midnight) return t("chat.today");
  if (time >= midnight - DAY) return t("chat.yesterday");
  if (time >= midnight - 6 * DAY) return t("chat.week");
  return new Intl.DateTimeFormat(language(), { month: "long", year: "numeric" }).format(time);
}
