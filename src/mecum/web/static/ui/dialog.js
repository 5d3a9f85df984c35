import { h } from "../dom.js";
import { t } from "../strings/index.js";
import { iconButton } from "./button.js";

let made = 0;

/**
 * Opens a modal dialog, and removes it when it is closed: by its button, Esc, or the returned function. The browser keeps
 * the focus inside and gives it back.
 * @param {{title: string, content: import("../dom.js").Child[], actions?: HTMLElement[], class?: string, closed?: () => void}} dialog
 * @returns {() => void}
 */
export function openDialog({ title, content, actions = [], class: look = "", closed }) {
  const label = `dialog-${++made}`;
  const element = h(
    "dialog",
    { class: `dialog ${look}`, "aria-labelledby": label },
    h(
      "header",
      {},
      h("h2", { id: label }, title),
      iconButton("close", t("shell.close"), () => element.close()),
    ),
    h("div", { class: "dialog-body" }, ...content),
    actions.length ? h("footer", {}, ...actions) : null,
  );
  element.addEventListener("click", (event) => event.target === element && element.close()); // beside it
  element.addEventListener("close", () => {
    element.remove();
    closed?.();
  });
  document.body.append(element);
  element.showModal();
  return () => element.close();
}

/**
 * Asks before something is done.
 * @param {{title: string, text: string, action: string}} question
 * @returns {Promise<boolean>}
 */
export function confirm({ title, text, action }) {
  return new Promise((resolve) => {
    let answer = false;
    const yes = h("button", { type: "button", class: "button danger", onclick: () => ((answer = true), close()) }, action);
    const no = h("button", { type: "button", class: "button", autofocus: true, onclick: () => close() }, t("shell.cancel"));
    const close = openDialog({ title, content: [h("p", {}, text)], actions: [no, yes], closed: () => resolve(answer) });
  });
}
