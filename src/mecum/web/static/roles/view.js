import { h, replace } from "../dom.js";

/** @param {HTMLElement} container @param {import("../app.js").Context} context */
export function mount(container, { t }) {
  replace(container, h("div", { class: "page" }, h("h1", {}, t("view.roles"))));
}
