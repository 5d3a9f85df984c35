"""Tables: spreadsheets and CSV. Each row is a line that says what its cells are, where the table has a head."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import chain, islice
from typing import Any, Final

from python_calamine import CalamineWorkbook

from mecum.knowledge.extract.archive import Archive
from mecum.knowledge.extract.base import Block, Part, Place
from mecum.knowledge.extract.decode import decode

CELLS: Final = 2**31 - 1  # characters of a cell in CSV: the file is limited, its cells are not
_LOOKED_AT: Final = 20  # rows


def read_xlsx(data: bytes, name: str) -> list[Part]:
    """Read a spreadsheet of Office, each sheet's rows under the sheet's name; formulas give what they last gave."""
    del name
    return _book(data, "xlsx")


def read_ods(data: bytes, name: str) -> list[Part]:
    """Read a spreadsheet of LibreOffice."""
    del name
    return _book(data, "ods")


def read_csv(data: bytes, name: str) -> list[Part]:
    """Read a table whose cells are separated by commas, semicolons, tabs or bars."""
    text = decode(data)
    csv.field_size_limit(CELLS)
    separator = "\t" if name.lower().endswith(".tsv") else _separator(text)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    return [Part.of("csv", _rows(rows, None))]


def _book(data: bytes, kind: str) -> list[Part]:
    Archive(data)  # its limits are checked here; what reads it next has none
    book = CalamineWorkbook.from_filelike(io.BytesIO(data))
    found: list[Block] = []
    for sheet in book.sheet_names:
        found += _rows(book.get_sheet_by_name(sheet).to_python(), sheet)
    return [Part.of(kind, found)]


def _rows(rows: Iterable[Sequence[Any]], sheet: str | None) -> Iterator[Block]:
    path = (sheet,) if sheet else ()
    start = iter(rows)
    first = list(islice(start, _LOOKED_AT))
    head = _head(first)
    for number, row in enumerate(chain(first, start), 1):
        cells = [_text(cell) for cell in row]
        if not any(cells) or (head and number == 1):
            continue
        yield Block(_line(head, cells), "row", Place(path, sheet=sheet, line=number))
    if head and len(first) == 1:
        yield Block(" | ".join(head), "row", Place(path, sheet=sheet, line=1))


def _head(rows: Sequence[Sequence[Any]]) -> list[str]:
    """Return the names in a table's first row; [] where it has none: names are short, all there, and no two the same."""
    if not rows:
        return []
    names = [_text(cell) for cell in rows[0]]
    while names and not names[-1]:
        names.pop()
    short = all(isinstance(cell, str) and 0 < len(name) <= 60 for cell, name in zip(rows[0], names, strict=False))
    figures = any(name.replace(".", "").replace(",", "").isdecimal() for name in names)
    return names if len(names) > 1 and short and not figures and len(set(names)) == len(names) else []


def _line(head: Sequence[str], cells: Sequence[str]) -> str:
    if not head:
        return " | ".join(cells)
    named = [*head, *([""] * (len(cells) - len(head)))]
    return "; ".join(f"{name}: {cell}" if name else cell for name, cell in zip(named, cells, strict=False) if cell)


def _text(cell: Any) -> str:
    if isinstance(cell, bool) or cell is None:
        return "" if cell is None else str(cell).lower()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime):
        midnight = cell.time() == time(0)
        return cell.date().isoformat() if midnight else cell.isoformat(" ", "minutes")
    if isinstance(cell, date | time | timedelta):
        return str(cell)
    return " ".join(str(cell).split())


def _separator(text: str) -> str:
    """Return the separator with which the first rows are of one width, and the widest so."""
    lines = text[:50_000].splitlines()[:_LOOKED_AT]

    def fit(separator: str) -> tuple[bool, int]:
        widths = [len(row) for row in csv.reader(lines, delimiter=separator) if row]
        even = bool(widths) and min(widths) > 1 and widths.count(widths[0]) >= 0.8 * len(widths)
        return even, widths[0] if widths else 0

    return max((",", ";", "\t", "|"), key=fit)
