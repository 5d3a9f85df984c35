// How the server does: engine, models, queue, library. It asks while it is looked at.
import { get } from "../api.js";
import { h, replace } from "../dom.js";
import { duration } from "../strings/dates.js";
import { number, t } from "../strings/index.js";
import { total } from "../library/summary.js";
import { followHealth } from "./poll.js";
import { Models } from "./models.js";

/** @typedef {import("./poll.js").Health} Health */

/** @type {Record<string, string>} */
const LOOKS = { ok: "good", starting: "warn", restarting: "warn", draining: "warn", failed: "bad", stopped: "bad", offline: "bad" };

/**
 * @param {HTMLElement} container
 * @param {import("../app.js").Context} context
 * @returns {() => void}
 */
export function mount(container, context) {
  const state = h("p", { class: "status-state" });
  const grid = h("div", { class: "status-grid" });
  const models = new Models(context);
  const library = h("div", {});
  const routes = h("p", {}, h("a", { href: "/docs" }, t("status.routes")));
  replace(
    container,
    h(
      "div",
      { class: "page status" },
      h("h1", {}, t("view.status")),
      state,
      grid,
      models.element,
      section(t("status.library"), library),
      routes,
    ),
  );
  const unfollow = followHealth((health) => {
    showState(state, health);
    showGrid(grid, health);
    void models.refresh(health);
    void showLibrary(library);
  });
  return () => {
    unfollow();
    models.leave();
  };
}

/** @param {HTMLElement} element @param {Health} health */
function showState(element, { state, reason, report }) {
  const badge = h("span", { class: `badge big ${LOOKS[state] ?? "warn"}` }, state in LOOKS ? t(`status.state.${state}`) : state);
  const hint = report || state === "offline" ? reason : t("status.key");
  replace(element, badge, hint ? h("span", { class: "hint", dir: "auto" }, hint) : null);
}

/** @param {HTMLElement} element @param {Health} health */
function showGrid(element, { report }) {
  element.hidden = !report;
  if (!report) return;
  const { version, uptime, engine, queue } = report;
  const kind = ["embedded", "upstream", "scripted"].includes(engine.kind) ? t(`status.kind.${engine.kind}`) : engine.kind;
  replace(
    element,
    section(
      t("status.server"),
      facts([
        [t("status.address"), window.location.host],
        [t("status.version"), version],
        [t("status.uptime"), duration(uptime)],
      ]),
    ),
    section(
      t("status.engine"),
      facts([
        [t("status.kind"), kind],
        [t("status.version"), engine.version],
        [t("status.restarts"), engine.restarts ? number(engine.restarts) : ""],
      ]),
    ),
    section(
      t("status.queue"),
      facts([
        [t("status.working"), number(queue.working)],
        [t("status.waiting"), number(queue.waiting)],
      ]),
      h("p", { class: "hint" }, t("status.queue.hint")),
    ),
  );
}

/** @param {HTMLElement} element */
async function showLibrary(element) {
  /** @type {import("../library/summary.js").Counts | null} */
  const counts = await get("/api/documents/counts").catch(() => null); // a key may be for chats alone
  if (!element.isConnected && element.childElementCount) return;
  if (!counts) return void element.replaceChildren();
  const { embedder } = counts;
  const meaning = ["ready", "missing", "failed", "stopped"].includes(embedder.state)
    ? t(`status.embedder.${embedder.state}`)
    : embedder.state;
  replace(
    element,
    facts([
      [t("status.documents"), number(total(counts))],
      [t("status.passages"), number(counts.passages)],
      [t("status.embedder"), meaning],
    ]),
    embedder.reason ? h("p", { class: "hint", dir: "auto" }, embedder.reason) : null,
    h("a", { href: "#/library" }, t("status.library.open")),
  );
}

/** @param {string} title @param {...import("../dom.js").Child} content */
const section = (title, ...content) => h("section", { class: "status-card" }, h("h2", {}, title), ...content);

/** @param {[string, string][]} rows those without a value are left out */
const facts = (rows) =>
  h(
    "dl",
    { class: "facts-list" },
    ...rows.filter(([, value]) => value).flatMap(([name, value]) => [h("dt", {}, name), h("dd", { dir: "auto" }, value)]),
  );
