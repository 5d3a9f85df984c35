// What happens to the documents, told to all who listen over one stream: a key may allow few requests at once.
import { Failure, call, events } from "../api.js";

/**
 * @typedef {{type: "counts", counts: any} | {type: "changed", document_id: string, document: import("../sources/about.js").LibraryDocument}
 *   | {type: "removed", document_id: string} | {type: "lost", error: unknown}} LibraryEvent
 * `counts` comes first, and again after the connection was `lost`: what was missed meanwhile is to be asked for then
 */

const LONGEST = 30; // seconds between two tries
/** @type {Set<(event: LibraryEvent) => void>} */
const listeners = new Set();
/** @type {AbortController | null} */
let running = null;

/**
 * Listens until the returned function is called.
 * @param {(event: LibraryEvent) => void} listener
 * @returns {() => void}
 */
export function followLibrary(listener) {
  listeners.add(listener);
  if (!running) run((running = new AbortController()));
  return () => {
    listeners.delete(listener);
    if (listeners.size) return;
    running?.abort();
    running = null;
  };
}

/** @param {AbortController} mine */
async function run(mine) {
  for (let wait = 1; !mine.signal.aborted; wait = Math.min(LONGEST, wait * 2)) {
    try {
      for await (const event of events(await call("/api/documents/events", { signal: mine.signal }))) {
        wait = 1;
        tell(event);
      }
      if (!mine.signal.aborted) tell({ type: "lost", error: new TypeError("It ended.") });
    } catch (error) {
      if (mine.signal.aborted) return;
      tell({ type: "lost", error });
      if (error instanceof Failure && [401, 403].includes(error.status)) {
        if (running === mine) running = null; // whoever listens next, perhaps with another key, begins anew
        return;
      }
    }
    await new Promise((resolve) => window.setTimeout(resolve, wait * 1000));
  }
}

/** @param {LibraryEvent} event */
function tell(event) {
  for (const listener of [...listeners]) listener(event);
}
