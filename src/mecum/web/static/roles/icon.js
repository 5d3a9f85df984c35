import { h } from "../dom.js";

const PICTURE = /^data:image\/(png|jpeg|gif|webp|svg\+xml|avif)[;,]/i; // as an image an SVG runs nothing and loads nothing
const MOST = 4; // characters of an emoji, as people count them

/**
 * A role's picture: its image, its emoji, or the first letter of its name.
 * @param {{icon: string, name: string}} role
 */
export function roleIcon({ icon, name }) {
  if (PICTURE.test(icon)) return h("img", { class: "role-icon", src: icon, alt: "", width: 40, height: 40 });
  const emoji = icon && !/^[\w .-]*$/.test(icon) && [...new Intl.Segmenter().segment(icon)].length <= MOST;
  return h("span", { class: "role-icon", "aria-hidden": "true" }, emoji ? icon : ([...name.trim()][0] ?? "?").toUpperCase());
}
