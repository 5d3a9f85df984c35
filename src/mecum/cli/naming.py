"""What a person calls a document: its id, its path here or as it was written, a folder's; and how the API finds it.

Invariant (`tests/cli/test_library_commands.py`): a path leads to the label that `mecum add` gave it, also when the file is
gone.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from mecum.cli.inventory import PAGE, documents
from mecum.cli.remote import Api
from mecum.cli.terminal import one_line
from mecum.cli.upload import DOCUMENTS
from mecum.errors import NotFound
from mecum.types import Json, spelt


def labels(text: str) -> list[str]:
    """Return the labels that a text may stand for, the likeliest first: the path that it leads to, and itself."""
    try:
        found = str(Path(text).expanduser().resolve())
    except (OSError, RuntimeError, ValueError):  # a ~ of nobody, links in a circle, a NUL
        return [text]
    return list(dict.fromkeys([found, text]))


def prefix(text: str) -> str:
    """Return what the paths begin with that a filter by this path lets through."""
    path = Path(labels(text)[0])
    if path.is_dir():
        return str(path).rstrip(os.sep) + os.sep
    return str(path) if path.exists() else text


async def find(api: Api, text: str, collection: str | None = None) -> Json:
    """Return the document of this id or path.

    Raises:
        NotFound: there is none.
    """
    if (document := await _by_id(api, text)) or (document := await _by_path(api, text, collection)):
        return document
    raise missing(text)


def missing(text: str) -> NotFound:
    """Return the error for a name that no document has."""
    return NotFound(f"There is no document {one_line(text)!r}. mecum documents lists them.")


async def _by_id(api: Api, text: str) -> Json | None:
    if not text or "/" in text or "\\" in text or text in (".", ".."):
        return None
    try:
        document: Json = await api.get(f"{DOCUMENTS}/{quote(text, safe='', errors='replace')}")
    except NotFound:
        return None
    return document


async def _by_path(api: Api, text: str, collection: str | None) -> Json | None:
    for label in labels(text):
        page = await api.get(DOCUMENTS, {"path_prefix": label, "collection": collection, "limit": PAGE})
        named: list[Json] = [document for document in page["items"] if spelt(document["path"]) == spelt(label)]
        if named:  # ordered by path: what is it comes before what only begins so
            return next((document for document in named if document["path"] == label), named[0])
    return None


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a name means for removing: one document's id, or a path with all that is below it; and how many that are."""

    number: int
    document_id: str | None = None
    path: str = ""


async def choose(api: Api, text: str, collection: str | None) -> Chosen:
    """Return what a name means: an id, a document's path, or a folder's. What is inside of a file counts as that file.

    Raises:
        NotFound: nothing.
    """
    if document := await _by_id(api, text):
        return Chosen(1, document_id=document["id"])
    filters = {"collection": [collection]} if collection else {}
    for label in labels(text):
        exactly = await api.get(DOCUMENTS, {"path_prefix": label, "limit": PAGE, **filters})
        number = sum(spelt(document["path"]) == spelt(label) for document in exactly["items"])  # in several collections
        async for document in documents(api, label.rstrip("/") + "/", **filters):
            number += not document["container_id"]
        if number:
            return Chosen(number, path=label)
    raise missing(text)
