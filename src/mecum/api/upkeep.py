"""A copy of the library, a check of it, and the end of it.

Invariants (`tests/api/test_upkeep.py`): a copy is one consistent state, while others read and write, and is whole or seen to
be cut; however its sending ends, nothing of it stays on our disk; forgetting needs the word.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tarfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mecum.api import asked
from mecum.api.access import principal_of
from mecum.api.asked import ForgetBody
from mecum.api.bodies import answer
from mecum.api.disk import in_thread, open_file, translated
from mecum.api.download import attached, pieces
from mecum.api.leaving import gone, uncancelled, unless
from mecum.api.middleware import asks_for_head
from mecum.audit.log import AuditLog
from mecum.errors import Busy
from mecum.knowledge.library import Library
from mecum.settings.schema import ServerSettings

COPIES: Final = 2  # at a time: each takes the room of the whole library
KIND: Final = "application/x-tar"
_PREFIX: Final = "backup-"  # of the folders of copies, before the process's id
_END: Final = 2 * tarfile.BLOCKSIZE  # bytes of zeros at a tar's end


@dataclass(frozen=True, slots=True)
class Upkeep:
    """The handlers."""

    library: Library
    settings: ServerSettings
    audit: AuditLog
    copies: set[Path] = field(default_factory=set)  # those that are being sent

    async def backup(self, request: Request) -> Response:
        """Send a copy of everything."""
        await self.audit.record(principal_of(request), "library.copied", count=1)
        return BackupAnswer(self.library, self.copies)

    async def verify(self) -> Response:
        """Say what is wrong with the store."""
        return answer({"faults": list(await self.library.verify())})

    async def forget(self, request: Request) -> Response:
        """Remove all documents, for good."""
        await asked.read(request, ForgetBody, self.settings)
        await in_thread(_clear, self.library.temporary().parent)
        principal = principal_of(request)
        async with self.audit.doing(principal, "documents.forgotten") as note:
            note.count = await self.library.forget(principal)
        return answer({"removed": note.count})


class BackupAnswer(Response):
    """A tar of a copy of the store, which is made for it and removed after it."""

    def __init__(self, library: Library, copies: set[Path]) -> None:
        super().__init__()
        self._library = library
        self._copies = copies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Make the copy and send it, unless the client leaves before."""
        if asks_for_head(scope):
            headers = [pair for pair in _headers(0) if pair[0] != b"content-length"]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        work = await unless(self._work(send), gone(receive))
        if not work.cancelled():
            work.result()

    async def _work(self, send: Send) -> None:
        if len(self._copies) >= COPIES:
            raise Busy("Copies are being made already. Try again when they are done.", retry_after=10)
        folder = self._library.temporary().with_name(f"{_ours()}{secrets.token_hex(8)}")
        self._copies.add(folder)
        try:
            await in_thread(_make, folder)
            await uncancelled(self._library.backup(folder))
            await self._send(await in_thread(_files, folder), folder, send)
        finally:
            await self._remove(folder)
        await send({"type": "http.response.body", "body": bytes(_END)})  # last: who has seen it finds nothing left

    async def _remove(self, folder: Path) -> None:
        try:
            await in_thread(shutil.rmtree, folder, True)  # noqa: FBT003 # whatever is gone already
        finally:
            self._copies.discard(folder)

    async def _send(self, files: list[Path], folder: Path, send: Send) -> None:
        entries = [(file, await in_thread(_head, file, folder)) for file in files]
        size = sum(len(head) + info.size + _padding(info.size) for _, (head, info) in entries) + _END
        await send({"type": "http.response.start", "status": 200, "headers": _headers(size)})
        for file, (head, info) in entries:
            async for piece in _entry(file, head, info):
                await send({"type": "http.response.body", "body": piece, "more_body": True})


def _headers(size: int) -> list[tuple[bytes, bytes]]:
    return attached(f'attachment; filename="mecum-{time.strftime("%Y-%m-%d-%H%M")}.tar"', size, KIND)


def _make(folder: Path) -> None:
    """Make a new folder that only its owner may look into."""
    _clear(folder.parent)
    with translated():
        folder.mkdir(mode=0o700)


def _clear(beside: Path) -> None:
    """Remove the copies of processes that were killed over them: nobody but us has the store open now."""
    for folder in beside.glob(f"{_PREFIX}*"):
        if not folder.name.startswith(_ours()):
            shutil.rmtree(folder, ignore_errors=True)


def _ours() -> str:
    return f"{_PREFIX}{os.getpid()}-"


def _files(folder: Path) -> list[Path]:
    """Return the copy's files, without the empty ones that SQLite leaves beside a database that it has read."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(("-shm", "-wal")))


def _head(file: Path, folder: Path) -> tuple[bytes, tarfile.TarInfo]:
    """Return what stands before a file in a tar. Names and sizes of the copy do not change any more."""
    info = tarfile.TarInfo(file.relative_to(folder).as_posix())
    stat = file.stat()
    info.size, info.mtime, info.mode = stat.st_size, int(stat.st_mtime), 0o600
    return info.tobuf(tarfile.PAX_FORMAT), info


async def _entry(file: Path, head: bytes, info: tarfile.TarInfo) -> AsyncIterator[bytes]:
    yield head
    stream = await in_thread(open_file, file)
    try:
        async for piece in pieces(stream):
            yield piece
    finally:
        await in_thread(stream.close)
    if padding := _padding(info.size):
        yield bytes(padding)


def _padding(size: int) -> int:
    return -size % tarfile.BLOCKSIZE
