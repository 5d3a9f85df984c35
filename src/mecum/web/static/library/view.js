// The library: what it holds, adding to it, searching in it, the list of documents.
import { get } from "../api.js";
import { h, replace } from "../dom.js";
import { words } from "../sources/words.js";
import { addBox } from "./add.js";
import { showAdded } from "./added.js";
import { Filters } from "./filters.js";
import { DocumentList } from "./list.js";
import { followLibrary } from "./live.js";
import { Search } from "./search.js";
import { summary } from "./summary.js";

const PAUSE = 1000; // milliseconds: many changes in a row ask for the counts once

/**
 * @param {HTMLElement} container
 * @param {import("../app.js").Context} context
 * @returns {() => void}
 */
export function mount(container, context) {
  const { t } = context;
  const facts = h("div", { id: "library", class: "library-summary" });
  const added = h("section", { class: "added", "aria-label": t("library.added"), hidden: true });
  const filters = new Filters(() => (remember(), list.load({ read: true }), search.results.hidden || search.again()));
  const list = new DocumentList(filters);
  const search = new Search(context, filters, (searching) => {
    list.element.hidden = searching;
    filters.searching(searching);
    remember();
  });
  /** Whoever comes back by the browser's button finds what was looked for. */
  const remember = () =>
    history.replaceState(
      { library: { filter: filters.value, query: search.results.hidden ? "" : search.query, mode: search.mode.value } },
      "",
    );
  const box = addBox(container, []);
  const find = h("div", { class: "find" }, search.form, filters.element);
  replace(
    container,
    h("div", { class: "page library" }, h("h1", {}, t("view.library")), facts, box.element, added, find, search.results, list.element),
  );

  const showCounts = summary(facts, (states) => filters.set({ states }));
  let timer = 0;
  async function refresh() {
    timer = 0;
    try {
      const [counts, facets] = await Promise.all([get("/api/documents/counts"), get("/api/documents/facets")]);
      showCounts(counts);
      filters.show(facets);
      box.offer(Object.keys(facets.collections));
    } catch (error) {
      replace(facts, h("p", { role: "alert", class: "fault" }, words(error)));
    }
  }
  const unfollow = followLibrary((event) => {
    if (event.type === "lost") return;
    list.heard(event);
    if (event.type === "counts") showCounts(event.counts);
    timer ||= window.setTimeout(refresh, PAUSE);
  });
  const hide = showAdded(added);
  void refresh();
  const { filter, query, mode } = history.state?.library ?? {};
  if (filter) Object.assign(filters.value, filter);
  if (query) search.restore(query, mode);
  void list.load();
  return () => {
    for (const undo of [unfollow, hide, box.clear, () => list.leave(), () => window.clearTimeout(timer)]) undo();
  };
}
