"""The library over HTTP as what a folder is kept in (`mecum.knowledge.sync.Target`).

Invariant (`tests/cli/test_target.py`): a file goes in as it was found, or not at all: it is read as a whole first.
"""

from __future__ import annotations

import io
import os
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, cast

from mecum.cli.gather import Failed
from mecum.cli.inventory import documents, known
from mecum.cli.remote import Api
from mecum.cli.upload import BATCH, DOCUMENTS, Sendable, send_one, times
from mecum.errors import InvalidRequest, NotFound
from mecum.knowledge.compare import Known, read
from mecum.knowledge.folder import FoundFile
from mecum.observe.threads import detached


class HttpTarget:
    """A collection of a library behind the API."""

    def __init__(self, api: Api, collection: str) -> None:
        self._api = api
        self._collection = collection

    async def known(self, root: Path) -> list[Known]:
        """Return the document of this path, and those in the folder of this path; of a container not its parts."""
        below = str(root).rstrip(os.sep) + os.sep
        return [
            known(document)
            async for document in documents(self._api, str(root), collection=[self._collection])
            if not document["container_id"] and (document["path"] == str(root) or document["path"].startswith(below))
        ]

    async def add(self, file: FoundFile) -> None:
        """Add a file, or its new content.

        Raises:
            Unsettled: it changed while it was read; nothing was added.
            OSError: it cannot be read.
            InvalidRequest: it cannot be taken, whenever it is tried.
        """
        stop = threading.Event()
        with _room(file) as copy:
            try:
                await detached(lambda: read(file, stop, copy.write), "mecum-copy")
            finally:
                stop.set()
            copy.seek(0)
            sendable = Sendable(str(file.path), copy, times(file.modified_ns))
            answer = await send_one(self._api, sendable, self._collection)
        if isinstance(answer, Failed):
            raise InvalidRequest(answer.message)

    async def rename(self, document_id: str, path: Path) -> None:
        """Give a document another path."""
        await self._api.patch(f"{DOCUMENTS}/{document_id}", {"path": str(path)})

    async def remove(self, document_ids: Sequence[str]) -> None:
        """Remove documents; those that are gone already are passed over."""
        for document_id in document_ids:
            try:
                await self._api.delete(f"{DOCUMENTS}/{document_id}")
            except NotFound:
                continue


def _room(file: FoundFile) -> BinaryIO:
    """Return where a copy of the file has room: in memory, or for a large one in a file that nobody else sees."""
    return io.BytesIO() if file.size <= BATCH else cast("BinaryIO", tempfile.TemporaryFile())
