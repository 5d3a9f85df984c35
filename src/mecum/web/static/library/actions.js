// What can be done to documents, each asked about before.
import { call, send } from "../api.js";
import { h } from "../dom.js";
import { documentPath } from "../sources/about.js";
import { words } from "../sources/words.js";
import { t } from "../strings/index.js";
import { confirm, openDialog } from "../ui/dialog.js";
import { toast } from "../ui/toast.js";

/** @typedef {import("../sources/about.js").LibraryDocument} LibraryDocument */

const AT_ONCE = 4; // requests

/**
 * Removes documents if the answer is yes. Returns whether it was.
 * @param {LibraryDocument[]} documents
 */
export async function askToRemove(documents) {
  const [first] = documents;
  if (!first) return false;
  const name = first.title || first.path;
  const text = documents.length === 1 ? t("library.remove.one", { name }) : t("library.remove.several", { number: documents.length });
  if (!(await confirm({ title: t("library.remove"), text, action: t("shell.delete") }))) return false;
  const left = [...documents];
  /** @type {unknown[]} */
  const faults = [];
  const work = async () => {
    for (let next = left.shift(); next; next = left.shift()) {
      await call(documentPath(next.id), { method: "DELETE" }).catch((error) => error.code !== "document_not_found" && faults.push(error));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  if (faults.length) toast(t("library.remove.failed", { number: faults.length, reason: words(faults[0]) }));
  else toast(t("library.removed", { number: documents.length, name }));
  return true;
}

/** Gives a document another path. @param {LibraryDocument} document */
export function askToRename(document) {
  const input = h("input", {
    id: "new-path",
    value: document.path,
    required: true,
    maxlength: 1024,
    autofocus: true,
    dir: "auto",
    "aria-describedby": "path-hint path-fault",
  });
  const fault = h("p", { id: "path-fault", class: "fault", role: "alert" });
  const form = h(
    "form",
    { class: "stack", onsubmit: rename },
    h("label", { for: "new-path" }, t("library.rename.path")),
    input,
    h("p", { id: "path-hint", class: "hint" }, t("library.rename.hint")),
    fault,
    h("div", { class: "actions" }, h("button", { class: "button primary" }, t("shell.save"))),
  );
  const close = openDialog({ title: t("library.row.rename"), content: [form] });
  input.select();
  /** @param {Event} event */
  async function rename(event) {
    event.preventDefault();
    try {
      await send("PATCH", documentPath(document.id), { path: input.value.trim() });
      close();
    } catch (error) {
      fault.textContent = words(error);
      input.setAttribute("aria-invalid", "true");
      input.focus();
    }
  }
}
