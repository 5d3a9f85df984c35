// Help: how programs call this server, the keys of the keyboard, and where to read on.
import { storedKey } from "../api.js";
import { copy } from "../chat/copy.js";
import { h, replace } from "../dom.js";
import { t } from "../strings/index.js";
import { button } from "../ui/button.js";
import { toast } from "../ui/toast.js";
import { PLACE, asksForKey, calls, hasKey } from "./calls.js";
import { shortcuts } from "./shortcuts.js";

/** @typedef {keyof ReturnType<typeof calls>} Name */

/**
 * @param {HTMLElement} container
 */
export async function mount(container) {
  const closed = await asksForKey();
  const texts = calls(window.location.origin, closed ? PLACE : null);
  const whole = () => calls(window.location.origin, storedKey());
  const names = /** @type {Name[]} */ (Object.keys(texts));
  const blocks = names.map((name) => block(name, texts[name], closed && hasKey() ? () => whole()[name] : null));
  replace(
    container,
    h(
      "div",
      { class: "page help" },
      h("h1", {}, t("view.help")),
      h("h2", {}, t("help.calls")),
      h("p", { class: "lead" }, t("help.calls.lead")),
      h("p", { class: closed ? "notice" : "hint" }, t(closed ? "help.key.needed" : "help.key.none")),
      ...blocks,
      h("h2", {}, t("help.keys")),
      shortcuts(),
      h("h2", {}, t("help.more")),
      h(
        "ul",
        { class: "links" },
        link("/docs", t("help.more.routes")),
        link("#/library", t("help.more.library")),
        link("#/roles", t("help.more.roles")),
        link("#/status", t("help.more.status")),
      ),
    ),
  );
}

/** @param {Name} name @param {string} text @param {(() => string) | null} secret gives the text with the key in it */
function block(name, text, secret) {
  const title = h("h3", { id: `call-${name}` }, t(`help.call.${name}`));
  const copy = button(t("help.copy"), () => copied(text), {
    icon: "copy",
    "aria-label": t("help.copy.named", { name: t(`help.call.${name}`) }),
  });
  const keyed =
    secret &&
    button(t("help.copy.key"), () => copied(secret()), {
      icon: "key",
      "aria-label": t("help.copy.key.named", { name: t(`help.call.${name}`) }),
    });
  return h(
    "section",
    { class: "call" },
    h("div", { class: "call-head" }, title, copy, keyed),
    h("pre", { tabindex: 0, dir: "ltr", "aria-labelledby": title.id }, h("code", {}, text)),
  );
}

/** @param {string} text */
const copied = async (text) => void toast(t((await copy(text)) ? "help.copied" : "help.copy.failed"));

/** @param {string} href @param {string} name */
const link = (href, name) => h("li", {}, h("a", { href }, name));
