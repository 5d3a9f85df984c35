// Where a browser gives no storage (cookies are blocked), reading it throws. There what the page stores lasts as long as the
// page: one can chat, and is asked for a key anew. Imported before anything that stores.

for (const name of ["localStorage", "sessionStorage"]) {
  if (!works(name)) Object.defineProperty(window, name, { value: inMemory(), configurable: true });
}

/** @param {string} name */
function works(name) {
  try {
    return Boolean(Reflect.get(window, name)); // null in some web views
  } catch {
    return false;
  }
}

/** @returns {Pick<Storage, "getItem" | "setItem" | "removeItem">} */
function inMemory() {
  /** @type {Map<string, string>} */
  const kept = new Map();
  return {
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, value) => void kept.set(name, String(value)),
    removeItem: (name) => void kept.delete(name),
  };
}

export {};
