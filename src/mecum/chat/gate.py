"""The way in for chats, which shutting down closes.

Invariant: after `close`, no chat begins; after `interrupt`, every chat that still runs ends with `Draining`, at whatever
point it is (waiting for its turn, for the engine, or in the middle of its text); a client's own leaving is never taken for
that (`tests/chat/test_gate.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from mecum.errors import Draining

T = TypeVar("T")


class Gate:
    """Counts the chats inside."""

    def __init__(self) -> None:
        self._closed = asyncio.Event()
        self._inside: set[Place] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def is_open(self) -> bool:
        """Whether new chats may begin."""
        return not self._closed.is_set()

    @property
    def inside(self) -> int:
        """How many chats run."""
        return len(self._inside)

    def enter(self) -> Place:
        """Let a chat in; `leave` its place when it ends.

        Raises:
            Draining: the gate is closed.
        """
        if not self.is_open:
            raise _draining()
        place = Place(self)
        self._inside.add(place)
        self._empty.clear()
        return place

    def leave(self, place: Place) -> None:
        """Take note that a chat has ended."""
        self._inside.discard(place)
        if not self._inside:
            self._empty.set()

    def close(self) -> None:
        """Let no new chat in."""
        self._closed.set()

    async def closed(self) -> None:
        """Return when the gate is closed, which is when the server begins to shut down."""
        await self._closed.wait()

    async def idle(self, timeout: float) -> bool:
        """Wait, at most `timeout` seconds, until no chat is inside; return whether that came true."""
        try:
            async with asyncio.timeout(timeout):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True

    def interrupt(self) -> None:
        """End every chat inside with `Draining`."""
        for place in self._inside:
            place.interrupt()


class Place:
    """One chat inside the gate. What it waits for, it waits for through `guard`."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._interrupted = False
        self._waiting: asyncio.Task[Any] | None = None

    @property
    def interrupted(self) -> bool:
        """Whether this chat was told to end."""
        return self._interrupted

    async def guard(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call and await something; an interruption ends the wait.

        Raises:
            Draining: the chat was interrupted.
        """
        if self._interrupted:
            raise _draining()
        task = self._waiting = asyncio.current_task()
        asked = task.cancelling() if task else 0
        try:
            return await call()
        except asyncio.CancelledError:
            # Ours, and only ours, is turned into an error; a client that left cancels as usual.
            if not self.interrupted or task is None or task.uncancel() > asked:
                raise
            raise _draining() from None
        finally:
            self._waiting = None

    def interrupt(self) -> None:
        """End the present wait, and any later one. Once is enough: another cancellation would pass for a foreign one."""
        if self._waiting and not self._interrupted:
            self._waiting.cancel()
        self._interrupted = True

    def leave(self) -> None:
        """Leave the gate. Safe to call more than once."""
        self._gate.leave(self)


def _draining() -> Draining:
    return Draining("The server is shutting down.", retry_after=5)
