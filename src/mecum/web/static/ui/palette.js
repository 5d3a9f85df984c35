// The command palette: everything that can be done, found by typing. A combobox with a list, as ARIA's patterns have it.
import { h, replace } from "../dom.js";
import { t } from "../strings/index.js";
import { icon } from "./icons.js";

/** @typedef {{label: string, run: () => void, icon?: string, group?: string, words?: string}} Command  `words` are found, too */
/** @typedef {() => Command[] | Promise<Command[]>} Source */

const MOST = 60; // rows
/** @type {Set<Source>} */
const sources = new Set();

/** Adds commands to the palette until the returned function is called. @param {Source} source @returns {() => void} */
export function offer(source) {
  sources.add(source);
  return () => void sources.delete(source);
}

/** @type {HTMLDialogElement | null} */
let open = null;

export async function openPalette() {
  if (open) return open.close();
  const list = h("ul", { id: "palette-list", role: "listbox", "aria-label": t("palette.title") });
  const input = h("input", {
    type: "text", role: "combobox", autofocus: true, autocomplete: "off", spellcheck: "false", dir: "auto", placeholder: t("palette.label"),
    "aria-label": t("palette.label"), "aria-controls": "palette-list", "aria-expanded": "true", "aria-autocomplete": "list",
  }); // prettier-ignore
  const dialog = h(
    "dialog",
    { class: "palette", "aria-label": t("palette.title") },
    h("div", { class: "palette-input" }, icon("search"), input),
    list,
  );
  open = dialog;
  dialog.addEventListener("close", () => ((open = null), dialog.remove()));
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  const commands = (await Promise.all([...sources].map((source) => source()))).flat();
  const picker = new Picker(input, list, commands, () => dialog.close());
  picker.show();
}

class Picker {
  /** @type {Command[]} */
  #shown = [];
  #at = 0;

  /** @param {HTMLInputElement} input @param {HTMLElement} list @param {Command[]} commands @param {() => void} close */
  constructor(input, list, commands, close) {
    this.input = input;
    this.list = list;
    this.commands = commands;
    this.close = close;
    input.addEventListener("input", () => this.show());
    input.addEventListener("keydown", (event) => this.#key(event));
    list.addEventListener("click", (event) => {
      const row = /** @type {Element} */ (event.target).closest("[role=option]");
      if (row) this.#run(Number(row.id.split("-").pop()));
    });
  }

  show() {
    this.#shown = best(this.commands, this.input.value).slice(0, MOST);
    this.#at = 0;
    let group = "";
    const rows = this.#shown.flatMap((command, index) => {
      const head = command.group && command.group !== group ? [h("li", { class: "group", role: "presentation" }, command.group)] : [];
      group = command.group ?? group;
      return [
        ...head,
        h("li", { id: `command-${index}`, role: "option" }, icon(command.icon ?? ""), h("span", { dir: "auto" }, command.label)),
      ];
    });
    replace(this.list, ...(rows.length ? rows : [h("li", { class: "group", role: "presentation" }, t("palette.none"))]));
    this.#mark();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.isComposing) return;
    /** @type {Record<string, number>} */
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    const step = steps[event.key];
    if (step && this.#shown.length) this.#at = (this.#at + step + this.#shown.length) % this.#shown.length;
    else if (event.key === "Enter") this.#run(this.#at);
    else return;
    event.preventDefault();
    this.#mark();
  }

  #mark() {
    for (const row of this.list.querySelectorAll("[role=option]")) {
      const here = row.id === `command-${this.#at}`;
      row.setAttribute("aria-selected", String(here));
      if (here) row.scrollIntoView({ block: "nearest" });
    }
    this.input.setAttribute("aria-activedescendant", this.#shown.length ? `command-${this.#at}` : "");
  }

  /** @param {number} index */
  #run(index) {
    const command = this.#shown[index];
    if (!command) return;
    this.close();
    command.run();
  }
}

/**
 * Returns the commands that fit, the best first within their groups' order.
 * @param {Command[]} commands
 * @param {string} typed
 */
export function best(commands, typed) {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return commands;
  return commands
    .map((command, order) => ({
      command,
      order,
      score: score(`${command.label} ${command.words ?? ""} ${command.group ?? ""}`.toLowerCase(), words),
    }))
    .filter(({ score }) => score > 0)
    .sort((one, other) => other.score - one.score || one.order - other.order)
    .map(({ command }) => ({ ...command, group: undefined }));
}

/** Each word must be there: at the start of the text counts most, then at the start of a word. @param {string} text @param {string[]} words */
function score(text, words) {
  const each = words.map((word) => (text.startsWith(word) ? 4 : text.includes(` ${word}`) ? 3 : text.includes(word) ? 1 : 0));
  return each.includes(0) ? 0 : each.reduce((/** @type {number} */ sum, one) => sum + one, 0);
}
