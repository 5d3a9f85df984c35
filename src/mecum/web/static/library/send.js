// One upload. fetch does not tell how far it is, so this is XMLHttpRequest.
import { Failure, headers } from "../api.js";

/**
 * Sends files to the library in one request. Returns a document, or what is wrong with it, for each, in order.
 * @param {{file: File, path: string}[]} files
 * @param {string} collection
 * @param {{signal: AbortSignal, progress: (part: number) => void}} options `progress` is told which part, 0 to 1, was sent
 * @returns {Promise<any[]>}
 */
export function sendFiles(files, collection, { signal, progress }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/api/documents");
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.responseType = "json";
    request.upload.onprogress = ({ loaded, total }) => progress(total ? loaded / total : 0);
    request.onload = () => {
      if (request.status === 202) return resolve(request.response.data);
      reject(new Failure(request.status, request.response, Number(request.getResponseHeader("Retry-After") ?? 0)));
    };
    request.onerror = () => reject(new TypeError("The server does not answer."));
    request.onabort = () => reject(new DOMException("Cancelled.", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    if (signal.aborted) return request.onabort?.(new ProgressEvent("abort"));
    request.send(form(files, collection));
  });
}

/** @param {{file: File, path: string}[]} files @param {string} collection */
function form(files, collection) {
  const data = new FormData();
  if (collection) data.append("collection", collection);
  for (const { file, path } of files) {
    data.append("path", path);
    data.append("date", String(file.lastModified / 1000));
    data.append("file", file, file.name);
  }
  return data;
}
