// A line over every view while chats cannot be answered: why, and what is being done.
import { h, replace } from "../dom.js";
import { t } from "../strings/index.js";
import { button } from "../ui/button.js";
import { icon } from "../ui/icons.js";
import { askHealth, followHealth } from "./poll.js";

/** States that pass by themselves; all others need somebody. */
const PASSING = ["starting", "restarting", "draining"];
const KNOWN = ["starting", "restarting", "draining", "failed", "stopped", "offline"];

/**
 * Shows a banner while the server cannot answer. It is a live region: it changes only when there is something new.
 * @param {HTMLElement} element
 * @param {import("../app.js").Context} _context
 * @returns {() => void}
 */
export function banner(element, _context) {
  let told = "";
  const unfollow = followHealth(({ state, reason }) => {
    const text = state === "ok" ? "" : `${t(`status.banner.${KNOWN.includes(state) ? state : "failed"}`)} ${reason}`.trim();
    if (text === told) return;
    const back = told && !text;
    told = text;
    element.className = text && !PASSING.includes(state) ? "bad" : "";
    if (back) replace(element, h("span", { class: "unseen" }, t("status.banner.ok")));
    else replace(element, ...(text ? line(state, text) : []));
  });
  return () => (unfollow(), element.replaceChildren());
}

/** @param {string} state @param {string} text */
function line(state, text) {
  const image = PASSING.includes(state) ? h("span", { class: "spinner" }) : icon("warn");
  const link =
    state === "offline"
      ? button(t("shell.retry"), () => void askHealth(), { class: "button" })
      : h("a", { href: "#/status" }, t("status.banner.more"));
  return [h("span", { class: "banner-line" }, image, h("span", { dir: "auto" }, text), link)];
}
