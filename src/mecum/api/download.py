"""Bytes of files, sent as they are read.

Invariants (`tests/api/test_download.py`): what is sent is for the disk of who asked, and no browser shows it as a page of
ours (`security.md` row 22); a client that leaves ends it; the length is told before, so a cut answer is seen to be cut.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO, Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mecum.api.disk import in_thread, open_file
from mecum.api.leaving import gone, unless
from mecum.api.middleware import asks_for_head
from mecum.errors import DocumentNotFound

PIECE: Final = 256 * 1024  # bytes
Headers = list[tuple[bytes, bytes]]


def attached(disposition: str, size: int, kind: str = "application/octet-stream") -> Headers:
    """Return the headers of something that is to be stored, never shown."""
    fields = {
        "content-type": kind,
        "content-length": str(size),
        "content-disposition": disposition,
        "content-security-policy": "sandbox; default-src 'none'",
        "cache-control": "no-store",
    }
    return [(name.encode(), value.encode()) for name, value in fields.items()]


async def pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    """Yield what an open file holds."""
    while piece := await in_thread(file.read, PIECE):
        yield piece


class FileAnswer(Response):
    """A file. `disposition` is its Content-Disposition."""

    def __init__(self, path: Path, disposition: str) -> None:
        super().__init__()
        self._path = path
        self._disposition = disposition

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, unless the client leaves before.

        Raises:
            DocumentNotFound: it was removed in this very moment.
        """
        try:
            file = await in_thread(open_file, self._path)
        except FileNotFoundError:
            raise DocumentNotFound("This document has just been removed.") from None
        try:
            work = await unless(self._send(file, scope, send), gone(receive))
        finally:
            await in_thread(file.close)
        if not work.cancelled():
            work.result()

    async def _send(self, file: BinaryIO, scope: Scope, send: Send) -> None:
        size = (await in_thread(self._path.stat)).st_size
        await send({"type": "http.response.start", "status": 200, "headers": attached(self._disposition, size)})
        if not asks_for_head(scope):
            async for piece in pieces(file):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
