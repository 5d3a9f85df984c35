// Roles: the list (#/roles), one to edit (#/roles/edit/…), a new one (#/roles/new), two beside each other (#/roles/compare).
import { h, replace } from "../dom.js";
import { words } from "../sources/words.js";
import { mountCompare } from "./compare.js";
import { mountForm } from "./form.js";
import { mountList } from "./list.js";

/** @typedef {import("../app.js").Context} Context */

/**
 * @param {HTMLElement} container
 * @param {Context} context
 */
export async function mount(container, context) {
  const page = h("div", { class: "page roles" });
  replace(container, page);
  const [, , part = "", uuid = ""] = window.location.hash.split("/");
  try {
    if (part === "compare") return await mountCompare(page, context);
    if (part === "new") await mountForm(page, context, "");
    else if (part === "edit") await mountForm(page, context, decodeURIComponent(uuid));
    else await mountList(page, context);
  } catch (error) {
    replace(page, h("h1", {}, context.t("view.roles")), h("p", { role: "alert", class: "fault" }, words(error)));
  }
  return undefined;
}
