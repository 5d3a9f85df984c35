"""What the library has of the files that are to be added: those that it has unchanged need not be sent.

Invariant (`tests/cli/test_inventory.py`): a file is taken for unchanged only if size and time are those that were kept with
it, or its content has the same hash.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mecum.cli.remote import Api
from mecum.cli.upload import DOCUMENTS
from mecum.knowledge.compare import Known
from mecum.knowledge.folder import FoundFile, open_found
from mecum.types import Json

PAGE: Final = 500
_LISTINGS: Final = 16  # more roots than this are looked for under the folder that holds them all
_UNFINISHED: Final = frozenset({"queued", "processing", "searchable"})


@dataclass(slots=True)
class Compared:
    """Files to send; how many the library has as they are; and documents that it has, and still works on."""

    send: list[FoundFile] = field(default_factory=list)
    unchanged: int = 0
    unfinished: list[Json] = field(default_factory=list)


async def documents(api: Api, prefix: str = "", **filters: Sequence[str]) -> AsyncIterator[Json]:
    """Yield the library's documents whose paths begin so, page by page; `filters` are those of the route.

    Raises:
        MecumError: the server refuses, or is gone.
    """
    cursor: str | None = None
    while True:
        query = {"path_prefix": prefix or None, "limit": PAGE, "cursor": cursor, **filters}
        page = await api.get(DOCUMENTS, query)
        for document in page["items"]:
            yield document
        cursor = page["next_cursor"]
        if not cursor:
            return


def known(document: Json) -> Known:
    """Return a document as a file that was added."""
    file = document["metadata"].get("file")
    kept = file if isinstance(file, dict) else {}
    size, modified = kept.get("size"), kept.get("modified_ns")
    return Known(
        id=document["id"],
        path=Path(document["path"]),
        size=size if isinstance(size, int) else None,
        modified_ns=modified if isinstance(modified, int) else None,
        sha256=document["sha256"],
    )


async def compare(api: Api, roots: Sequence[Path], files: Sequence[FoundFile], collection: str) -> Compared:
    """Sort files into those that the library lacks, or has otherwise, and those that it has.

    Raises:
        MecumError: the server refuses, or is gone.
    """
    wanted = {str(file.path) for file in files}
    there: dict[str, Json] = {}
    for prefix in _prefixes(roots):
        async for document in documents(api, prefix, collection=[collection]):
            if document["path"] in wanted:
                there[document["path"]] = document
    found = Compared()
    for file in files:
        has = there.get(str(file.path))
        if has is None or has["state"] == "failed" or not await _is_same(file, has):
            found.send.append(file)
            continue
        if has["state"] in _UNFINISHED:
            found.unfinished.append(has)
        else:
            found.unchanged += 1
    return found


def _prefixes(roots: Sequence[Path]) -> list[str]:
    """Return what the paths of all files begin with, as few as it takes."""
    resolved = list(dict.fromkeys(str(root.resolve()) for root in roots))
    if len(resolved) <= _LISTINGS:
        return resolved
    return [os.path.commonpath(resolved)]


async def _is_same(file: FoundFile, document: Json) -> bool:
    before = known(document)
    if before.is_as(file):
        return True
    if document["size"] != file.size:
        return False
    try:
        return await asyncio.to_thread(_sha256, file) == before.sha256
    except OSError:
        return False  # sending it will tell why


def _sha256(file: FoundFile) -> str:
    digest = hashlib.sha256()
    with open_found(file.path) as stream:
        while piece := stream.read(1024 * 1024):
            digest.update(piece)
    return digest.hexdigest()
