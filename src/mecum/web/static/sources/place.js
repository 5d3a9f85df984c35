// Where in its document a passage stands, in words.
import { t } from "../strings/index.js";

/**
 * @typedef {{page?: number | null, last_page?: number | null, slide?: number, sheet?: string, heading?: string | string[] | null}} Place
 * what is known; numbers count from 1
 */

/**
 * Returns a place as short as it can be told, "" where nothing is known.
 * @param {Place} place
 * @param {{heading?: boolean}} [options] whether its heading is told, too
 * @returns {string}
 */
export function placeText(place, { heading = true } = {}) {
  const several = place.page && place.last_page && place.last_page !== place.page;
  return [
    several ? t("sources.pages", { first: place.page, last: place.last_page }) : place.page && t("sources.page", { page: place.page }),
    place.slide && t("sources.slide", { slide: place.slide }),
    place.sheet && t("sources.sheet", { sheet: place.sheet }),
    heading && headingText(place) && `§ ${headingText(place)}`,
  ]
    .filter(Boolean)
    .join(", ");
}

/** @param {Place} place */
export const headingText = ({ heading }) => (Array.isArray(heading) ? heading.join(" › ") : (heading ?? ""));
