// The one way to this server: with the key that is kept in this browser, where there is one; errors are in the server's words.
const KEY = "mecum.key";

/** @returns {string} */
export const storedKey = () => localStorage.getItem(KEY) ?? "";
/** @param {string} key */
export const storeKey = (key) => (key ? localStorage.setItem(KEY, key) : localStorage.removeItem(KEY));

/** What the server answered instead of what it was asked for, in its own words; `param` is the field that it is about. */
export class Failure extends Error {
  /**
   * @param {number} status
   * @param {any} body
   * @param {number} [wait] seconds after which to try again, where the server says so
   */
  constructor(status, body, wait = 0) {
    super(body?.message ?? `The server answered with status ${status}.`);
    this.status = status;
    this.code = String(body?.error?.code ?? "");
    this.param = String(body?.error?.param ?? "");
    this.wait = wait;
    if (status === 401) document.dispatchEvent(new CustomEvent("mecum:key"));
  }
}

/** @param {Record<string, string>} [more] @returns {Record<string, string>} */
export function headers(more = {}) {
  const key = storedKey();
  return key ? { ...more, Authorization: `Bearer ${key}` } : more;
}

/**
 * Returns the response to a request, or throws a Failure.
 * @param {string} path
 * @param {Omit<RequestInit, "headers"> & {headers?: Record<string, string>}} [options]
 */
export async function call(path, options = {}) {
  const response = await fetch(path, { ...options, headers: headers(options.headers) });
  if (!response.ok) {
    const wait = Number(response.headers.get("Retry-After") ?? 0);
    throw new Failure(response.status, await response.json().catch(() => null), wait);
  }
  return response;
}

/** Returns the `data` of what is at a path. @param {string} path @returns {Promise<any>} */
export const get = async (path) => (await (await call(path)).json()).data;

/**
 * Sends JSON, and returns the response.
 * @param {string} method
 * @param {string} path
 * @param {unknown} body
 * @param {AbortSignal} [signal]
 */
export const send = (method, path, body, signal) =>
  call(path, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal });

/**
 * Yields the JSON of each event of a stream, up to [DONE] or its end.
 * @param {Response} response
 * @returns {AsyncGenerator<any>}
 */
export async function* events(response) {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader(); // Safari cannot iterate over a stream
  let rest = "";
  try {
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true, value: "" };
      if (done) return;
      const parts = (rest + value).split("\n\n");
      rest = parts.pop() ?? "";
      for (const part of parts) {
        if (part === "data: [DONE]") return;
        if (part.startsWith("data: ")) yield JSON.parse(part.slice(6));
      }
    }
  } finally {
    await reader?.cancel().catch(() => {});
  }
}

/** Stores what is at a path on the user's disk. A plain link could not send the key. @param {string} path @param {string} name */
export async function download(path, name) {
  save(await (await call(path)).blob(), name);
}

/** Stores something on the user's disk. @param {Blob} content @param {string} name */
export function save(content, name) {
  const url = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
