// As much of DOMPurify's types as the page uses.
interface Settings {
  ALLOWED_TAGS?: string[];
  ALLOWED_ATTR?: string[];
  ALLOWED_URI_REGEXP?: RegExp;
  ADD_URI_SAFE_ATTR?: string[];
  ALLOW_DATA_ATTR?: boolean;
  ALLOW_ARIA_ATTR?: boolean;
  USE_PROFILES?: { mathMl?: boolean };
  FORBID_ATTR?: string[];
  FORBID_TAGS?: string[];
  RETURN_DOM_FRAGMENT: true;
}
declare global {
  var DOMPurify: { sanitize(source: string | Node, settings: Settings): DocumentFragment };
}
export {};
