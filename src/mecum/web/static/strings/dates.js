// Times in the language of the page. The server counts seconds since 1970.
import { language } from "./index.js";

/** @param {number} seconds @returns {string} a day */
export const day = (seconds) => written(seconds, { dateStyle: "medium" });

/** @param {number} seconds @returns {string} a day with its time */
export const moment = (seconds) => written(seconds, { dateStyle: "medium", timeStyle: "short" });

/** @param {number} seconds @returns {string} how long something takes, in its two largest units */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [
    { unit: "day", value: Math.floor(whole / 86_400) },
    { unit: "hour", value: Math.floor(whole / 3600) % 24 },
    { unit: "minute", value: Math.floor(whole / 60) % 60 },
    { unit: "second", value: whole % 60 },
  ];
  const first = Math.min(
    3,
    Math.max(
      0,
      parts.findIndex(({ value }) => value > 0),
    ) + (whole ? 0 : 3),
  );
  return parts
    .slice(first, first + 2)
    .filter(({ value }, index) => value > 0 || (first === 3 && index === 0))
    .map(({ unit, value }) => new Intl.NumberFormat(language(), { style: "unit", unit, unitDisplay: "short" }).format(value))
    .join(" ");
}

/** @param {number} seconds @param {Intl.DateTimeFormatOptions} options */
function written(seconds, options) {
  const time = new Date(seconds * 1000);
  return Number.isNaN(time.getTime()) ? "" : new Intl.DateTimeFormat(language(), options).format(time);
}
