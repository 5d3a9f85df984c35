// Where files and folders come in: dropped anywhere on the view, or chosen.
import { h, listen } from "../dom.js";
import { t } from "../strings/index.js";
import { button } from "../ui/button.js";
import { icon } from "../ui/icons.js";
import { toast } from "../ui/toast.js";
import { uploads } from "./uploads.js";
import { chosen, dropped, walk } from "./walk.js";

/**
 * Adds what was dropped or chosen, and says what was left out.
 * @param {AsyncIterable<import("./walk.js").Found> | Iterable<import("./walk.js").Found>} files
 * @param {string} collection
 * @param {{skipped: string[]}} report
 */
async function take(files, collection, report) {
  let added = 0;
  try {
    for await (const { file, path } of files) {
      uploads.add(file, path, collection);
      added++;
    }
  } catch {
    toast(t("library.add.unreadable")); // a folder that went away, or that the browser may not read
  }
  if (report.skipped.length) toast(t("library.add.skipped", { number: report.skipped.length, first: report.skipped[0] }));
  else if (!added) toast(t("library.add.nothing"));
}

/** @param {DataTransfer} transfer @param {string} [collection] @returns {Promise<void>} */
export function takeDrop(transfer, collection = "") {
  const report = { skipped: /** @type {string[]} */ ([]) };
  return take(
    walk(dropped(transfer), (name) => report.skipped.push(name)),
    collection,
    report,
  );
}

/** @param {HTMLInputElement} input @param {string} [collection] @returns {Promise<void>} */
export function takeChosen(input, collection = "") {
  const report = { skipped: /** @type {string[]} */ ([]) };
  const files = [...(input.files ?? [])];
  input.value = ""; // the same file can be chosen again
  return take(
    chosen(files, (name) => report.skipped.push(name)),
    collection,
    report,
  );
}

/**
 * Buttons that choose files or a folder.
 * @param {() => string} collection
 * @param {() => void} [begun] called when something was chosen
 * @returns {HTMLElement[]}
 */
export function choosers(collection, begun) {
  return [
    chooser("files", t("library.add.files"), { multiple: true }, "button primary"),
    chooser("folder", t("library.add.folder"), { webkitdirectory: true }, "button"),
  ].flat();

  /** @param {string} id @param {string} name @param {import("../dom.js").Properties} properties @param {string} look */
  function chooser(id, name, properties, look) {
    const input = h("input", { id, type: "file", hidden: true, "aria-label": name, ...properties });
    input.addEventListener("change", () => {
      void takeChosen(input, collection());
      begun?.();
    });
    return [button(name, () => input.click(), { icon: id === "files" ? "file" : "folder", class: look }), input];
  }
}

/**
 * The box to drop into, with the collection that files go to. Dropping works on all of `view`.
 * @param {HTMLElement} view
 * @param {string[]} collections that there are
 * @returns {{element: HTMLElement, offer: (collections: string[]) => void, clear: () => void}}
 */
export function addBox(view, collections) {
  const options = h("datalist", { id: "collections" });
  const collection = h("input", {
    id: "collection",
    list: "collections",
    maxlength: 128,
    placeholder: "default",
    autocomplete: "off",
    dir: "auto",
  });
  const element = h(
    "section",
    { class: "drop", "aria-label": t("library.add") },
    icon("upload"),
    h("p", {}, h("strong", {}, t("library.add.drop")), h("span", { class: "hint" }, t("library.add.kinds"))),
    h("div", { class: "choosers" }, ...choosers(() => collection.value.trim())),
    h("div", { class: "into" }, h("label", { for: "collection" }, t("library.add.collection")), collection, options),
  );
  const offer = (/** @type {string[]} */ names) => options.replaceChildren(...names.map((name) => h("option", { value: name })));
  offer(collections);
  return { element, offer, clear: acceptDrops(view, (transfer) => void takeDrop(transfer, collection.value.trim())) };
}

/**
 * Lets files be dropped on an element, and marks it meanwhile.
 * @param {HTMLElement} element
 * @param {(transfer: DataTransfer) => void} take
 * @returns {() => void}
 */
export function acceptDrops(element, take) {
  let depth = 0; // dragenter and dragleave come for every element inside
  const mark = (/** @type {number} */ step) => element.classList.toggle("dropping", (depth = Math.max(0, step ? depth + step : 0)) > 0);
  const clear = [
    listen(element, "dragenter", (event) => hasFiles(event) && mark(1)),
    listen(element, "dragleave", (event) => hasFiles(event) && mark(-1)),
    listen(document, "drop", (event) => {
      mark(0);
      if (!hasFiles(event) || !element.contains(event.target)) return; // see acceptAnywhere
      event.preventDefault();
      take(event.dataTransfer);
    }),
  ];
  return () => clear.forEach((undo) => undo());
}

/**
 * Takes files that are dropped where no view takes them: the browser would leave the page for them.
 * @param {() => void} taken
 */
export function acceptAnywhere(taken) {
  listen(window, "drop", (event) => {
    if (!hasFiles(event) || event.defaultPrevented) return;
    event.preventDefault();
    void takeDrop(event.dataTransfer);
    taken();
  });
  listen(window, "dragover", (event) => hasFiles(event) && event.preventDefault());
}

/** @param {DragEvent} event */
const hasFiles = (event) => event.dataTransfer?.types.includes("Files") ?? false;
