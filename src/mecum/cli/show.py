"""`mecum show`: one document and its passages, one passage, or the file as it was added.

The file's bytes go to stdout as they are, so never to a terminal, which they could steer
(`tests/cli/test_library_commands.py`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from mecum.cli import words
from mecum.cli.inventory import documents
from mecum.cli.naming import find
from mecum.cli.remote import Api
from mecum.cli.served import prepared, run
from mecum.cli.terminal import one_line, plain, say
from mecum.cli.upload import DOCUMENTS
from mecum.errors import InvalidRequest, NotFound
from mecum.types import Json, pages

_PAGE: Final = 100  # passages


def show(name: str, flags: Mapping[str, Any], config: Path | None, *, passage: int | None, as_json: bool) -> None:
    """Show a document with its passages, or with one of them.

    Raises:
        NotFound: there is no such document, or passage.
        MecumError: the library cannot be reached, or is at fault.
    """

    async def work(api: Api) -> None:
        document = await find(api, name)
        found = [one async for one in _passages(api, document["id"], passage)]
        if passage is not None and not found:
            raise NotFound(f"The document has {words.many(document['passages'], 'passage')}, counted from 0.")
        if as_json:
            say(json.dumps({"document": document, "passages": found}, indent=2))
            return
        if passage is None:
            for label, value in facts(document):
                say(f"{label:<11}{value}")
        if document["container"] and passage is None:
            async for part in documents(api, document["path"] + "#", collection=[document["collection"]]):
                say(f"\n{one_line(part['title'] or part['path'])}  {part['id']}")
        for one in found:
            say(f"\n{above(one)}\n{plain(one['text'])}")

    run(prepared(flags, config), work)


def write_file(name: str, flags: Mapping[str, Any], config: Path | None) -> None:
    """Write a document's file, as it was added, to stdout.

    Raises:
        InvalidRequest: stdout is a terminal.
        NotFound: there is no such document.
    """
    if sys.stdout.isatty():
        raise InvalidRequest("A file may steer a terminal. Write it into another one: mecum show … --file > FILE")

    async def work(api: Api) -> None:
        document = await find(api, name)
        async with api.stream(f"{DOCUMENTS}/{document['id']}/file") as pieces:
            async for piece in pieces:
                sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()

    run(prepared(flags, config), work)


def facts(document: Json) -> Iterator[tuple[str, str]]:
    """Yield what there is to know of a document: a label and a text each."""
    yield "id", document["id"]
    yield "path", one_line(document["path"])
    yield "title", one_line(document["title"])
    yield "collection", one_line(document["collection"])
    yield "kind", one_line(document["kind"] or "not known yet")
    yield "size", words.size(document["size"])
    yield "state", document["state"].replace("_", " ")
    if document["error"]:
        yield "", f"{document['error']['code']}: {plain(document['error']['message'])}"
    yield "passages", f"{document['passages']:,}"
    for label in ("date", "created", "updated"):
        if when := words.day(document[label]):
            yield label, when


def above(passage: Json) -> str:
    """Return the line above a passage: its number, and where in the document it stands."""
    place = passage["place"]
    known = [at] if (at := pages(place.get("page"), place.get("last_page"))) else []
    known += [f"{name} {place[name]}" for name in ("slide", "sheet", "line") if place.get(name) is not None]
    if heading := words.heading(place.get("heading")):
        known.append(f"§ {heading}")
    if date := words.day(passage["date"]):
        known.append(date)
    return one_line(f"[{passage['position']}] {', '.join(known)}".rstrip())


async def _passages(api: Api, document_id: str, only: int | None) -> AsyncIterator[Json]:
    start = only or 0
    while True:
        query = {"start": start, "limit": _PAGE if only is None else 1}
        items = (await api.get(f"{DOCUMENTS}/{document_id}/passages", query))["items"]
        for item in items:
            yield item
        start += len(items)
        if only is not None or len(items) < _PAGE:
            return
