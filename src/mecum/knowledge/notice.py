"""Says that something changed in some folders, by what the operating system tells: a wake-up, never the truth.

Invariants (`tests/knowledge/test_notice.py`): only the folders that are named are watched, not what links in them lead to;
the event loop waits for nothing that the system does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from watchfiles._rust_notify import RustNotify  # documented; `watch` itself does not tell when it has begun

_GROUP: Final = 2_000  # folders; to begin watching them takes 40 ms, in which no other thread runs
_MOST: Final = 16_000  # folders
_QUIET: Final = 100  # milliseconds without a change after some
_LONGEST: Final = 1_000  # milliseconds after the first of many changes
_ENDING: Final = 1.0  # seconds

# Linux watches folder by folder, and would follow links; elsewhere a folder is watched with all that is in it.
_RECURSIVE: Final = sys.platform != "linux"


class Notice:
    """Watches folders until it is closed, and calls `changed` in the event loop.

    `refused` is why the system tells nothing: then somebody has to look from time to time. `stale` is True when one of the
    folders is not the one any more that is watched.
    """

    def __init__(self, folders: Collection[Path], changed: Callable[[], None]) -> None:
        self.refused: str | None = None
        self.stale = False
        self._folders = frozenset(map(str, folders))
        self._changed = changed
        self._stop = threading.Event()
        self._ended: list[asyncio.Event] = []

    def watches(self, folders: Collection[Path]) -> bool:
        """Return whether these are its folders, and still the same ones."""
        return not self.stale and self._folders == frozenset(map(str, folders))

    async def begin(self) -> None:
        """Return when it watches, or has been refused."""
        ordered = sorted(self._folders)
        if _RECURSIVE:
            ordered = ordered[:1]  # the root sorts before what is in it
        if len(ordered) > _MOST:
            self._refuse("there are too many folders")
            return
        for start in range(0, len(ordered), _GROUP):
            await self._begin(ordered[start : start + _GROUP])

    async def aclose(self) -> None:
        """Watch no more. A thread that outlived the program could bring its end down."""
        self._stop.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ENDING):
                for ended in self._ended:
                    await ended.wait()

    async def _begin(self, folders: list[str]) -> None:
        loop = asyncio.get_running_loop()
        begun, ended = asyncio.Event(), asyncio.Event()
        self._ended.append(ended)

        def tell(what: Callable[..., object], *values: object) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(what, *values)

        def run() -> None:
            try:
                with RustNotify(folders, False, False, 0, _RECURSIVE, True) as notify:  # noqa: FBT003 -- it has no names
                    tell(begun.set)
                    if not all(map(os.path.isdir, folders)):
                        tell(self._noticed, self._folders)  # one went away before it was watched
                    self._listen(notify, tell)
            except FileNotFoundError:
                tell(self._noticed, self._folders)
            except (OSError, RuntimeError) as error:
                tell(self._refuse, str(error))
            finally:
                tell(begun.set)
                tell(ended.set)

        threading.Thread(target=run, name="mecum-notice", daemon=True).start()
        await begun.wait()

    def _listen(self, notify: RustNotify, tell: Callable[..., None]) -> None:
        while not self._stop.is_set():
            found = notify.watch(_LONGEST, _QUIET, 60_000, self._stop)
            if isinstance(found, set):
                tell(self._noticed, {path for _, path in found})

    def _noticed(self, paths: Collection[str]) -> None:
        if not self._stop.is_set():
            self.stale = self.stale or not self._folders.isdisjoint(paths)
            self._changed()

    def _refuse(self, reason: str) -> None:
        if not self._stop.is_set():
            self.refused = self.refused or reason
            self._changed()
