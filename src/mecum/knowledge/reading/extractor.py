"""Reads files in child processes (security row 24): a broken or hostile file fails alone.

Two workers stay warm over many files: small documents at a low priority, so that they are searchable within a second; large
ones at idle priority (ruling 14). A worker that dies over a file is replaced for the next one.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from mecum.engine.frames import WorkFailed
from mecum.engine.worker import Worker, WorkerDied
from mecum.knowledge.extract.base import ExtractError
from mecum.knowledge.reading.portions import Assembly
from mecum.store.values import NewPart

SMALL: Final = 1_000_000  # bytes
LARGEST: Final = 200 * 1024 * 1024  # bytes (ruling 18)
WAIT: Final = 1800.0  # seconds; CPU time is limited to 60 s, but at idle priority that may take long to get
REST: Final = 60.0  # seconds without a file after which a worker gives its memory back
PROGRAM: Final = ("-m", "mecum.knowledge.reading.program")
MORE: Final = b""  # the request for the next portion


@dataclass(frozen=True, slots=True)
class Reading:
    """A file that is being read: its kind, and the documents that it holds, as they come.

    Raises, while iterating:
        ExtractError: the rest of it cannot be read.
    """

    kind: str
    parts: AsyncIterator[NewPart]


class Extractor:
    """Reads one file at a time in each of two workers."""

    def __init__(self, *, program: tuple[str, ...] = PROGRAM, wait: float = WAIT) -> None:
        self._wait = wait
        self._quick = Worker((*program, "nice"), idle=REST)
        self._slow = Worker((*program, "idle"), idle=REST)
        self._turns = {self._quick: asyncio.Lock(), self._slow: asyncio.Lock()}

    @asynccontextmanager
    async def reading(self, file: Path, name: str | None = None, title: str = "") -> AsyncIterator[Reading]:
        """Read a file for the block. `name` takes the place of its own; `title` is for one without a title of its own.

        Raises:
            ExtractError: it holds nothing, is none that can be read, or its reading failed; `code` says which.
        """
        size = await asyncio.to_thread(_size, file)
        worker = self._quick if size <= SMALL else self._slow
        request = orjson.dumps({"name": name or file.name, "path": str(file), "title": title})
        async with self._turns[worker]:
            first = await self._ask(worker, request)
            yield Reading(first["kind"], self._parts(worker, first))

    async def aclose(self) -> None:
        """End the workers."""
        await self._quick.aclose()
        await self._slow.aclose()

    async def _parts(self, worker: Worker, portion: dict[str, Any]) -> AsyncIterator[NewPart]:
        assembly = Assembly()
        while True:
            for part in assembly.take(portion):
                yield part
            if not portion["more"]:
                return
            portion = await self._ask(worker, MORE)

    async def _ask(self, worker: Worker, request: bytes) -> dict[str, Any]:
        try:
            reply: dict[str, Any] = orjson.loads(await worker.ask(request, timeout=self._wait))
        except WorkFailed:
            raise ExtractError(
                "crashed", "Reading the file failed, and nothing of it was taken. It may be damaged."
            ) from None
        except WorkerDied as died:
            raise _death(died) from None
        if error := reply.get("error"):
            raise ExtractError(**error)
        return reply


def _size(file: Path) -> int:
    try:
        size = file.stat().st_size
    except OSError as error:
        raise ExtractError("unreadable", f"The file cannot be read: {error.strerror or error}.") from None
    if size > LARGEST:
        raise ExtractError(
            "too_large", f"The file has {size / 1024**2:,.0f} MiB; the most is {LARGEST // 1024**2} MiB. Split it."
        )
    return size


def _death(died: WorkerDied) -> ExtractError:
    if died.late or died.status in (-getattr(signal, "SIGXCPU", 0), -getattr(signal, "SIGKILL", 0)):
        return ExtractError(
            "timeout", "Reading the file took too long (more than 60 s) and was stopped. Split it, or save it anew."
        )
    return ExtractError(
        "crashed", "The program that reads such files crashed over it. The file may be damaged: save it anew."
    )
