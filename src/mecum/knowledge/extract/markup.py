"""HTML, also as it is inside EPUB books and mails: the text that people read, with its headings.

Navigation, footers, scripts, styles, forms and what is hidden are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from lxml import etree, html  # type: ignore[import-untyped] # ships no types

from mecum.knowledge.extract.base import Block, BlockKind, Outline, Part, Place, one_line
from mecum.knowledge.extract.decode import decode

_SKIPPED: Final = frozenset(
    "script style noscript template nav footer svg canvas iframe object button select option textarea input head".split()
)
_BLOCKS: Final = frozenset(
    "address article aside blockquote body caption dd details div dl dt fieldset figcaption figure form header hr html li "
    "main ol p section summary table tbody thead tfoot tr ul pre h1 h2 h3 h4 h5 h6".split()
)
_HEADINGS: Final = {f"h{level}": level for level in range(1, 7)}
_CHARSET: Final = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)


def read_html(data: bytes, name: str) -> list[Part]:
    """Read a web page."""
    del name
    declared = _CHARSET.search(data[:2048])
    root = parse(decode(data, declared[1].decode("ascii") if declared else None))
    if root is None:
        return []
    return [Part.of("html", blocks(root, Outline()), title=title(root))]


def parse(text: str) -> etree._Element | None:
    """Return the root element, None where there is nothing."""
    text = re.sub(r"\A\s*<\?xml[^>]*\?>", "", text.lstrip("\ufeff"))
    if not text.strip():
        return None
    parser = html.HTMLParser(no_network=True, remove_comments=True, remove_pis=True, huge_tree=False)
    return html.document_fromstring(text.replace("\0", ""), parser=parser, ensure_head_body=False)


def title(root: etree._Element) -> str:
    """Return the page's own title."""
    found = root.find(".//title")
    return one_line("".join(found.itertext())) if found is not None else ""


def blocks(root: etree._Element, outline: Outline, place: Place | None = None) -> Iterator[Block]:
    """Yield the page's blocks; `place` is where all of them stand."""
    at = place or Place()
    for kind, level, text in _Walk(root).blocks():
        path = outline.enter(level, text) if kind == "heading" else outline.path
        yield Block(text, kind, Place(path, at.page, at.slide, at.sheet, at.line), level)


class _Walk:
    """One pass over the elements: text is gathered until a block ends."""

    def __init__(self, root: etree._Element) -> None:
        self._root = root
        self._pieces: list[str] = []
        self._plain = 0  # depth of <pre>
        self._level = 0  # of the heading that is open
        self._cells = 0  # of the row that is open

    def blocks(self) -> Iterator[tuple[BlockKind, int, str]]:
        """Yield (kind, level, text)."""
        skipped: etree._Element | None = None
        for event, element in etree.iterwalk(self._root, events=("start", "end")):
            if skipped is not None:
                if event == "end" and element is skipped:
                    skipped = None
                    self._say(element.tail)
            elif event == "start" and _is_skipped(element):
                skipped = element
            elif event == "start":
                yield from self._start(element)
            else:
                yield from self._end(element)
        yield from self._flush()

    def _start(self, element: etree._Element) -> Iterator[tuple[BlockKind, int, str]]:
        tag = element.tag
        if tag in _BLOCKS:
            yield from self._flush()
            self._level = _HEADINGS.get(tag, 0)
            self._plain += tag == "pre"
            self._cells = 0
            if tag == "li":
                self._pieces.append("- ")
        elif tag in ("td", "th"):
            self._pieces.append(" | " if self._cells else "")
            self._cells += 1
        elif tag == "br":
            self._pieces.append("\n")
        self._say(element.text)

    def _end(self, element: etree._Element) -> Iterator[tuple[BlockKind, int, str]]:
        if element.tag in _BLOCKS:
            yield from self._flush()
            self._level = 0
            self._plain -= element.tag == "pre"
        self._say(element.tail)

    def _say(self, text: str | None) -> None:
        if text:
            self._pieces.append(text if self._plain else re.sub(r"\s+", " ", text))

    def _flush(self) -> Iterator[tuple[BlockKind, int, str]]:
        text = "".join(self._pieces)
        self._pieces = []
        text = text.strip("\n") if self._plain else "\n".join(" ".join(line.split()) for line in text.split("\n")).strip()
        if not text.strip(" -|\n"):
            return
        if self._level:
            yield "heading", self._level, one_line(text)
        elif self._plain:
            yield "code", 0, text
        else:
            yield ("row" if self._cells else "text"), 0, text


def _is_skipped(element: etree._Element) -> bool:
    if not isinstance(element.tag, str) or element.tag in _SKIPPED:
        return True
    style = (element.get("style") or "").replace(" ", "").lower()
    return element.get("hidden") is not None or element.get("aria-hidden") == "true" or "display:none" in style
