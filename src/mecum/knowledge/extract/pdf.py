"""PDF: the text of each page, its lines put together to paragraphs again, what stands on every page left out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

import pypdfium2 as pdfium  # type: ignore[import-untyped] # ships no types
from pypdfium2 import raw

from mecum.knowledge.extract.base import Block, ExtractError, Part, Place

PAGES: Final = 20_000
EDGE: Final = 2  # lines at a page's top and bottom that may be its header and footer
REPEATED: Final = 0.6  # of the pages
_END: Final = re.compile(r"[.!?:;…。！？：；\"”»)\]]\s*$")  # noqa: RUF001 -- those of CJK are meant
_BULLET: Final = re.compile(r"^\s*(?:[•‣▪●○*-]|\d{1,3}[.)]|[a-z][.)])\s")
_CJK: Final = re.compile(r"[\u3000-\u9fff\uac00-\ud7af\uff00-\uffef]")
_DATE: Final = re.compile(r"D:(\d{4})(\d{2})?(\d{2})?")


def read_pdf(data: bytes, name: str) -> list[Part]:
    """Read a PDF.

    Raises:
        ExtractError: it has a password, is damaged, or holds pictures of text only.
    """
    del name
    document = _open(data)
    try:
        count = min(len(document), PAGES)
        pages = [_lines(document[number]) for number in range(count)]
        info = document.get_metadata_dict()
    finally:
        document.close()
    if not any(line.strip() for page in pages for line in page):
        raise ExtractError(
            "no_text",
            "The PDF holds pictures of its pages, and no text. "
            "Run text recognition over it (for example `ocrmypdf in.pdf out.pdf`) and add the result.",
        )
    title = info.get("Title", "").strip()
    return [
        Part.of("pdf", _blocks(_without_edges(pages)), title=_real_title(title), date=_date(info.get("CreationDate", "")))
    ]


def _open(data: bytes) -> pdfium.PdfDocument:
    try:
        return pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        if getattr(error, "err_code", None) == raw.FPDF_ERR_PASSWORD or "password" in str(error).lower():
            raise ExtractError(
                "encrypted", "The PDF is protected by a password. Save it without one, and add it again."
            ) from None
        raise ExtractError("damaged", "The PDF is damaged. Open it and save (or print) it as a PDF again.") from None


def _lines(page: pdfium.PdfPage) -> list[str]:
    text_page = page.get_textpage()
    try:
        text: str = text_page.get_text_bounded()
    finally:
        text_page.close()
        page.close()
    # PDFium marks a hyphen at the end of a line with one of these: the word goes on in the next one.
    text = re.sub("[\ufffe\x02\u00ad]\\s*", "", text.replace("\r\n", "\n").replace("\r", "\n"))
    return [line.rstrip() for line in text.split("\n")]


def _without_edges(pages: Sequence[list[str]]) -> list[list[str]]:
    """Leave out lines at the edges that, but for their numbers, stand on most pages."""
    if len(pages) < 3:
        return list(pages)
    seen = Counter(form for page in pages for form in {_form(page[n]) for n in _edges(page)})
    often = {form for form, times in seen.items() if form and times >= max(3, REPEATED * len(pages))}
    kept = []
    for page in pages:
        edges = {n for n in _edges(page) if _form(page[n]) in often}
        kept.append([line for n, line in enumerate(page) if n not in edges])
    return kept


def _edges(page: Sequence[str]) -> list[int]:
    filled = [n for n, line in enumerate(page) if line.strip()]
    depth = EDGE if len(filled) > 3 * EDGE else 1
    return sorted({*filled[:depth], *filled[-depth:]})


def _form(line: str) -> str:
    return re.sub(r"\d+", "0", " ".join(line.split())).casefold()


def _blocks(pages: Sequence[Sequence[str]]) -> Iterator[Block]:
    for number, page in enumerate(pages, 1):
        for paragraph in _paragraphs(page):
            yield Block(paragraph, place=Place(page=number))


def _paragraphs(lines: Sequence[str]) -> Iterator[str]:
    """Yield paragraphs: lines go together until one is empty, or ends a sentence well before the usual width."""
    widths = sorted(len(line) for line in lines if line.strip())
    usual = widths[round(0.9 * (len(widths) - 1))] if widths else 0
    text = ""
    for line in lines:
        if text and (not line.strip() or _BULLET.match(line)):
            yield text
            text = ""
        if not line.strip():
            continue
        text = _joined(text, line.strip())
        if len(line) < 0.75 * usual and (_END.search(line) or len(line) < 0.5 * usual):
            yield text
            text = ""
    if text:
        yield text


def _joined(text: str, line: str) -> str:
    if not text:
        return line
    if text.endswith("-") and text[-2:-1].isalpha() and line[:1].islower():
        return text[:-1] + line
    return text + line if _CJK.match(text[-1]) and _CJK.match(line) else f"{text} {line}"


def _real_title(title: str) -> str:
    """Return a title that somebody wrote: many programs put the file's name there."""
    return "" if re.search(r"\.\w{2,5}$|^\(|^untitled|^microsoft word|^document\d*$", title, re.IGNORECASE) else title


def _date(value: str) -> float | None:
    found = _DATE.match(value)
    if not found:
        return None
    try:
        return datetime(int(found[1]), int(found[2] or 1), int(found[3] or 1), tzinfo=UTC).timestamp()
    except ValueError:
        return None
