import { Failure } from "../api.js";
import { t } from "../strings/index.js";

/** Returns what went wrong, in words. @param {unknown} error @returns {string} */
export function words(error) {
  if (!(error instanceof Failure)) return t("shell.offline");
  return error.code === "document_not_found" ? t("sources.gone") : error.message;
}
