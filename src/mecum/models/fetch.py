"""Brings one file, however often the connection breaks: what came stays, and the next try asks for the rest.

Invariants (`tests/models/test_fetch.py`, against a server that does all of this wrong): the file that is returned has the
size and the hash that were promised, or there is an error and nothing of the wrong bytes is kept; a server that ignores the
range, or whose file changed meanwhile, makes the file begin anew; connections that bring nothing, several in a row, end it.
"""

from __future__ import annotations

import asyncio
import errno
import shutil
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mecum.errors import EngineStartError
from mecum.models.git import blob_id
from mecum.models.meter import Meter
from mecum.models.part import Identity, Part
from mecum.models.refusal import Again, PullFailed
from mecum.models.source import fingerprint
from mecum.models.web import Answer, Web

TRIES: Final = 5  # in a row that bring nothing
PAUSE: Final = 1.0  # seconds, doubled with each such try
SPARE: Final = 256 * 1024 * 1024  # bytes of disk that stay free
_BATCH: Final = 1024 * 1024  # bytes written in one go


@dataclass(frozen=True, slots=True)
class Item:
    """A file to bring: where from, its name here, and what is known of it; size in bytes, "" and None where nothing is.

    `git` is what git calls its content, `begins` what it begins with, `here` where it lies on this machine already.
    """

    url: str
    name: str
    size: int | None = None
    sha256: str = ""
    git: str = ""
    begins: bytes = b""
    here: Path | None = None


@dataclass(frozen=True, slots=True)
class Brought:
    """A file that came. `promised` says whether its hash is one that was known before."""

    path: Path
    sha256: str
    promised: bool


class Fetcher:
    """Brings files into a folder. `sleep` is for tests, which have less time."""

    def __init__(
        self,
        web: Web,
        folder: Path,
        meter: Meter,
        *,
        pause: float = PAUSE,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._web = web
        self._folder = folder
        self._meter = meter
        self._pause = pause
        self._sleep = sleep

    async def bring(self, item: Item) -> Brought:
        """Return the whole file.

        Raises:
            PullFailed: the server does not have it, or not what was promised; or it does not come.
        """
        with Part(self._folder, item.name, item.begins) as part:
            await self._take_up(part, item)
            try:
                promised = await self._all_of(part, item)
            except OSError as error:
                raise disk_fault(error, self._folder) from None
            except EngineStartError as error:
                if not isinstance(error, PullFailed):  # it is no model
                    part.remove()
                raise
            await asyncio.to_thread(part.settle)
            check_git(part.path, item)
            return Brought(part.path, part.sha256, bool(promised or item.git))

    async def _take_up(self, part: Part, item: Item) -> None:
        """Go on with what is there of the same file, or begin anew."""
        before = part.identity()
        known = before is not None and before.key == _key(item) and bool(item.sha256 or before.validator)
        if not known or (item.size is not None and part.size > item.size):
            part.empty()
            part.belongs_to(Identity(_key(item)))
        if part.size:
            await asyncio.to_thread(part.read_again, self._meter.skip)

    async def _all_of(self, part: Part, item: Item) -> str:
        """Bring what is missing; return the hash that was promised, "" where none was."""
        missed = 0
        while True:
            before = part.size
            if item.size is not None and item.sha256 and part.size == item.size:  # nothing is missing
                return self._checked(part, item, item.sha256, item.size)
            try:
                return await self._once(part, item)
            except Again as again:
                missed = 0 if part.size > before else missed + 1
                if missed >= TRIES:
                    raise PullFailed(f"{again.message}, {TRIES} times in a row. The same command goes on with it.") from None
                await self._sleep(again.wait or self._pause * 2**missed)

    async def _once(self, part: Part, item: Item) -> str:
        async with self._web.get(item.url, self._range(part, item)) as answer:
            promised = self._promised(item, answer)
            total = self._place(part, item, answer)
            identity = Identity(_key(item), _strong(answer.response.headers.get("ETag", "")))
            if part.size == 0:
                part.belongs_to(identity)
            if answer.response.status != 416:
                self._room(part, total)
                await self._pour(part, answer, item, total)
        if total is not None and part.size < total:
            raise Again("The server broke off")
        return self._checked(part, item, promised, total)

    def _range(self, part: Part, item: Item) -> Mapping[str, str]:
        if not part.size:
            return {}
        identity = part.identity()
        guard = {} if item.sha256 or identity is None else {"If-Range": identity.validator}
        return {"Range": f"bytes={part.size}-", **guard}

    def _promised(self, item: Item, answer: Answer) -> str:
        if item.sha256 and answer.sha256 and item.sha256 != answer.sha256:
            raise PullFailed(
                f"{item.name} has another SHA-256 on the server ({answer.sha256}) than is asked for ({item.sha256})."
            )
        return item.sha256 or answer.sha256

    def _place(self, part: Part, item: Item, answer: Answer) -> int | None:
        """Make what comes fit the end of the file, and return how long all of it is, if somebody says so."""
        response, total = answer.response, item.size if item.size is not None else answer.linked_size
        length = response.content_length
        if response.status == 206:
            start, whole = _content_range(response.headers.get("Content-Range", ""))
            before, now = part.identity(), _strong(response.headers.get("ETag", ""))
            if not item.sha256 and now and before and before.validator != now:
                self._begin_anew(part)
                raise Again(f"The server has another {item.name} than before")
            if start != part.size:
                raise PullFailed(f"The server sends another part of {item.name} than it was asked for.")
            return _same(item, total, whole if whole is not None else None if length is None else part.size + length)
        if response.status == 416:
            return self._beyond(part, item, response.headers.get("Content-Range", ""), total)
        self._begin_anew(part)
        return _same(item, total, length)

    def _beyond(self, part: Part, item: Item, content_range: str, total: int | None) -> int:
        """Look at a range that the server does not have: there is nothing more, or the file is not the one that it was."""
        _, whole = _content_range(content_range)
        known = total if total is not None else whole
        if part.size and known == part.size:
            return part.size
        if not part.size:
            raise PullFailed(f"The server does not give out {item.name} (status 416).")
        self._begin_anew(part)
        raise Again(f"The server has another {item.name} than before")

    def _begin_anew(self, part: Part) -> None:
        self._meter.skip(-part.size)
        part.empty()

    def _room(self, part: Part, total: int | None) -> None:
        check_room(self._folder, 0 if total is None else total - part.size)

    async def _pour(self, part: Part, answer: Answer, item: Item, total: int | None) -> None:
        batch = bytearray()
        try:
            async for data in answer.response.content.iter_any():
                batch += data
                self._meter.add(len(data), time.monotonic())
                if total is not None and part.size + len(batch) > total:
                    batch.clear()
                    raise PullFailed(f"The server sends more of {item.name} than the {total:,} bytes that it has.")
                if len(batch) >= _BATCH:
                    self._room(part, part.size + len(batch) if total is None else total)  # it may never end
                    await self._write(part, batch)
        finally:
            if batch:  # also when it broke off, or was stopped
                part.add(bytes(batch))

    @staticmethod
    async def _write(part: Part, batch: bytearray) -> None:
        """Write in a thread, to the end also when we are stopped meanwhile: the file is closed after it."""
        data = bytes(batch)
        batch.clear()
        writing = asyncio.ensure_future(asyncio.to_thread(part.add, data))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await writing
            raise

    def _checked(self, part: Part, item: Item, promised: str, total: int | None) -> str:
        if total is not None and part.size != total:
            part.remove()
            raise PullFailed(f"{item.name} came with {part.size:,} bytes instead of {total:,}.")
        if promised and part.sha256 != promised:
            part.remove()
            raise PullFailed(
                f"{item.name} is not what was promised: its SHA-256 is {part.sha256}, and should be {promised}. "
                "It was thrown away; pull it again."
            )
        return promised


def check_git(file: Path, item: Item) -> None:
    """Let a file pass that is what git calls so, if that is known and no SHA-256; another one is removed.

    Raises:
        PullFailed: it is another.
    """
    if item.git and not item.sha256 and (found := blob_id(file)) != item.git:
        file.unlink()
        raise PullFailed(
            f"{item.name} is not what was promised: git calls it {found}, and should call it {item.git}. "
            "It was thrown away; pull it again."
        )


def check_room(folder: Path, needed: int) -> None:
    """Let pass what finds room on the disk, with some to spare.

    Raises:
        PullFailed: it does not.
    """
    free = shutil.disk_usage(folder).free
    if needed and needed + SPARE > free:
        raise PullFailed(
            f"The disk of {folder} has {free / 1e9:,.1f} GB free, and {needed / 1e9:,.1f} GB are to come. "
            "Free some room (mecum models remove), or name a data directory elsewhere: --home."
        )


def _key(item: Item) -> str:
    return item.sha256 or f"url {fingerprint(item.url)}"


def _strong(etag: str) -> str:
    """Return an ETag that says that every byte is the same; "" for others."""
    return etag if etag.startswith('"') and len(etag) < 500 else ""


def _content_range(text: str) -> tuple[int | None, int | None]:
    """Return the first byte and the whole length that a Content-Range tells."""
    unit, _, rest = text.partition(" ")
    span, _, whole = rest.partition("/")
    first = span.partition("-")[0]
    number = {name: int(name) for name in (first, whole) if name.isascii() and name.isdecimal() and len(name) < 19}
    return (number.get(first), number.get(whole)) if unit == "bytes" else (None, None)


def _same(item: Item, known: int | None, told: int | None) -> int | None:
    if known is not None and told is not None and known != told:
        raise PullFailed(f"{item.name} has {told:,} bytes on the server, and should have {known:,}.")
    return known if known is not None else told


def disk_fault(error: OSError, folder: Path) -> PullFailed:
    """Return the error that a fault of our own disk is."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return PullFailed(
            f"The disk of {folder} is full. Free some room: what came stays, and the same command goes on with it."
        )
    return PullFailed(f"{folder} cannot be written: {error.strerror or error}.")
