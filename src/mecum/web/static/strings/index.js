// Every text of the page, by key and language. English is complete; another language shows English where it has a gap.
import en from "./en.js";

/** @typedef {string | ((values: Record<string, any>) => string)} Text  "{name}" stands for a value */
/** @typedef {Record<string, Text>} Texts */
/** @typedef {"en" | "zh"} Language */

/** @type {Record<Language, string>} */
export const LANGUAGES = { en: "English", zh: "中文" };
const KEPT = "mecum.language";
/** @type {Record<Language, () => Promise<{default: Texts}>>} */
const LOADERS = { en: async () => ({ default: en }), zh: () => import("./zh.js") };

/** @type {Texts} */
let texts = en;
/** @type {Language} */
let current = "en";

/**
 * Returns a text in the language of the page.
 * @param {string} key
 * @param {Record<string, any>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  const text = texts[key] ?? /** @type {Texts} */ (en)[key];
  if (text === undefined) throw new Error(`There is no text "${key}".`);
  if (typeof text === "function") return text(values);
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** @returns {Language} */
export const language = () => current;

/** The language that was chosen, else the browser's, else English. @returns {Language} */
export function wanted() {
  const asked = [localStorage.getItem(KEPT) ?? "", ...navigator.languages].map((name) => name.slice(0, 2).toLowerCase());
  return /** @type {Language} */ (asked.find((name) => name in LANGUAGES) ?? "en");
}

/** @param {Language} name */
export function choose(name) {
  localStorage.setItem(KEPT, name);
  return use(name);
}

/** @param {Language} name */
export async function use(name) {
  texts = (await LOADERS[name]()).default;
  current = name;
  document.documentElement.lang = name === "zh" ? "zh-Hans" : name;
  document.documentElement.dir = "ltr";
}

/** @param {number} value @param {Intl.NumberFormatOptions} [options] */
export const number = (value, options) => new Intl.NumberFormat(current, options).format(value);

/** @param {number} bytes */
export function size(bytes) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const digits = power ? 1 : 0;
  return number(bytes / 1000 ** power, {
    style: "unit",
    unit: units[power],
    unitDisplay: power ? "short" : "long",
    maximumFractionDigits: digits,
  });
}
