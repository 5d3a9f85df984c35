// The one way to this server: with the key that is kept in this browser, where there is one; errors are in the server's words.
const KEY = "mecum.key";

export const storedKey = () => localStorage.getItem(KEY) ?? "";
export const storeKey = (key) => (key ? localStorage.setItem(KEY, key) : localStorage.removeItem(KEY));

export class Failure extends Error {
  constructor(status, body) {
    super(body?.message ?? `The server answered with status ${status}.`);
    this.status = status;
    this.code = body?.error?.code ?? "";
    if (status === 401) document.dispatchEvent(new CustomEvent("mecum:key"));
  }
}

export function headers(more = {}) {
  const key = storedKey();
  return key ? { ...more, Authorization: `Bearer ${key}` } : more;
}

/** Returns the response to a request, or throws a Failure. */
export async function call(path, options = {}) {
  const response = await fetch(path, { ...options, headers: headers(options.headers) });
  if (!response.ok) throw new Failure(response.status, await response.json().catch(() => null));
  return response;
}

/** Returns the `data` of what is at a path. */
export const get = async (path) => (await (await call(path)).json()).data;

/** Yields the JSON of each event of a stream, up to [DONE] or its end. */
export async function* events(response) {
  let rest = "";
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      if (part === "data: [DONE]") return;
      if (part.startsWith("data: ")) yield JSON.parse(part.slice(6));
    }
  }
}

/** Stores what is at a path on the user's disk. A plain link could not send the key. */
export async function download(path, name) {
  const url = URL.createObjectURL(await (await call(path)).blob());
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Makes an element. Texts become text nodes, whatever they hold. */
export function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}
