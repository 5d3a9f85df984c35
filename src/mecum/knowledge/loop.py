"""Work that is done in the background until there is none, and then waits to be woken.

Invariant (`tests/knowledge/test_loop.py`): a wake-up is never lost, also one that comes while the work goes on; a fault ends
one attempt, never the loop, which tries again by itself after a time that doubles up to `SLOWEST`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from mecum.errors import MecumError

FIRST: Final = 1.0  # seconds until work that failed is tried again
SLOWEST: Final = 60.0  # seconds

log = logging.getLogger(__name__)


class Loop:
    """Runs `work` when woken, one run at a time. `name` is for the log."""

    def __init__(self, name: str, work: Callable[[], Awaitable[None]], *, first: float = FIRST) -> None:
        self._name = name
        self._work = work
        self._first = first
        self._awake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen for `wake`."""
        self._task = asyncio.create_task(self._run(), name=self._name)

    def wake(self) -> None:
        """Say that there is work."""
        self._idle.clear()
        self._awake.set()

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do."""
        return self._idle.is_set()

    async def idle(self) -> None:
        """Return when there is nothing to do."""
        await self._idle.wait()

    async def aclose(self) -> None:
        """Stop, in the middle of the work if need be."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            await self._awake.wait()
            self._awake.clear()
            await self._until_done()
            if not self._awake.is_set():
                self._idle.set()

    async def _until_done(self) -> None:
        delay = self._first
        while True:
            try:
                await self._work()
            except MecumError as error:
                log.warning("%s: %s", self._name, error.message)
            except Exception:  # a worker's loop: whatever it was, the next attempt may succeed
                log.exception("%s failed", self._name)
            else:
                return
            await asyncio.sleep(delay)
            delay = min(2 * delay, SLOWEST)
