// The files that are being added: how far all are, and each.
import { h, replace } from "../dom.js";
import { passagePath } from "../router.js";
import { number, size, t } from "../strings/index.js";
import { announce } from "../ui/announce.js";
import { button, iconButton } from "../ui/button.js";
import { stateAdvice, stateBadge } from "./states.js";
import { isFailed, isOpen, uploads } from "./uploads.js";

/** @typedef {import("./uploads.js").Upload} Upload */

const MOST = 100; // rows: a folder may hold ten thousand files
const PAUSE = 100; // milliseconds between two drawings

/**
 * Shows the uploads, and nothing while there are none.
 * @param {HTMLElement} container
 * @returns {() => void}
 */
export function showAdded(container) {
  /** @type {Map<number, Row>} */
  const rows = new Map();
  const head = new Head();
  const list = h("ul", { id: "added" });
  const rest = h("p", { class: "hint" });
  replace(container, head.element, list, rest);
  let timer = 0;
  let busy = false;

  function draw() {
    timer = 0;
    const sums = uploads.sums;
    container.hidden = !sums.all;
    head.show(sums);
    const ranked = Map.groupBy(uploads.all, rank);
    const shown = RANKS.flatMap((each) => ranked.get(each) ?? []).slice(0, MOST);
    const numbers = new Set(shown.map(({ number }) => number));
    for (const [key, row] of rows) if (!numbers.has(key)) (row.element.remove(), rows.delete(key));
    shown.forEach((upload, index) => {
      const row = rows.get(upload.number) ?? new Row(upload);
      rows.set(upload.number, row);
      row.show();
      if (list.children[index] !== row.element) list.insertBefore(row.element, list.children[index] ?? null);
    });
    rest.textContent = sums.all > MOST ? t("library.added.more", { number: number(sums.all - MOST) }) : "";
    if (busy && !sums.open && !sums.read) announce(t("library.added.over", { done: number(sums.done), failed: number(sums.failed) }));
    busy = sums.open + sums.read > 0;
  }
  const unfollow = uploads.follow(() => (timer ||= window.setTimeout(draw, PAUSE)));
  draw();
  return () => (unfollow(), window.clearTimeout(timer));
}

const RANKS = /** @type {const} */ (["sending", "failed", "read", "waiting", "done"]); // the first of them are shown

/** @param {Upload} upload @returns {(typeof RANKS)[number]} */
function rank(upload) {
  if (upload.phase === "sending") return "sending";
  if (isFailed(upload)) return "failed";
  if (uploads.isRead(upload)) return "read";
  return isOpen(upload) ? "waiting" : "done";
}

/** Its buttons stay while figures change, so that no press on them is lost. */
class Head {
  title = h("h2", {});
  bar = h("progress", { max: 1, "aria-label": t("library.added.progress") });
  again = button(t("library.added.retry"), () => uploads.retryFailed(), { class: "button plain" });
  stop = button(t("library.added.cancel"), () => uploads.cancelAll(), { class: "button plain" });
  clear = button(t("library.added.clear"), () => uploads.clear(), { class: "button plain" });
  element = h("div", { class: "added-head" }, this.title, this.bar, h("span", { class: "actions" }, this.again, this.stop, this.clear));

  /** @param {typeof uploads.sums} sums */
  show({ all, open, read, failed, done, part }) {
    const busy = t("library.added.busy", { done: number(done + failed), all: number(all) });
    this.title.textContent = open || read ? busy : t("library.added.all", { number: number(all) });
    this.bar.value = part;
    this.bar.hidden = this.stop.hidden = !open;
    this.again.hidden = !failed;
    this.clear.hidden = open + read === all;
  }
}

class Row {
  /** @param {Upload} upload */
  constructor(upload) {
    this.upload = upload;
    this.name = h("b", { dir: "auto" }, upload.path);
    this.bar = h("progress", { max: 1, value: 0, "aria-label": t("library.upload.progress", { path: upload.path }) });
    this.state = h("span", { class: "row-state" });
    this.note = h("p", { class: "fault" });
    this.cancel = iconButton("close", t("library.upload.cancel", { path: upload.path }), () => uploads.cancel(upload), {
      class: "icon-button small",
    });
    this.retry = iconButton("again", t("library.upload.retry", { path: upload.path }), () => uploads.retry(upload), {
      class: "icon-button small",
    });
    const facts = h("span", { class: "hint" }, size(upload.file.size));
    this.element = h("li", {}, h("div", { class: "row-line" }, this.name, facts, this.state, this.bar, this.retry, this.cancel), this.note);
    this.told = "";
  }

  show() {
    const { phase, part, document, message } = this.upload;
    this.bar.value = part;
    const told = [phase, document?.state, message].join(" ");
    if (told === this.told) return;
    this.told = told;
    this.bar.hidden = phase !== "sending";
    this.cancel.hidden = !isOpen(this.upload);
    this.retry.hidden = !isFailed(this.upload) && phase !== "cancelled";
    replace(
      this.state,
      document
        ? stateBadge(document.state)
        : h("span", { class: `badge${phase === "failed" ? " bad" : ""}` }, t(`library.upload.${phase}`)),
    );
    if (document) replace(this.name, h("a", { href: passagePath(document.id) }, this.upload.path));
    this.note.textContent = message || (document && stateAdvice(document)) || "";
    this.note.hidden = !this.note.textContent;
    this.element.className = document?.state ?? phase;
  }
}
