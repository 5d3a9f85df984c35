// The last thing that text of a model passes before it is part of the page: what is not listed here is not in it.
import "../../vendor/dompurify/purify.min.js"; // half as long as its module, and sets a global

const TAGS = [
  "p", "br", "hr", "h3", "h4", "h5", "h6", "strong", "em", "b", "i", "u", "s", "del", "mark", "sub", "sup", "kbd", "code", "pre", "blockquote",
  "ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td", "a", "span", "div",
]; // prettier-ignore
const ATTRIBUTES = ["class", "href", "rel", "target", "title", "start", "align"];
const ADDRESS = /^(?:https?|mailto):/i;

/** @param {string} html @returns {DocumentFragment} */
export function sanitise(html) {
  return DOMPurify.sanitize(html, {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ATTRIBUTES,
    ALLOWED_URI_REGEXP: ADDRESS,
    ADD_URI_SAFE_ATTR: ["rel", "target", "start", "align"], // that are no addresses
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  });
}

/** Coloured code is spans with classes. @param {string} html */
export function sanitiseCode(html) {
  return DOMPurify.sanitize(html, {
    ALLOWED_TAGS: ["span"],
    ALLOWED_ATTR: ["class"],
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  });
}

/** Maths is MathML without styles, which the policy would refuse, and without links. @param {Node} element */
export function sanitiseMaths(element) {
  return DOMPurify.sanitize(element, {
    USE_PROFILES: { mathMl: true },
    FORBID_ATTR: ["style", "href", "xlink:href", "src", "id"],
    FORBID_TAGS: ["a", "style", "maction", "annotation-xml"],
    ALLOW_DATA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  });
}
