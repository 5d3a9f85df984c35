import { storeKey } from "../api.js";
import { h } from "../dom.js";
import { t } from "../strings/index.js";
import { openDialog } from "./dialog.js";

let open = false;
let dismissed = false; // what the page asks by itself does not ask again; whoever goes on, or sends something, is asked

/** Asks for the key of a server that wants one, when it says so. @param {() => void} given called once there is one */
export function askForKey(given) {
  for (const name of ["submit", "hashchange"]) window.addEventListener(name, () => (dismissed = false), { capture: true });
  document.addEventListener("mecum:key", () => {
    if (open || dismissed) return;
    open = true;
    let used = false; // a key that is not good is asked for again
    const input = h("input", {
      id: "secret",
      name: "key",
      type: "password",
      autocomplete: "off",
      required: true,
      autofocus: true,
      "aria-describedby": "secret-hint",
    });
    const form = h(
      "form",
      { id: "key", class: "stack", onsubmit: use },
      h("label", { for: "secret" }, t("key.label")),
      input,
      h("p", { id: "secret-hint", class: "hint" }, t("key.hint")),
      h("div", { class: "actions" }, h("button", { class: "button primary" }, t("key.use"))),
    );
    const close = openDialog({ title: t("key.title"), content: [form], closed: () => ((open = false), (dismissed = !used)) });
    /** @param {Event} event */
    function use(event) {
      event.preventDefault();
      used = true;
      storeKey(input.value.trim());
      close();
      given();
    }
  });
}
