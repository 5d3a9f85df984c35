"""A multipart upload, written to the store's disk while it arrives.

A part with a filename is a file. Before it may stand `path` (its label, in place of the filename), `date` (seconds since
1970) and `modified_ns` (when the file was changed, in nanoseconds since 1970: kept with its size as `metadata.file`, so that
whoever sent it can tell whether it is still the same); anywhere `collection`, `metadata` (a JSON object) and `title` (with a
single file only).

Invariants (`tests/api/test_upload.py`): no more of a file than a piece is ever in memory; a file that cannot be taken, for
its size or its name, is an item of its own and disturbs no other; whatever else goes wrong, nothing was added, and no
temporary file is left.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Final

import orjson
from starlette.requests import ClientDisconnect, Request

from mecum.api.asked import DATES, MAX_DOCUMENTS
from mecum.api.disk import create, in_thread, write
from mecum.api.items import MAX_METADATA, Item, drop
from mecum.api.labels import LONGEST, collection, label
from mecum.api.multipart import Multipart
from mecum.api.parse import MAX_DEPTH, PATIENCE
from mecum.api.together import depth
from mecum.errors import BodyTooLarge, BodyTooSlow, InvalidRequest
from mecum.types import Json

MIB: Final = 1024 * 1024
PACE: Final = 16 * 1024  # bytes that may take `timeout` seconds
_OF_FILE: Final = ("path", "date", "modified_ns")  # of the next file
_FIELDS: Final = (*_OF_FILE, "collection", "metadata", "title")
_WHOLE: Final = re.compile(rb"-?[0-9]{1,19}")


async def receive(request: Request, temporary: Callable[[], Path], *, limit: int, timeout: float) -> list[Item]:
    """Return what a multipart request holds, its files under names that `temporary` gives.

    A file may have `limit` bytes, and a request PATIENCE times as many; every 16 KiB have `timeout` seconds. The contents
    are the caller's, who drops them.

    Raises:
        InvalidRequest, BodyTooLarge, BodyTooSlow, StoreError: nothing of it is left.
    """
    intake = _Intake(temporary, limit)
    try:
        body = Multipart(request.headers["content-type"], intake)
        async with aclosing(_pieces(request, limit * PATIENCE, timeout)) as pieces:
            async for piece in pieces:
                await in_thread(body.write, piece)
        body.finish()
        return intake.items()
    except BaseException:  # whoever or whatever ends it
        await in_thread(intake.abandon)
        raise


async def _pieces(request: Request, most: int, timeout: float) -> AsyncGenerator[bytes, None]:
    """Yield the body as it comes, as long as it does. Only the time that is spent on waiting counts."""
    too_large = BodyTooLarge(f"The request is larger than {most / MIB:g} MiB. Send the files in several requests.")
    if _declared(request) > most:
        raise too_large
    stream, size, waited, clock = aiter(request.stream()), 0, 0.0, asyncio.get_running_loop().time
    while True:
        before = clock()
        piece = await _next(stream, timeout - waited)
        waited += clock() - before
        size += len(piece)
        if size > most:
            raise too_large
        if not piece:
            return
        if size // PACE > (size - len(piece)) // PACE:
            waited = 0.0
        yield piece


async def _next(stream: AsyncIterator[bytes], patience: float) -> bytes:
    """Return the next piece, b"" at the end."""
    try:
        async with asyncio.timeout(patience):
            return await anext(stream, b"")
    except TimeoutError:
        raise BodyTooSlow(
            f"The body stopped coming, or came at less than {PACE // 1024} KiB in server.body_timeout."
        ) from None
    except ClientDisconnect:
        raise InvalidRequest("The client left before its files had arrived.") from None


def _declared(request: Request) -> int:
    return int(request.headers.get("content-length", "0"))


class _Intake:
    """Writes files as they come. Blocks: one thread at a time calls it."""

    def __init__(self, temporary: Callable[[], Path], limit: int) -> None:
        self._temporary = temporary
        self._limit = limit
        self._items: list[Item] = []
        self._fields: dict[str, bytes] = {}
        self._field: tuple[str, bytearray] | None = None
        self._file: _Writing | None = None

    def begin(self, name: str, filename: bytes | None) -> None:
        """Begin a file or a field."""
        if filename is None:
            if name not in _FIELDS:
                raise InvalidRequest(f"A field is of no use here. There are {', '.join(_FIELDS)}, and files.")
            if name in self._fields:
                raise InvalidRequest(f"{name} must be given once.", param=name)
            self._field = name, bytearray()
            return
        if len(self._items) >= MAX_DOCUMENTS:
            raise InvalidRequest(f"The body has more than {MAX_DOCUMENTS} files. Send them in several requests.")
        item = _item(self._fields.pop("path", filename), _date(self._fields.pop("date", None)))
        item.modified_ns = _modified(self._fields.pop("modified_ns", None))
        self._items.append(item)
        self._file = _Writing(item, self._temporary, self._limit)

    def data(self, piece: bytes) -> None:
        """Take a piece of the part that has begun."""
        if self._file is not None:
            self._file.write(piece)
        elif self._field is not None:
            name, value = self._field
            value += piece
            if len(value) > MAX_METADATA:
                raise InvalidRequest(f"{name} must not be larger than {MAX_METADATA // 1024} KiB.", param=name)

    def end(self) -> None:
        """Finish the part that has begun."""
        if self._file is not None:
            self._file.close()
        elif self._field is not None:
            name, value = self._field
            self._fields[name] = bytes(value)
        self._file = self._field = None

    def items(self) -> list[Item]:
        """Return all that came.

        Raises:
            InvalidRequest: a field is wrong, or there is no file.
        """
        if not self._items:
            raise InvalidRequest("There is no file in the body.")
        for name in _OF_FILE:
            if name in self._fields:
                raise InvalidRequest(f"{name} must stand before the file that it is for.", param=name)
        common: Json = {}
        if "collection" in self._fields:
            common["collection"] = collection(_text(self._fields["collection"], "collection"))
        if "metadata" in self._fields:
            common["metadata"] = _metadata(self._fields["metadata"])
        if "title" in self._fields:
            if len(self._items) > 1:
                raise InvalidRequest("title must be left out when there is more than one file.", param="title")
            common["title"] = label(_text(self._fields["title"], "title"), field="title")
        for item in self._items:
            for name, value in common.items():
                setattr(item, name, value)
            item.metadata = _with_file(item)
        return self._items

    def abandon(self) -> None:
        """Remove all that was written."""
        if self._file is not None:
            self._file.close()
        drop(self._items)


class _Writing:
    """One file on its way to the disk. A fault ends it: what else comes of it is passed over."""

    def __init__(self, item: Item, temporary: Callable[[], Path], limit: int) -> None:
        self._item = item
        self._limit = limit
        self._digest = hashlib.sha256()
        self._handle: int | None = None
        if item.fault is None:
            item.content = temporary()
            self._handle = create(item.content)

    def write(self, piece: bytes) -> None:
        if self._handle is None:
            return
        self._item.size += len(piece)
        if self._item.size > self._limit:
            self.close()
            self._item.drop()
            self._item.fault = too_large(self._limit)
            return
        self._digest.update(piece)
        write(self._handle, piece)

    def close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
            self._item.sha256 = self._digest.hexdigest()


def too_large(limit: int) -> BodyTooLarge:
    """Return what a file that is too large is answered with."""
    return BodyTooLarge(f"The file is larger than {limit / MIB:g} MiB (library.max_upload_mb). Split it.")


def _item(path: bytes, date: float | None) -> Item:
    """Return an item of that label, or one that says what is wrong with it."""
    try:
        return Item(label(_text(path, "path")), date=date)
    except InvalidRequest as fault:
        return Item(path[: 4 * LONGEST].decode("utf-8", "replace"), fault=fault)


def _text(value: bytes, name: str) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidRequest(f"{name} must be text in UTF-8.", param=name) from None


def _date(value: bytes | None) -> float | None:
    if value is None:
        return None
    try:
        date = float(value)
    except ValueError:
        date = float("nan")
    if not -DATES <= date <= DATES:
        raise InvalidRequest("date must be a number of seconds since 1970.", param="date")
    return date


def _with_file(item: Item) -> Json:
    if item.modified_ns is None:
        return item.metadata
    return {**item.metadata, "file": {"modified_ns": item.modified_ns, "size": item.size}}


def _modified(value: bytes | None) -> int | None:
    if value is None:
        return None
    if not _WHOLE.fullmatch(value):
        raise InvalidRequest("modified_ns must be a whole number of nanoseconds since 1970.", param="modified_ns")
    return int(value)


def _metadata(value: bytes) -> Json:
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict) or depth(found) > MAX_DEPTH:
        raise InvalidRequest("metadata must be a JSON object.", param="metadata")
    return found
