// One document of the list.
import { download } from "../api.js";
import { h, replace } from "../dom.js";
import { passagePath } from "../router.js";
import { documentPath } from "../sources/about.js";
import { words } from "../sources/words.js";
import { day } from "../strings/dates.js";
import { number, size, t } from "../strings/index.js";
import { iconButton } from "../ui/button.js";
import { openMenu } from "../ui/menu.js";
import { navigate } from "../router.js";
import { toast } from "../ui/toast.js";
import { askToRemove, askToRename } from "./actions.js";
import { stateAdvice, stateBadge } from "./states.js";

/** @typedef {import("../sources/about.js").LibraryDocument} LibraryDocument */

export class DocumentRow {
  /** @param {LibraryDocument} document @param {() => void} selected called when its box was ticked or cleared */
  constructor(document, selected) {
    this.document = document;
    this.box = h("input", { type: "checkbox", onchange: selected });
    this.link = h("a", { href: passagePath(document.id), dir: "auto" });
    this.path = h("span", { class: "path", dir: "auto" });
    this.facts = h("span", { class: "hint", dir: "auto" });
    this.state = h("span", { class: "row-state" });
    this.fault = h("p", { class: "fault", hidden: true });
    this.more = iconButton("more", "", () => this.#menu(), { "aria-haspopup": "menu", "aria-expanded": "false" });
    this.element = h(
      "li",
      {},
      this.box,
      h("div", { class: "row-text" }, this.link, this.path, this.facts, this.fault),
      this.state,
      this.more,
    );
    this.told = "";
  }

  /** @param {LibraryDocument} document as it is now */
  show(document) {
    const told = JSON.stringify(document);
    if (told === this.told) return;
    this.told = told;
    this.document = document;
    const name = document.title || document.path;
    this.link.textContent = name;
    this.path.textContent = name === document.path ? "" : document.path;
    this.box.setAttribute("aria-label", t("library.row.select", { name }));
    this.more.setAttribute("aria-label", t("library.row.more", { name }));
    this.more.title = t("library.row.actions");
    const passages = document.passages ? t("library.passages", { number: number(document.passages), one: document.passages === 1 }) : "";
    const facts = [document.collection, document.kind, size(document.size), passages, document.date !== null && day(document.date)];
    this.facts.textContent = facts.filter(Boolean).join(" · ");
    replace(this.state, stateBadge(document.state));
    this.fault.textContent = stateAdvice(document) ?? "";
    this.fault.hidden = !document.error;
  }

  #menu() {
    const { id, path, container_id: inside } = this.document;
    const name = path.split("#")[0]?.split(/[/\\]/).pop() || "document";
    const save = () => download(`${documentPath(id)}/file`, name).catch((error) => toast(words(error)));
    const items = [
      { label: t("library.row.open"), icon: "file", run: () => navigate(passagePath(id)) },
      { label: t("sources.download"), icon: "download", run: () => void save() },
      ...(inside ? [] : [{ label: t("library.row.rename"), icon: "edit", run: () => askToRename(this.document) }]),
      { label: t("shell.delete"), icon: "trash", danger: true, run: () => void askToRemove([this.document]) },
    ];
    openMenu(this.more, items, t("library.row.actions"));
  }
}
