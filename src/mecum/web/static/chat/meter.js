import { h } from "../dom.js";
import { number, t } from "../strings/index.js";
import { pace } from "./request.js";

/**
 * How many tokens an answer has, how fast they came, and when it began: shown with its buttons, on hover and focus.
 * @param {import("./types.js").Message} message
 */
export function meter(message) {
  const { speed, wait } = pace(message);
  const tokens = message.usage?.completion_tokens;
  const facts = [
    tokens !== undefined && t("chat.tokens", { number: number(tokens), one: tokens === 1 }),
    speed && t("chat.speed", { speed: number(speed, { maximumSignificantDigits: 3 }) }),
    wait !== null && t("chat.wait", { seconds: number(wait, { maximumFractionDigits: 1 }) }),
    message.model,
  ];
  const prompt = message.usage ? t("chat.prompt", { number: number(message.usage.prompt_tokens) }) : null;
  return h("span", { class: "meter hint", title: prompt }, facts.filter(Boolean).join(" · "));
}
