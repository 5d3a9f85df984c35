"""Reads files in child processes (security row 24): a broken or hostile file fails alone.

Two workers stay warm over many files: small documents at a low priority, so that they are searchable within a second; large
ones at idle priority (ruling 14). A worker that dies over a file is replaced for the next one.
"""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any, Final

import orjson

from mecum.engine.frames import WorkFailed
from mecum.engine.worker import Worker, WorkerDied
from mecum.knowledge.extract.base import Block, Extracted, ExtractError, Part, Place

SMALL: Final = 1_000_000  # bytes
LARGEST: Final = 200 * 1024 * 1024  # bytes (ruling 18)
WAIT: Final = 300.0  # seconds; CPU time is limited to 60 s, but at idle priority that may take long to get
REST: Final = 60.0  # seconds without a file after which a worker gives its memory back
PROGRAM: Final = ("-m", "mecum.knowledge.extract.program")


class Extractor:
    """Reads one file at a time in each of two workers."""

    def __init__(self, *, program: tuple[str, ...] = PROGRAM, wait: float = WAIT) -> None:
        self._wait = wait
        self._quick = Worker((*program, "nice"), idle=REST)
        self._slow = Worker((*program, "idle"), idle=REST)

    async def extract(self, file: Path, name: str | None = None) -> Extracted:
        """Return the documents that a file holds. `name` takes the place of its own.

        Raises:
            ExtractError: it holds none, is none that can be read, or its reading failed; `code` says which.
        """
        try:
            size = await asyncio.to_thread(lambda: file.stat().st_size)
        except OSError as error:
            raise ExtractError("unreadable", f"The file cannot be read: {error.strerror or error}.") from None
        _check(size)
        return await self._ask({"name": name or file.name, "path": str(file)}, b"", size)

    async def extract_bytes(self, content: bytes, name: str) -> Extracted:
        """Return the documents in the content of a file of that name (`extract`)."""
        _check(len(content))
        return await self._ask({"name": name}, content, len(content))

    async def aclose(self) -> None:
        """End the workers."""
        await self._quick.aclose()
        await self._slow.aclose()

    async def _ask(self, request: dict[str, str], content: bytes, size: int) -> Extracted:
        worker = self._quick if size <= SMALL else self._slow
        try:
            reply = await worker.ask(orjson.dumps(request) + b"\n" + content, timeout=self._wait)
        except WorkFailed:
            raise ExtractError(
                "crashed", "Reading the file failed, and nothing of it was taken. It may be damaged."
            ) from None
        except WorkerDied as died:
            raise _death(died) from None
        return _result(orjson.loads(reply))


def _check(size: int) -> None:
    if size > LARGEST:
        raise ExtractError(
            "too_large", f"The file has {size / 1024**2:,.0f} MiB; the most is {LARGEST // 1024**2} MiB. Split it."
        )


def _death(died: WorkerDied) -> ExtractError:
    if died.late or died.status in (-getattr(signal, "SIGXCPU", 0), -getattr(signal, "SIGKILL", 0)):
        return ExtractError(
            "timeout", "Reading the file took too long (more than 60 s) and was stopped. Split it, or save it anew."
        )
    return ExtractError(
        "crashed", "The program that reads such files crashed over it. The file may be damaged: save it anew."
    )


def _result(reply: dict[str, Any]) -> Extracted:
    if error := reply.get("error"):
        raise ExtractError(error["code"], error["message"])
    return Extracted(reply["kind"], tuple(_part(part) for part in reply["parts"]))


def _part(found: dict[str, Any]) -> Part:
    blocks = tuple(Block(**{**block, "place": _place(block["place"])}) for block in found["blocks"])
    return Part(**{**found, "blocks": blocks})


def _place(found: dict[str, Any]) -> Place:
    return Place(**{**found, "heading": tuple(found["heading"])})
