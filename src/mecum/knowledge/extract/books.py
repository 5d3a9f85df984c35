"""EPUB books, chapter by chapter, and RTF."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from lxml import etree  # type: ignore[import-untyped] # ships no types
from striprtf.striprtf import rtf_to_text

from mecum.knowledge.extract.archive import Archive, join
from mecum.knowledge.extract.base import Block, Outline, Part
from mecum.knowledge.extract.chats import moment
from mecum.knowledge.extract.decode import decode
from mecum.knowledge.extract.markup import blocks, parse

DC: Final = "{http://purl.org/dc/elements/1.1/}"
OPF: Final = "{http://www.idpf.org/2007/opf}"
CONTAINER: Final = "{urn:oasis:names:tc:opendocument:xmlns:container}"


def read_epub(data: bytes, name: str) -> list[Part]:
    """Read a book in the order in which it is to be read."""
    del name
    archive = Archive(data)
    package = _package(archive)
    root = archive.xml(package)
    title = root.findtext(f".//{DC}title") or "" if root is not None else ""
    date = moment(root.findtext(f".//{DC}date")) if root is not None else None
    found: list[Block] = []
    outline = Outline()
    for chapter in _chapters(archive, root, package):
        page = parse(decode(archive.read(chapter) or b""))
        found += blocks(page, outline) if page is not None else ()
    return [Part.of("epub", found, title=title, date=date)]


def read_rtf(data: bytes, name: str) -> list[Part]:
    """Read RTF. Its text says itself which code page its escapes are of."""
    del name
    text = rtf_to_text(data.decode("latin-1"), errors="replace")  # type: ignore[no-untyped-call]
    return [Part.of("rtf", (Block(paragraph.strip()) for paragraph in text.replace("\r\n", "\n").split("\n")))]


def _package(archive: Archive) -> str:
    container = archive.xml("META-INF/container.xml")
    found = container.find(f".//{CONTAINER}rootfile") if container is not None else None
    path = found.get("full-path") if found is not None else None
    return path or next((name for name in archive.names if name.endswith(".opf")), "")


def _chapters(archive: Archive, package: etree._Element | None, base: str) -> Iterator[str]:
    items = {item.get("id"): item.get("href") or "" for item in package.iter(f"{OPF}item")} if package is not None else {}
    order = [ref.get("idref") for ref in package.iter(f"{OPF}itemref")] if package is not None else []
    listed = [join(base, unquote(items[one].partition("#")[0])) for one in order if one in items]
    there = [name for name in listed if name in archive.names]
    yield from there or sorted(name for name in archive.names if name.lower().endswith((".xhtml", ".html", ".htm")))
