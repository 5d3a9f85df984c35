"""Which files of a folder are nobody's documents, by their names, and by the first bytes of those whose names say nothing.

A file that is left out here never becomes a document that failed; what could be one is let in, and says itself what it is.
`tests/knowledge/test_folder.py` has examples of both.
"""

from __future__ import annotations

import re
from fnmatch import translate
from typing import Final, Literal

from mecum.knowledge.extract.decode import is_text
from mecum.knowledge.extract.sniff import CODE

HEAD: Final = 4096  # bytes that tell what a file is
Unwanted = Literal["hidden", "made", "key", "temporary", "binary"]

_MADE: Final = frozenset(
    {"node_modules", "__pycache__", "__MACOSX", "lost+found", "$RECYCLE.BIN", "System Volume Information"}
)
_MARKS: Final = frozenset({"pyvenv.cfg", "CACHEDIR.TAG"})  # what tools put into folders of theirs
_DOCUMENTS: Final = (CODE - {"ts"}) | frozenset(  # .ts is a film as often as a program
    "txt text md markdown mdown mkd mdx qmd rmd rst org adoc log html htm xhtml pdf docx docm pptx pptm xlsx xlsm csv tsv "
    "epub eml mbox json jsonl ndjson ipynb rtf odt ods odp".split()
)
_PICTURES: Final = (
    "png jpg jpeg jpe gif bmp tif tiff webp heic heif avif ico icns psd xcf raw cr2 cr3 nef arw dng orf rw2 eps sketch "
    "blend stl fbx glb 3ds dwg skp swf ttf otf woff woff2 eot"
)
_SOUND: Final = (
    "mp3 wav flac ogg oga opus m4a m4b aac wma aif aiff mid midi mp4 m4v mkv mov avi webm wmv flv mpg mpeg 3gp vob m2ts"
)
_ARCHIVES: Final = (
    "zip tar gz tgz bz2 tbz xz txz zst lz4 lzma z 7z rar cab iso dmg img jar war ear apk aab ipa deb rpm whl egg xpi crx "
    "pkg msi vmdk vdi vhd vhdx qcow2 pak torrent"
)
_PROGRAMS: Final = "exe dll so dylib a o obj lib bin app pyc pyo pyd class wasm elf ko sys efi rlib"
_DATABASES: Final = (
    "db db3 sqlite sqlite3 mdb accdb dbf ldb sst parquet arrow feather orc h5 hdf5 npy npz mat rds rdata pkl pickle "
    "joblib pt pth onnx gguf ggml safetensors ckpt tflite pb pcap"
)
_BINARY: Final = frozenset(" ".join((_PICTURES, _SOUND, _ARCHIVES, _PROGRAMS, _DATABASES)).split())
_KEYS: Final = (
    *(
        "id_rsa",
        "id_dsa",
        "id_ecdsa",
        "id_ed25519",
        "id_rsa.*",
        "id_dsa.*",
        "id_ecdsa.*",
        "id_ed25519.*",
        "*.pem",
        "*.key",
        "*.p12",
        "*.pfx",
        "*.p8",
        "*.pkcs12",
        "*.jks",
    ),
    *("*.keystore", "*.kdb", "*.kdbx", "*.ppk", "*.gpg", "*.pgp", "*.age", "*.keychain", "*.keychain-db", "*.agilekeychain"),
    *("*.opvault", "*.1pux", "*.psafe3", "*.ovpn", "*.env", "*.htpasswd", "secring.*", "wallet.dat", "*.tfstate"),
)
_TEMPORARY: Final = (
    *("~$*", "*~", "#*#", "*.tmp", "*.temp", "*.swp", "*.swo", "*.part", "*.partial", "*.crdownload", "*.download"),
    *("thumbs.db", "desktop.ini"),
)
_SECRET: Final = re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY|PuTTY-User-Key-File")
_OFFICE_PARTS: Final = (b"[Content_Types].xml", b"mimetype", b"_rels/", b"word/", b"ppt/", b"xl/", b"META-INF/container.xml")
_LET_IN: Final = (b"{\\rtf", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")  # the second is Office before 2007: it fails with advice


def _one_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(translate(pattern) for pattern in patterns), re.IGNORECASE)


_KEY_NAME: Final = _one_of(_KEYS)
_TEMPORARY_NAME: Final = _one_of(_TEMPORARY)


def of_folder(name: str) -> Unwanted | None:
    """Return why a folder of that name is left out."""
    if name.startswith("."):
        return "hidden"
    return "made" if name in _MADE else None


def is_made(names: set[str]) -> bool:
    """Return whether a folder with these names in it says that a tool made it, and can make it again."""
    return not _MARKS.isdisjoint(names)


def of_file(name: str) -> Unwanted | None:
    """Return why a file of that name is left out."""
    if name.startswith("."):
        return "hidden"
    if _KEY_NAME.match(name):
        return "key"
    if _TEMPORARY_NAME.match(name):
        return "temporary"
    return "binary" if _extension(name) in _BINARY else None


def must_be_read(name: str) -> bool:
    """Return whether the name does not say that the file is a document."""
    return _extension(name) not in _DOCUMENTS


def of_content(head: bytes) -> Unwanted | None:
    """Return why a file that begins with these bytes, its first HEAD, is left out."""
    if _SECRET.search(head):
        return "key"
    if head.startswith(b"PK\x03\x04"):
        return None if any(part in head for part in _OFFICE_PARTS) else "binary"
    return None if b"%PDF-" in head[:1024] or head.startswith(_LET_IN) or is_text(head) else "binary"


def _extension(name: str) -> str:
    stem, _, extension = name.lower().rpartition(".")
    return extension if stem else name.lower()
