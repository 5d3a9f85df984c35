// How far a model's loading is: a bar with the share and the time beside it.
import { h } from "../dom.js";
import { duration } from "../strings/dates.js";
import { number, t } from "../strings/index.js";

/** @param {import("./poll.js").Loading} model one that is being loaded; where its share is not known, the bar says so */
export function share({ id, progress, loading_seconds: seconds }) {
  const name = t("status.model.loading.named", { name: id });
  const text = [progress !== null && number(progress, { style: "percent" }), seconds !== null && duration(seconds)];
  return h(
    "span",
    { class: "model-share" },
    h("progress", { max: 1, value: progress, "aria-label": name }),
    h("span", { class: "hint" }, text.filter(Boolean).join(", ")),
  );
}
