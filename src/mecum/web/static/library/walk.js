// The files of a drop or a choice. Of a folder, what is nobody's document is left out, as `mecum add FOLDER` leaves it out
// (`knowledge/unwanted.py`); a file that was chosen by itself is always taken.

/** @typedef {{file: File, path: string}} Found  `path` is the label that it gets in the library */

const MADE = new Set(["node_modules", "__pycache__", "__MACOSX", "lost+found", "$RECYCLE.BIN", "System Volume Information"]);
const BINARY = new Set(
  (
    "png jpg jpeg jpe gif bmp tif tiff webp heic heif avif ico icns psd xcf raw cr2 cr3 nef arw dng orf rw2 eps sketch blend stl fbx glb " +
    "ttf otf woff woff2 eot mp3 wav flac ogg oga opus m4a aac wma aif aiff mid midi mp4 m4v mkv mov avi webm wmv flv mpg mpeg 3gp vob " +
    "zip tar gz tgz bz2 tbz xz txz zst lz4 7z rar cab iso dmg img jar war apk ipa deb rpm whl egg crx pkg msi vmdk vdi qcow2 torrent " +
    "exe dll so dylib a o obj lib bin app pyc pyo class wasm elf ko sys db db3 sqlite sqlite3 mdb accdb dbf parquet arrow feather h5 " +
    "hdf5 npy npz mat rds pkl pickle joblib pt pth onnx gguf ggml safetensors ckpt tflite pcap"
  ).split(" "),
);
const KEY_KINDS = "pem|key|p12|pfx|p8|pkcs12|jks|keystore|kdb|kdbx|ppk|gpg|pgp|age|keychain|env|htpasswd|ovpn|tfstate";
const KEY = new RegExp(`^(id_(rsa|dsa|ecdsa|ed25519)(\\..*)?|.*\\.(${KEY_KINDS})|wallet\\.dat)$`, "i");
const TEMPORARY = /^(~\$.*|.*~|#.*#|.*\.(tmp|temp|swp|swo|part|partial|crdownload|download)|thumbs\.db|desktop\.ini)$/i;

/** @param {string} name @returns {boolean} whether a folder of that name is looked into */
export const isWantedFolder = (name) => !name.startsWith(".") && !MADE.has(name);

/** @param {string} name @returns {boolean} whether a file of that name in a folder may be a document */
export function isWantedFile(name) {
  const extension = name.includes(".") ? (name.split(".").pop() ?? "").toLowerCase() : "";
  return !name.startsWith(".") && !KEY.test(name) && !TEMPORARY.test(name) && !BINARY.has(extension);
}

/**
 * Returns what a drop holds. Its entries are there only as long as the event is handled, so they are taken at once.
 * @param {DataTransfer} transfer
 * @returns {(FileSystemEntry | File)[]}
 */
export function dropped(transfer) {
  const items = [...transfer.items].filter((item) => item.kind === "file");
  return items.map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile()).filter((each) => each !== null);
}

/**
 * Yields the files in what was dropped, folders searched through.
 * @param {(FileSystemEntry | File)[]} entries
 * @param {(name: string) => void} skipped is told what is left out
 * @returns {AsyncGenerator<Found>}
 */
export async function* walk(entries, skipped) {
  for (const entry of entries) {
    if (entry instanceof File) yield { file: entry, path: entry.name };
    else if (isFile(entry)) yield { file: await opened(entry), path: entry.name };
    else yield* inside(/** @type {FileSystemDirectoryEntry} */ (entry), entry.name, skipped);
  }
}

/**
 * Yields the files of an input; one that chose a folder says where in it each lies.
 * @param {Iterable<File>} files
 * @param {(name: string) => void} skipped
 * @returns {Generator<Found>}
 */
export function* chosen(files, skipped) {
  for (const file of files) {
    const folders = file.webkitRelativePath.split("/").slice(0, -1);
    const wanted = !folders.length || (folders.slice(1).every(isWantedFolder) && isWantedFile(file.name));
    if (wanted) yield { file, path: file.webkitRelativePath || file.name };
    else skipped(file.webkitRelativePath);
  }
}

/**
 * @param {FileSystemDirectoryEntry} folder
 * @param {string} path
 * @param {(name: string) => void} skipped
 * @returns {AsyncGenerator<Found>}
 */
async function* inside(folder, path, skipped) {
  const reader = folder.createReader();
  for (;;) {
    const some = await new Promise((/** @type {(found: FileSystemEntry[]) => void} */ resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (!some.length) return; // it gives a hundred at a time
    for (const entry of some) {
      const label = `${path}/${entry.name}`;
      if (!(isFile(entry) ? isWantedFile : isWantedFolder)(entry.name)) skipped(label);
      else if (isFile(entry)) yield { file: await opened(entry), path: label };
      else yield* inside(/** @type {FileSystemDirectoryEntry} */ (entry), label, skipped);
    }
  }
}

/** @param {FileSystemEntry} entry @returns {entry is FileSystemFileEntry} */
const isFile = (entry) => entry.isFile;

/** @param {FileSystemFileEntry} entry @returns {Promise<File>} */
const opened = (entry) => new Promise((resolve, reject) => entry.file(resolve, reject));
