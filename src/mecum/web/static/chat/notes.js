// What there is to say about an answer besides its text: that it broke off, why it failed, and what can be done.
import { h } from "../dom.js";
import { t } from "../strings/index.js";
import { button } from "../ui/button.js";
import { icon } from "../ui/icons.js";

/** @typedef {import("./types.js").Message} Message */
/** @typedef {import("./session.js").Session} Session */

/**
 * @param {Message} message
 * @param {Session} session
 * @param {boolean} last whether it is the end of the branch: only there one can go on
 * @returns {HTMLElement[]}
 */
export function notes(message, session, last) {
  const found = [];
  if (message.dropped) found.push(note("", t("chat.dropped", { number: message.dropped })));
  if (message.wanted) found.push(note("", t("chat.wanted", { wanted: message.wanted, model: message.model ?? "" })));
  const again = button(t("shell.retry"), () => session.again(message), { icon: "again" });
  const goOn = button(t("chat.continue"), () => session.goOn(message), { icon: "right" });
  const begun = message.text || message.reasoning;
  if (message.state === "failed") found.push(note("bad", words(message), again, begun && last ? goOn : null));
  if (message.state === "interrupted") found.push(note("warn", t("chat.interrupted"), last ? goOn : null, again));
  if (message.state === "stopped") found.push(note("", t("chat.stopped"), last && begun ? goOn : null));
  if (message.state === "done" && message.finish === "length") found.push(note("warn", t("chat.length"), last ? goOn : null));
  if (message.state === "done" && !begun) found.push(note("", t("chat.nothing")));
  return found;
}

/** @param {Message} message */
function words({ error }) {
  if (!error || error.code === "offline") return t("shell.offline");
  return error.status === 401 ? `${error.message} ${t("chat.key")}` : error.message;
}

/** @param {string} look @param {string} text @param {...(HTMLElement | null)} actions */
function note(look, text, ...actions) {
  return h(
    "div",
    { class: `note ${look}`, role: look === "bad" ? "alert" : null },
    look ? icon("warn") : null,
    h("span", {}, text),
    ...actions,
  );
}
