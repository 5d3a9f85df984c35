"""`mecum documents`: what is in the library, page by page, so that a large one is listed as soon as a small one.

Text from documents cannot steer the terminal: every name passes `terminal.one_line` (`tests/cli/test_library_commands.py`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from mecum.cli import words
from mecum.cli.inventory import documents
from mecum.cli.naming import prefix
from mecum.cli.remote import Api
from mecum.cli.served import prepared, run
from mecum.cli.terminal import note, one_line, plain, say
from mecum.cli.upload import DOCUMENTS
from mecum.types import Json

_COLOURS: Final = {"ready": "green", "searchable": "cyan", "no_text": "yellow", "failed": "bold red"}
_COLUMNS: Final = (("state", 10), ("kind", 9), ("size", 8), ("passages", 8))


@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """Which documents are listed: all that is set must hold."""

    collections: Sequence[str] = ()
    kinds: Sequence[str] = ()
    states: Sequence[str] = ()
    path: str | None = None


def show_documents(which: Which, flags: Mapping[str, Any], config: Path | None, *, as_json: bool) -> None:
    """List documents: as lines, or as one JSON object.

    Raises:
        MecumError: the library cannot be reached, or is at fault.
    """

    async def work(api: Api) -> None:
        filters = {"collection": which.collections, "kind": which.kinds, "state": which.states}
        found = documents(api, prefix(which.path) if which.path else "", **filters)
        if as_json:
            items = [document async for document in found]
            say(json.dumps({"documents": items, "counts": await api.get(f"{DOCUMENTS}/counts")}, indent=2))
            return
        number = 0
        async for document in found:
            if not number:
                _say(header(), "bold")
            for line in rows(document):
                _say(line, _COLOURS.get(document["state"], ""))
            number += 1
        _end(number, await api.get(f"{DOCUMENTS}/counts"))

    run(prepared(flags, config), work)


def header() -> str:
    """Return the line above the list."""
    return "  ".join([*(name.ljust(width) for name, width in _COLUMNS), "path, id"])


def rows(document: Json) -> Iterator[str]:
    """Yield a document's lines: itself, and what is wrong with it."""
    cells = (document["state"], document["kind"], words.size(document["size"]), f"{document['passages']:,}")
    padded = [one_line(cell).ljust(width) for cell, (_, width) in zip(cells, _COLUMNS, strict=True)]
    where = "" if document["collection"] == "default" else f" [{one_line(document['collection'])}]"
    yield f"{'  '.join(padded)}  {one_line(document['path'])}{where}  {document['id']}"
    if document["error"]:
        yield f"{'':<12}{document['error']['code']}: {plain(document['error']['message'])}"


def _say(line: str, style: str) -> None:
    if sys.stdout.isatty():
        Console(highlight=False, soft_wrap=True).print(Text(line, style=style))
    else:
        say(line)


def _end(number: int, counts: Json) -> None:
    total = sum(counts["documents"].values())
    if not total:
        note("there are no documents yet. mecum add FILE-OR-FOLDER adds some.")
    elif not number:
        note(f"none of {words.many(total, 'document')} is like that.")
    else:
        note(f"listed {number:,}. The library: {words.library(counts)}.")
    if total and counts["embedder"]["state"] != "ready":
        note(f"search is by keywords: {counts['embedder']['reason'] or 'there is no embedder.'}")
    elif total and counts["embedder"]["rebuilding"]:
        note(f"another embedder is taking over: {words.embedder(counts)}.")
