"""Which function reads which kind, and what its failures are called."""

from __future__ import annotations

import csv
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import Final

from lxml import etree  # type: ignore[import-untyped] # ships no types
from python_calamine import CalamineError

from mecum.knowledge.extract import books, chats, data, mail, markup, office, pdf, plain, sheets
from mecum.knowledge.extract.base import Extracted, ExtractError, Part
from mecum.knowledge.extract.sniff import kind_of

Reader = Callable[[bytes, str], list[Part]]
READERS: Final[Mapping[str, Reader]] = {
    "text": plain.read_text,
    "markdown": plain.read_markdown,
    "code": plain.read_code,
    "html": markup.read_html,
    "pdf": pdf.read_pdf,
    "docx": office.read_docx,
    "pptx": office.read_pptx,
    "odt": office.read_odf,
    "odp": office.read_odf,
    "xlsx": sheets.read_xlsx,
    "ods": sheets.read_ods,
    "csv": sheets.read_csv,
    "epub": books.read_epub,
    "rtf": books.read_rtf,
    "eml": mail.read_eml,
    "mbox": mail.read_mbox,
    "json": data.read_json,
    "jsonl": data.read_jsonl,
    "ipynb": data.read_ipynb,
    "whatsapp": chats.read_whatsapp,
    "telegram": chats.read_telegram,
    "chatgpt": chats.read_chatgpt,
}
_DAMAGED: Final = (
    *(zipfile.BadZipFile, zlib.error, etree.LxmlError, csv.Error, CalamineError),
    *(ValueError, TypeError, LookupError, AttributeError, RuntimeError, ArithmeticError, OSError, EOFError),
)


def read(content: bytes, name: str) -> Extracted:
    """Return the documents that a file holds. `name` is its name, for the extension of plain texts only.

    Raises:
        ExtractError: it holds none.
    """
    if not content.strip():
        raise ExtractError("empty", "The file is empty.")
    kind = kind_of(content, name)
    try:
        filled = tuple(part for part in READERS[kind](content, name) if part.text.strip())
    except MemoryError:
        raise ExtractError(
            "too_large", "Reading the file takes more than 1 GiB of memory. Split it, and add the parts.", kind
        ) from None
    except ExtractError as error:
        error.kind = kind
        raise
    except _DAMAGED:
        # Every parser has its own ways to fail over a broken file; all of them mean the same to its owner.
        raise ExtractError(
            "damaged", f"The file begins like {kind}, but is damaged. Open and save it again.", kind
        ) from None
    if not filled:
        raise ExtractError("no_text", f"There is no text in this {kind} file.", kind)
    return Extracted(kind, filled)
