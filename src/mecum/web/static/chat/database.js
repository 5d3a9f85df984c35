// IndexedDB with promises, and no more of it than the chat needs.

const NAME = "mecum";
const VERSION = 1;
/** @typedef {"conversations" | "messages"} Table */

/** @type {Promise<IDBDatabase> | null} */
let opened = null;

/**
 * Does something in one transaction, and returns what it returned once that is written.
 * @template T
 * @param {IDBTransactionMode} mode
 * @param {(table: (name: Table) => IDBObjectStore) => T | Promise<T>} work
 * @returns {Promise<T>}
 */
export async function transaction(mode, work) {
  const database = await open();
  const began = database.transaction(["conversations", "messages"], mode, { durability: "relaxed" });
  const ended = new Promise((resolve, reject) => {
    began.oncomplete = () => resolve(undefined);
    began.onabort = began.onerror = () => reject(began.error);
  });
  const result = await work((name) => began.objectStore(name));
  await ended;
  return result;
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
export function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** @returns {Promise<IDBDatabase>} */
function open() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => create(request.result);
    request.onerror = () => ((opened = null), reject(request.error)); // the next one tries again
    request.onsuccess = () => {
      request.result.onversionchange = () => (request.result.close(), (opened = null)); // a newer page in another tab
      resolve(request.result);
    };
  });
  return opened;
}

/** @param {IDBDatabase} database */
function create(database) {
  database.createObjectStore("conversations", { keyPath: "id" });
  database.createObjectStore("messages", { keyPath: "id" }).createIndex("conversation", "conversation");
}
