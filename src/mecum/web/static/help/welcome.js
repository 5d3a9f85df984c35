// What an empty conversation shows: how to add documents, while there are none, and three things to try.
import { get } from "../api.js";
import { h, replace } from "../dom.js";
import { acceptDrops, choosers, takeDrop } from "../library/add.js";
import { total } from "../library/summary.js";
import { t } from "../strings/index.js";
import { button } from "../ui/button.js";
import { icon } from "../ui/icons.js";

const COLON = "\uff1a"; // of Chinese: what is asked about follows

/**
 * Fills a container; files can be dropped on it. `write` puts a text into the box that one writes in.
 * @param {HTMLElement} container
 * @param {Pick<import("../app.js").Context, "navigate">} context
 * @param {(text: string) => void} write
 * @returns {() => void}
 */
export function welcome(container, { navigate }, write) {
  const library = h("div", {});
  const tries = h("ul", { class: "tries" });
  const open = () => navigate("#/library");
  replace(container, h("div", { class: "welcome" }, h("h1", {}, t("help.welcome")), library, h("h2", {}, t("help.try")), tries));
  const suggest = (/** @type {boolean} */ documents) =>
    replace(tries, ...suggestions(documents).map(([name, text]) => tryOne(name, text, write)));
  suggest(false);
  let left = false;
  void get("/api/documents/counts").then(
    (counts) => {
      if (left) return;
      const number = total(counts);
      replace(library, number ? filled(number) : empty(open));
      suggest(number > 0);
    },
    () => {}, // a key may be for chats alone
  );
  const clear = acceptDrops(container, (transfer) => {
    void takeDrop(transfer);
    open();
  });
  return () => {
    left = true;
    clear();
  };
}

/** @param {() => void} open */
function empty(open) {
  return h(
    "section",
    { class: "drop", "aria-label": t("library.add") },
    icon("upload"),
    h("p", {}, h("strong", {}, t("help.welcome.add")), h("span", { class: "hint" }, t("help.welcome.drop"))),
    h("div", { class: "choosers" }, ...choosers(() => "", open)),
  );
}

/** @param {number} number */
const filled = (number) =>
  h("p", { class: "hint" }, t("help.welcome.documents", { number }), " ", h("a", { href: "#/library" }, t("help.welcome.library")));

/** @param {boolean} documents whether there are any @returns {[string, string][]} a name, and the text that is written */
function suggestions(documents) {
  const names = documents ? ["ask", "summary", "draft"] : ["explain", "draft", "plan"];
  return names.map((name) => [t(`help.try.${name}`), t(`help.try.${name}.text`)]);
}

/** @param {string} name @param {string} text @param {(text: string) => void} write */
function tryOne(name, text, write) {
  const press = button("", () => write(text), { class: "try" });
  const goesOn = text.endsWith(" ") || text.endsWith(COLON);
  press.append(h("strong", {}, name), h("span", { class: "hint" }, goesOn ? `${text.trim()} …` : text));
  return h("li", {}, press);
}
