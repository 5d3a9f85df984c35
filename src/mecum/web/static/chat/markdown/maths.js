// Maths: TeX becomes MathML, which browsers draw themselves. The library is loaded with the first formula.
import { h } from "../../dom.js";
import { sanitiseMaths } from "./sanitise.js";

const LONGEST = 8000; // characters of a formula

/** @type {typeof import("../../vendor/temml/temml.mjs").default | null} */
let library = null;
/** @type {Promise<void> | null} */
let loading = null;

/** Draws the formulas in a piece of an answer. One that cannot be read stays as it was written. @param {DocumentFragment} fragment */
export function drawMaths(fragment) {
  for (const element of fragment.querySelectorAll(".maths")) draw(/** @type {HTMLElement} */ (element));
}

/** @param {HTMLElement} element */
function draw(element) {
  const tex = element.textContent ?? "";
  if (tex.length > LONGEST) return;
  if (!library) {
    loading ??= import("../../vendor/temml/temml.mjs").then((module) => void (library = module.default));
    loading.then(() => draw(element)).catch(() => {});
    return;
  }
  const display = element.classList.contains("display");
  const drawn = h("span");
  try {
    library.render(tex, drawn, { displayMode: display, throwOnError: true, trust: false, maxExpand: 500, maxSize: [20, 20] });
  } catch {
    element.classList.add("unread");
    return;
  }
  element.replaceChildren(sanitiseMaths(drawn));
  element.querySelector("math")?.setAttribute("aria-label", tex);
}
