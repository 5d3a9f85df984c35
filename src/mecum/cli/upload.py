"""Files on their way into the library: one multipart body for several small ones, and one for each large one.

Invariants (`tests/cli/test_upload.py`): small files are read whole before they are sent, so one that cannot be read costs
no other; large ones are read as they go out; what is held in memory is at most BATCH bytes of files and one chunk. The size
and time that go along are those of the bytes that were read: a file that changed meanwhile differs at the next run.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from mecum.cli.gather import Failed
from mecum.cli.remote import Api
from mecum.errors import InvalidRequest, MecumError
from mecum.knowledge.folder import FoundFile, open_found
from mecum.types import Json

FILES: Final = 64  # of one request
BATCH: Final = 8 * 1024 * 1024  # bytes of one request, unless it is of one file
_CHUNK: Final = 1024 * 1024  # bytes
DOCUMENTS: Final = "/api/documents"


@dataclass(frozen=True, slots=True)
class Sendable:
    """A file with its label. `content` is all of it, or is read as it goes out, and closed; `fields` are the route's."""

    path: str
    content: bytes | BinaryIO
    fields: Mapping[str, str] = field(default_factory=dict)


def batches(files: Iterable[FoundFile]) -> Iterator[list[FoundFile]]:
    """Yield files as many together as one request takes."""
    batch: list[FoundFile] = []
    size = 0
    for file in files:
        if batch and (len(batch) >= FILES or size + file.size > BATCH):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.size
    if batch:
        yield batch


async def send(api: Api, files: Sequence[FoundFile], collection: str) -> list[Json | Failed]:
    """Send a batch. Return for each file its document, or why there is none.

    Raises:
        MecumError: the server is at fault, or gone.
    """
    answers: list[Json | Failed] = []
    opened: list[Sendable] = []
    for file in files:
        try:
            opened.append(await asyncio.to_thread(_opened, file, whole=len(files) > 1))
        except OSError as error:
            answers.append(_unreadable(str(file.path), error))
    return answers + await _sent(api, opened, collection)


async def send_one(api: Api, file: Sendable, collection: str) -> Json | Failed:
    """Send what is open already; errors as `send`."""
    return (await _sent(api, [file], collection))[0]


async def _sent(api: Api, files: Sequence[Sendable], collection: str) -> list[Json | Failed]:
    if not files:
        return []
    body = _Body(files, collection)
    try:
        items = await api.upload(DOCUMENTS, body.pieces(), body.kind)
    except MecumError as error:
        if body.fault:
            return [_unreadable(files[-1].path, body.fault)]
        if not isinstance(error, InvalidRequest):
            raise
        if len(files) == 1:
            return [Failed(files[0].path, error.code, error.message)]
        return [one for file in files for one in await _sent(api, [file], collection)]  # which of them?
    finally:
        body.close()
    return [_failure(item) or item for item in items]


def _failure(item: Json) -> Failed | None:
    """Return what is wrong with an item that is no document."""
    if item.get("id"):
        return None
    error = item.get("error") or {}
    return Failed(str(item.get("path")), str(error.get("code", "failed")), str(error.get("message", "It was not taken.")))


def _unreadable(path: str, error: OSError) -> Failed:
    return Failed(path, "unreadable", f"It cannot be read: {error.strerror or error}.")


def _opened(file: FoundFile, *, whole: bool) -> Sendable:
    """Open a file, and take note of how it is now; errors as `open_found`."""
    stream = open_found(file.path)
    now = os.fstat(stream.fileno())
    if not whole and now.st_size > BATCH:
        return Sendable(str(file.path), stream, times(now.st_mtime_ns))
    with stream:
        return Sendable(str(file.path), stream.read(), times(now.st_mtime_ns))


def times(modified_ns: int) -> dict[str, str]:
    """Return the fields that say when a file was changed: its date, and what tells whether it is still the same."""
    return {"date": repr(modified_ns / 1e9), "modified_ns": str(modified_ns)}


class _Body:
    """A multipart body. `fault` is what went wrong with reading a file while it was sent."""

    def __init__(self, files: Sequence[Sendable], collection: str) -> None:
        self.fault: OSError | None = None
        self._files = files
        self._collection = collection
        self._boundary = secrets.token_hex(16)

    @property
    def kind(self) -> str:
        return f"multipart/form-data; boundary={self._boundary}"

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body."""
        yield self._field("collection", self._collection.encode())
        for file in self._files:
            yield b"".join(self._about(file))
            async for piece in self._content(file):
                yield piece
            yield b"\r\n"
        yield f"--{self._boundary}--\r\n".encode()

    def close(self) -> None:
        """Close what was opened."""
        for file in self._files:
            if not isinstance(file.content, bytes):
                file.content.close()

    def _about(self, file: Sendable) -> Iterator[bytes]:
        yield self._field("path", file.path.encode("utf-8", "replace"))
        for name, value in file.fields.items():
            yield self._field(name, value.encode("utf-8", "replace"))
        yield self._head('name="file"; filename="file"', "application/octet-stream")

    async def _content(self, file: Sendable) -> AsyncIterator[bytes]:
        if isinstance(file.content, bytes):
            yield file.content
            return
        while piece := await asyncio.to_thread(self._read, file.content):
            yield piece

    def _read(self, stream: BinaryIO) -> bytes:
        try:
            return stream.read(_CHUNK)
        except OSError as error:
            self.fault = error
            raise

    def _field(self, name: str, value: bytes) -> bytes:
        return self._head(f'name="{name}"') + value + b"\r\n"

    def _head(self, disposition: str, kind: str | None = None) -> bytes:
        content_type = f"Content-Type: {kind}\r\n" if kind else ""
        return f"--{self._boundary}\r\nContent-Disposition: form-data; {disposition}\r\n{content_type}\r\n".encode()
