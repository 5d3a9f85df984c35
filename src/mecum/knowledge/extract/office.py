"""Word processing and presentations, of Office (docx, pptx) and OpenDocument (odt, odp): XML in a zip file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from lxml import etree  # type: ignore[import-untyped] # ships no types

from mecum.knowledge.extract.archive import Archive, join
from mecum.knowledge.extract.base import Block, Outline, Part, Place, one_line
from mecum.knowledge.extract.chats import moment

W: Final = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
A: Final = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
P: Final = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
R: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
DC: Final = "{http://purl.org/dc/elements/1.1/}"
DCTERMS: Final = "{http://purl.org/dc/terms/}"
MC: Final = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
TEXT: Final = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
TABLE: Final = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
DRAW: Final = "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}"
OFFICE: Final = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_HEADING: Final = re.compile(r"^(?:heading|überschrift|titre|título|title)\s*(\d)?$", re.IGNORECASE)
_TITLES: Final = ("title", "ctrTitle")
_DELETED: Final = frozenset({f"{W}del", f"{W}moveFrom", f"{W}instrText", f"{W}delText", f"{MC}Fallback"})


def read_docx(data: bytes, name: str) -> list[Part]:
    """Read a Word document; page numbers are those that Word itself noted when it last saved."""
    del name
    archive = Archive(data)
    root = archive.xml("word/document.xml")
    body = root.find(f"{W}body") if root is not None else None
    if body is None:
        return []
    found = list(_Word(_levels(archive.xml("word/styles.xml"))).blocks(body))
    notes = archive.xml("word/footnotes.xml")
    if notes is not None:
        found += [Block(_plain(note)) for note in notes.iterchildren(f"{W}footnote")]
    title, date = _core(archive.xml("docProps/core.xml"))
    return [Part.of("docx", found, title=title, date=date)]


def read_pptx(data: bytes, name: str) -> list[Part]:
    """Read a presentation, slide by slide, with the speaker's notes."""
    del name
    archive = Archive(data)
    found: list[Block] = []
    for number, slide in enumerate(_slides(archive), 1):
        found += _slide_blocks(archive, slide, number)
    title, date = _core(archive.xml("docProps/core.xml"))
    return [Part.of("pptx", found, title=title, date=date)]


def read_odf(data: bytes, name: str) -> list[Part]:
    """Read a text or a presentation of LibreOffice."""
    del name
    archive = Archive(data)
    root = archive.xml("content.xml")
    body = root.find(f"{OFFICE}body") if root is not None else None
    if body is None:
        return []
    meta = archive.xml("meta.xml")
    title = meta.findtext(f".//{DC}title") if meta is not None else ""
    date = moment(meta.findtext(f".//{DC}date")) if meta is not None else None
    kind = "odp" if body.find(f"{OFFICE}presentation") is not None else "odt"
    return [Part.of(kind, _odf_blocks(body), title=title or "", date=date)]


class _Word:
    """Walks over a Word document's body."""

    def __init__(self, levels: dict[str, int]) -> None:
        self._levels = levels
        self._outline = Outline()
        self._page = 1
        self._paged = False

    def blocks(self, parent: etree._Element) -> Iterator[Block]:
        self._paged = self._paged or parent.find(f".//{W}lastRenderedPageBreak") is not None
        for element in parent:
            if element.tag == f"{W}p":
                yield from self._paragraph(element)
            elif element.tag == f"{W}tbl":
                yield from self._table(element)
            elif element.tag in (f"{W}sdt", f"{W}sdtContent", f"{W}ins", f"{W}smartTag", f"{W}customXml"):
                yield from self.blocks(element)

    def _paragraph(self, element: etree._Element) -> Iterator[Block]:
        breaks = len(element.findall(f".//{W}lastRenderedPageBreak"))
        before = _breaks_before_text(element)
        self._page += before
        text = _plain(element)
        level = self._levels.get(_style(element), 0)
        if level and text.strip():
            path = self._outline.enter(level, text)
            yield Block(one_line(text), "heading", Place(path, page=self._at()), level)
        else:
            listed = element.find(f"{W}pPr/{W}numPr") is not None
            yield Block(f"- {text}" if listed and text.strip() else text, place=Place(self._outline.path, page=self._at()))
        self._page += breaks - before

    def _table(self, table: etree._Element) -> Iterator[Block]:
        for row in table.iter(f"{W}tr"):
            cells = [" ".join(_plain(cell).split()) for cell in row.iterchildren(f"{W}tc")]
            yield Block(" | ".join(cells) if any(cells) else "", "row", Place(self._outline.path, page=self._at()))
            self._page += len(row.findall(f".//{W}lastRenderedPageBreak"))

    def _at(self) -> int | None:
        return self._page if self._paged else None


def _style(paragraph: etree._Element) -> str:
    style = paragraph.find(f"{W}pPr/{W}pStyle")
    return style.get(f"{W}val") or "" if style is not None else ""


def _levels(styles: etree._Element | None) -> dict[str, int]:
    """Return the levels of the styles that are headings, by the styles' ids."""
    found = {f"Heading{level}": level for level in range(1, 10)} | {"Title": 1}
    for style in styles.iterchildren(f"{W}style") if styles is not None else ():
        identity = style.get(f"{W}styleId") or ""
        name, outline = style.find(f"{W}name"), style.find(f"{W}pPr/{W}outlineLvl")
        named = _HEADING.match(name.get(f"{W}val") or "") if name is not None else None
        value = outline.get(f"{W}val") or "" if outline is not None else ""
        if named:
            found[identity] = int(named[1] or 1)
        elif value.isdecimal() and int(value) < 9:
            found[identity] = int(value) + 1
    return found


def _breaks_before_text(paragraph: etree._Element) -> int:
    """Return how many pages end before a paragraph's first word: Word notes the break inside of it."""
    breaks = 0
    for node in paragraph.iter(f"{W}lastRenderedPageBreak", f"{W}t"):
        if node.tag == f"{W}t" and (node.text or "").strip():
            break
        breaks += node.tag != f"{W}t"
    return breaks


def _plain(element: etree._Element) -> str:
    """Return the text of a Word element as it stands, without what was deleted."""
    pieces: list[str] = []
    stack = [element]
    while stack:
        node = stack.pop()
        if node.tag in _DELETED:
            continue
        if node.tag == f"{W}t":
            pieces.append(node.text or "")
        elif node.tag in (f"{W}tab", f"{W}cr", f"{W}br") and node.getparent() is not None:
            pieces.append("\t" if node.tag == f"{W}tab" else "\n")
        elif node.tag == f"{W}p" and pieces:
            pieces.append("\n")
        stack.extend(reversed(node))
    return "".join(pieces).strip()


def _core(core: etree._Element | None) -> tuple[str, float | None]:
    """Return an Office file's own title, and when it was last changed."""
    if core is None:
        return "", None
    title = core.findtext(f"{DC}title") or ""
    when = core.findtext(f"{DCTERMS}modified") or core.findtext(f"{DCTERMS}created")
    return ("" if re.match(r"^(powerpoint|word document)", title, re.IGNORECASE) else title), moment(when)


def _relations(archive: Archive, name: str) -> dict[str, tuple[str, str]]:
    """Return what an entry refers to: by id, the last word of its type, and its name."""
    folder, _, leaf = name.rpartition("/")
    root = archive.xml(f"{folder}/_rels/{leaf}.rels")
    if root is None:
        return {}
    inside = [one for one in root if one.get("TargetMode") != "External"]
    return {
        one.get("Id") or "": ((one.get("Type") or "").rpartition("/")[2], join(name, one.get("Target") or ""))
        for one in inside
    }


def _slides(archive: Archive) -> Iterator[str]:
    presentation = "ppt/presentation.xml"
    root, relations = archive.xml(presentation), _relations(archive, presentation)
    for slide in root.iter(f"{P}sldId") if root is not None else ():
        _, name = relations.get(slide.get(f"{R}id") or "", ("", ""))
        if name in archive.names:
            yield name


def _slide_blocks(archive: Archive, slide: str, number: int) -> Iterator[Block]:
    root = archive.xml(slide)
    if root is None:
        return
    path: tuple[str, ...] = ()
    for shape in root.iter(f"{P}sp", f"{P}graphicFrame"):
        holder = shape.find(f".//{P}ph")
        if holder is not None and holder.get("type") in _TITLES and (title := one_line(_drawn(shape))):
            path = (title,)
            yield Block(title, "heading", Place(path, slide=number), level=1)
        elif shape.find(f".//{A}tbl") is not None:
            for row in shape.iter(f"{A}tr"):
                cells = [one_line(_drawn(cell)) for cell in row.iterchildren(f"{A}tc")]
                yield Block(" | ".join(cells), "row", Place(path, slide=number))
        else:
            yield Block(_drawn(shape), place=Place(path, slide=number))
    yield from _notes(archive, slide, Place(path, slide=number))


def _notes(archive: Archive, slide: str, place: Place) -> Iterator[Block]:
    for kind, name in _relations(archive, slide).values():
        notes = archive.xml(name) if kind == "notesSlide" else None
        for shape in notes.iter(f"{P}sp") if notes is not None else ():
            holder = shape.find(f".//{P}ph")
            if holder is not None and holder.get("type") == "body":
                yield Block(_drawn(shape), place=place)


def _drawn(shape: etree._Element) -> str:
    """Return the text of a shape, a line for each paragraph."""
    lines = []
    for paragraph in shape.iter(f"{A}p"):
        runs = ("\n" if node.tag == f"{A}br" else node.text or "" for node in paragraph.iter(f"{A}t", f"{A}br"))
        lines.append("".join(runs))
    return "\n".join(line for line in lines if line.strip())


def _odf_blocks(body: etree._Element) -> Iterator[Block]:
    outline, slide = Outline(), 0
    for node in body.iter(f"{TEXT}h", f"{TEXT}p", f"{TABLE}table-row", f"{DRAW}page"):
        if node.tag == f"{DRAW}page":
            slide += 1
            continue
        place = Place(outline.path, slide=slide or None)
        if node.tag == f"{TABLE}table-row":
            cells = [" ".join(_odf_text(cell).split()) for cell in node.iterchildren(f"{TABLE}table-cell")]
            yield Block(" | ".join(cells) if any(cells) else "", "row", place)
        elif node.tag == f"{TEXT}h":
            text, level = one_line(_odf_text(node)), node.get(f"{TEXT}outline-level") or "1"
            number = int(level) if level.isdecimal() else 1
            yield Block(text, "heading", Place(outline.enter(number, text), slide=slide or None), number)
        elif next(node.iterancestors(f"{TABLE}table-row"), None) is None:
            listed = next(node.iterancestors(f"{TEXT}list-item"), None) is not None
            text = _odf_text(node)
            yield Block(f"- {text}" if listed and text.strip() else text, place=place)


def _odf_text(element: etree._Element) -> str:
    pieces = [element.text or ""]
    for node in element:
        if node.tag == f"{TEXT}s":
            count = node.get(f"{TEXT}c") or "1"
            pieces.append(" " * min(int(count) if count.isdecimal() else 1, 100))
        elif node.tag in (f"{TEXT}tab", f"{TEXT}line-break"):
            pieces.append("\t" if node.tag == f"{TEXT}tab" else "\n")
        elif node.tag != f"{OFFICE}annotation":
            pieces.append(_odf_text(node) + ("\n" if node.tag == f"{TEXT}p" else ""))
        pieces.append(node.tail or "")
    return "".join(pieces)
