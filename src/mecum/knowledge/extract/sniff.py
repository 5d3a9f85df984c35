"""What kind of file it is, by its bytes. A name only tells apart what is plain text in any case: prose, Markdown, code, CSV.

Invariant: a wrong or missing extension changes nothing about how a file that is not plain text is read
(`tests/knowledge/extract/test_sniff.py`).
"""

from __future__ import annotations

import csv
import re
from pathlib import PurePath
from typing import Any, Final

import orjson

from mecum.knowledge.extract.archive import Archive
from mecum.knowledge.extract.base import ExtractError
from mecum.knowledge.extract.chats import is_whatsapp
from mecum.knowledge.extract.decode import decode, is_text

CODE: Final = frozenset(
    "py pyi js mjs cjs ts tsx jsx java c h cc cpp cxx hpp hh cs go rs rb php pl pm swift kt kts scala lua r jl sh "
    "bash zsh fish ps1 bat sql hs ml mli ex exs erl clj cljs lisp el vim dart groovy gradle m mm f90 f95 pas asm s "
    "zig nim vue svelte css scss less toml yaml yml ini cfg conf xml xsd xsl proto tf cmake mk dockerfile makefile "
    "tex bib diff patch svg".split()
)
_MARKDOWN: Final = frozenset("md markdown mdown mkd mdx qmd rmd".split())
_MIMETYPES: Final = {
    b"application/epub+zip": "epub",
    b"application/vnd.oasis.opendocument.text": "odt",
    b"application/vnd.oasis.opendocument.spreadsheet": "ods",
    b"application/vnd.oasis.opendocument.presentation": "odp",
}
_OFFICE: Final = {"word/document.xml": "docx", "ppt/presentation.xml": "pptx", "xl/workbook.xml": "xlsx"}
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED: Final = "EncryptedPackage".encode("utf-16-le")  # a new Office file with a password lies inside an old one
_HEADER: Final = re.compile(
    r"^(return-path|received|from|to|cc|subject|date|message-id|mime-version|content-type|reply-to|delivered-to|x-[\w-]+):",
    re.IGNORECASE,
)
_HTML: Final = re.compile(
    r"\A(?:\s|<!--.*?-->|<\?xml[^>]*>)*<(?:!doctype\s+html|html|head|body|article|div|p|h[1-6])\b",
    re.IGNORECASE | re.DOTALL,
)
_HEADED: Final = re.compile(r"^#{1,6} \S", re.MULTILINE)
_FENCE_OR_LINK: Final = re.compile(r"^```|\]\(\w+://|^\s*[-*] \S|^\*\*", re.MULTILINE)


def kind_of(data: bytes, name: str = "") -> str:
    """Return the kind: a key of `readers.READERS`.

    Raises:
        ExtractError: no reader is for it.
    """
    if b"%PDF-" in data[:1024]:
        return "pdf"
    if data.startswith(b"{\\rtf"):
        return "rtf"
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zipped(data)
    if data.startswith(_OLE) and _ENCRYPTED in data:
        raise ExtractError("encrypted", "The file is protected by a password. Save it without one, and add it again.")
    if data.startswith(_OLE):
        raise ExtractError("unsupported", "Office files of before 2007 are not read. Save it as .docx, .xlsx or .pptx.")
    if not is_text(data):
        raise ExtractError("unsupported", "This kind of file holds no text that can be read here.")
    return _text_kind(decode(data[:1_000_000] if not _may_be_json(data) else data), name)


def _zipped(data: bytes) -> str:
    archive = Archive(data)
    mimetype = archive.read("mimetype") or b""
    if kind := _MIMETYPES.get(mimetype.strip()):
        return kind
    if kind := next((kind for entry, kind in _OFFICE.items() if entry in archive.names), None):
        return kind
    if "META-INF/container.xml" in archive.names:
        return "epub"
    raise ExtractError("unsupported", "Archives are not read. Unpack it, and add the files in it.")


def _text_kind(text: str, name: str) -> str:
    return _structured(text) or _by_name(text, name)


def _structured(text: str) -> str | None:
    """Return the kind of a text that has a form of its own."""
    head = text[:20_000].lstrip("\ufeff")
    if _HTML.match(head):
        return "html"
    if head.startswith("From ") and _is_mail(head.partition("\n")[2]):
        return "mbox"
    if _is_mail(head):
        return "eml"
    if is_whatsapp(head):
        return "whatsapp"
    return _json_kind(text) if head.lstrip()[:1] in ("{", "[") else None


def _by_name(text: str, name: str) -> str:
    path = PurePath(name.lower())
    extension = path.suffix.lstrip(".") or path.name
    if extension in _MARKDOWN:
        return "markdown"
    if extension in ("csv", "tsv") or _is_table(text):
        return "csv"
    if extension in CODE or text.startswith("#!"):
        return "code"
    if extension in ("txt", "text"):
        return "text"
    return "markdown" if _HEADED.search(text[:20_000]) and _FENCE_OR_LINK.search(text[:20_000]) else "text"


def _is_mail(head: str) -> bool:
    """Return whether it begins with a block of mail headers, two of the usual ones among them."""
    lines = head.split("\n", 60)[:60]
    usual: set[str] = set()
    for line in (line.rstrip("\r") for line in lines):
        if found := _HEADER.match(line):
            usual.add(found[1].lower())
        elif not line.strip():
            break
        elif not line.startswith((" ", "\t")) and not re.match(r"^[\w-]+:", line):
            return False
    return len(usual) >= 2 and bool(usual & {"from", "received", "message-id", "date"})


def _may_be_json(data: bytes) -> bool:
    return data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")


def _json_kind(text: str) -> str | None:
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError:
        return "jsonl" if _is_jsonl(text) else None
    return json_kind(content)


def json_kind(content: Any) -> str:
    """Return which kind of JSON it is."""
    if isinstance(content, dict):
        if isinstance(content.get("cells"), list) and "nbformat" in content:
            return "ipynb"
        chats = content.get("chats")
        if isinstance(chats, dict) and isinstance(chats.get("list"), list):
            return "telegram"
        messages = content.get("messages")
        if isinstance(messages, list) and any(isinstance(one, dict) and "date_unixtime" in one for one in messages[:50]):
            return "telegram"
    conversations = content if isinstance(content, list) else [content]
    if conversations and all(isinstance(one, dict) and isinstance(one.get("mapping"), dict) for one in conversations[:5]):
        return "chatgpt"
    return "json"


def _is_jsonl(text: str) -> bool:
    lines = [line for line in text[:200_000].split("\n")[:20] if line.strip()]
    if len(lines) > 1 and not text[:200_000].endswith("\n"):
        lines.pop()  # it may be cut off, by us or in the middle of being written
    try:
        return bool(lines) and all(isinstance(orjson.loads(line), dict) for line in lines)
    except orjson.JSONDecodeError:
        return False


def _is_table(text: str) -> bool:
    """Return whether it is clearly rows of cells: the same number in each of the first lines, and three of them or more."""
    lines = text[:20_000].splitlines()[:20]
    if len(lines) < 4:
        return False
    return any(_width(lines[:-1], separator) >= 3 for separator in (",", ";", "\t"))


def _width(lines: list[str], separator: str) -> int:
    """Return how many cells each line has, 0 where not all have as many."""
    try:
        widths = {len(row) for row in csv.reader(lines, delimiter=separator)}
    except csv.Error:
        return 0
    return widths.pop() if len(widths) == 1 else 0
