// How the server does, asked again and again while anybody wants to know and the page is seen; one request for all.
import { headers } from "../api.js";

/**
 * `state` is the server's own, `offline` where it does not answer. What lies in `report` only those are told who have a key.
 * @typedef {{state: string, reason: string, report: Report | null}} Health
 * @typedef {{status: string, version: string, uptime: number, queue: {working: number, waiting: number}, models: Loading[],
 *   engine: {state: string, kind: string, version: string, restarts: number, reason: string | null}, memory: Memory}} Report
 * @typedef {{id: string, state: "unloaded" | "loading" | "loaded" | "failed", progress: number | null, loading_seconds: number | null,
 *   reason: string | null, memory: number | null, users: number}} Loading  `progress` is a share, while it loads and it is known
 * @typedef {{budget: number | null, taken: number | null}} Memory  bytes that all models may take, and that those which are loaded do; null
 *   where the models are not the server's own to load
 */

const CALM = 10; // seconds between two questions while all is well
const ANXIOUS = 2; // and while it is not
const PATIENCE = 8; // seconds that an answer may take
/** @type {Set<(health: Health) => void>} */
const listeners = new Set();
/** @type {Health | null} */
let last = null;
let timer = 0;
let asking = false;

/**
 * Calls back with what is known now, and with every answer, until the returned function is called.
 * @param {(health: Health) => void} listener
 * @returns {() => void}
 */
export function followHealth(listener) {
  listeners.add(listener);
  if (last) listener(last);
  if (listeners.size === 1 || !last) void askHealth();
  return () => {
    listeners.delete(listener);
    if (!listeners.size) window.clearTimeout(timer);
  };
}

/** Asks at once, for somebody who pressed a button or noticed something. */
export async function askHealth() {
  window.clearTimeout(timer);
  if (asking) return;
  asking = true;
  last = await health();
  asking = false;
  for (const listener of [...listeners]) listener(last);
  if (listeners.size && document.visibilityState === "visible")
    timer = window.setTimeout(askHealth, (isCalm(last) ? CALM : ANXIOUS) * 1000);
}

/** @param {Health} health */
const isCalm = ({ state, report }) => state === "ok" && !report?.models.some((model) => model.state === "loading");

/** @returns {Promise<Health>} */
async function health() {
  try {
    const response = await fetch("/api/kernel2/health", { headers: headers(), signal: AbortSignal.timeout(PATIENCE * 1000) });
    const { data } = await response.json();
    const report = data.version ? data : null;
    return { state: data.status, reason: report?.engine.reason ?? "", report };
  } catch {
    return { state: "offline", reason: "", report: null };
  }
}

document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible" && listeners.size) void askHealth();
  else window.clearTimeout(timer);
});
