"""Keeps the library as folders are, for as long as it runs.

Invariants (`tests/knowledge/test_watch.py`): a change or a deletion is in the library within ten seconds (promise 24);
what the operating system tells is only a reason to look, so nothing is missed that it does not tell; whatever fails is
tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from mecum.errors import MecumError, StoreError, StoreFull
from mecum.knowledge.compare import SETTLED, Known, Mounts, Unsettled, read
from mecum.knowledge.folder import FoundFile
from mecum.knowledge.library import Library, NewFile
from mecum.knowledge.notice import Notice
from mecum.knowledge.sync import Report, Target, sync
from mecum.observe.threads import detached
from mecum.store.values import DEFAULT_COLLECTION, Document, Filter
from mecum.types import Principal

__all__ = ["Known", "LibraryTarget", "Report", "Target", "Unsettled", "Watcher", "sync"]

POLL: Final = 5.0  # seconds between two looks where the system tells nothing
FULL: Final = 60.0  # seconds between two looks in any case: file systems on other machines tell nothing
_PATIENCE: Final = 5.0  # seconds of adding, after which it looks again: what was deleted meanwhile shall not wait
_BREATH: Final = (0.2, 3.0)  # seconds between two looks, however much changes; ten times what a look takes
_UNSETTLED: Final = 4.0  # seconds; the longest wait for a file that somebody goes on writing
_LONGEST: Final = 60.0  # seconds between two tries
_PAGE: Final = 1_000  # documents

Told = Callable[[Path, Report | Exception], None]

log = logging.getLogger(__name__)


class Watcher:
    """Keeps folders in the library from `start` to `aclose`.

    `told` is called after each look that did something, with the folder and what was done, and after each that failed.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        target: Target,
        *,
        largest: int,
        everything: bool = False,
        told: Told | None = None,
        poll: float = POLL,
        full: float = FULL,
    ) -> None:
        self._followers = [
            _Follower(root, target, largest, everything=everything, told=told or _nobody, poll=poll, full=full)
            for root in dict.fromkeys(roots)
        ]
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin. It returns at once; a folder that is missing is waited for."""
        self._tasks = [asyncio.create_task(one.run(), name="watch-folder") for one in self._followers]

    async def aclose(self) -> None:
        """Stop at once. What was not done is done after the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class _Follower:
    """Keeps one folder in the library."""

    def __init__(
        self, root: Path, target: Target, largest: int, *, everything: bool, told: Told, poll: float, full: float
    ) -> None:
        self._root = root
        self._target = target
        self._largest = largest
        self._everything = everything
        self._told = told
        self._poll = poll
        self._full = full
        self._mounts = Mounts()
        self._changed = asyncio.Event()
        self._notice: Notice | None = None
        self._last = Report()
        self._failures = 0
        self._unsettled = SETTLED
        self._alone = False  # the system tells nothing

    async def run(self) -> None:
        """Look, wait for a reason to look again, and so on."""
        try:
            while True:
                self._changed.clear()
                await self._wait(await self._look())
        finally:
            await self._attend(())

    async def _look(self) -> float:
        """Make the library as the folder is. Returns after how many seconds to look again, if nothing happens before."""
        try:
            report = await sync(
                self._root,
                self._target,
                largest=self._largest,
                everything=self._everything,
                mounts=self._mounts,
                patience=_PATIENCE,
            )
            self._tell(report)
            seconds = await self._next(report)
        except Exception as error:  # noqa: BLE001 -- the loop of a worker: whatever fails is tried again
            return self._failed(error)
        self._failures = 0
        return seconds

    async def _next(self, report: Report) -> float:
        if report.missing:
            await self._attend(())
            return self._poll
        if report.more or await self._attend(report.folders):
            return 0
        self._unsettled = min(2 * self._unsettled, _UNSETTLED) if report.later else SETTLED / 2
        if report.later:
            return self._unsettled
        reason = self._notice.refused if self._notice else None
        if reason and not self._alone:
            log.warning("the system does not say when files in a folder change; it is looked at again and again: %s", reason)
        self._alone = bool(reason)
        return max(self._poll, 10 * report.seconds) if reason else self._full

    async def _attend(self, folders: Sequence[Path]) -> bool:
        """Have these folders watched. Returns whether they were not until now, so that something may have been missed."""
        if self._notice and self._notice.watches(folders):
            return False
        if self._notice:
            await self._notice.aclose()
            self._notice = None
        if folders:
            self._notice = Notice(folders, self._changed.set)
            await self._notice.begin()
        return bool(folders)

    async def _wait(self, seconds: float) -> None:
        if self._failures:
            await asyncio.sleep(seconds)  # changes are no reason to try again sooner
            return
        if not self._last.more:
            least, most = _BREATH
            await asyncio.sleep(min(max(least, 10 * self._last.seconds), most))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    def _tell(self, report: Report) -> None:
        before, self._last = self._last, report
        if report.did:
            counts = {name: getattr(report, name) for name in ("added", "changed", "renamed", "removed")}
            log.info("the library follows a folder", extra={"folder": str(self._root)} | counts)
        if report.missing and not before.missing:
            extra = {"folder": str(self._root)}
            log.warning("a folder is not there, or empty; its documents stay, and it is waited for", extra=extra)
        if report.unreadable > before.unreadable:
            unread = {"folder": str(self._root), "files": report.unreadable}
            log.warning("files in a folder cannot be read; what the library knows of them stays", extra=unread)
        if report.did or report.missing != before.missing:
            self._told(self._root, report)

    def _failed(self, error: Exception) -> float:
        self._failures += 1
        expected = isinstance(error, MecumError | OSError)
        message = f": {error}" if expected else ""
        log.warning("a folder could not be kept up%s", message, extra={"folder": str(self._root)}, exc_info=not expected)
        self._told(self._root, error)
        return float(min(2 ** min(self._failures, 10) / 2, _LONGEST))


class LibraryTarget:
    """A collection of the library in this process, as what folders are kept in."""

    def __init__(self, library: Library, principal: Principal, collection: str = DEFAULT_COLLECTION) -> None:
        self._library = library
        self._principal = principal
        self._collection = collection

    async def known(self, root: Path) -> list[Known]:
        """Return the document of this path, and those in the folder of this path."""
        alone = await self._library.find(str(root), self._collection, self._principal)
        found = [] if alone is None else [_known(alone)]
        where = Filter(self._principal.owner, (self._collection,), str(root).rstrip(os.sep) + os.sep, exact=True)
        page = await self._library.list(where, limit=_PAGE)
        found += _files(page.items)
        while page.next_cursor:
            page = await self._library.list(where, limit=_PAGE, cursor=page.next_cursor)
            found += _files(page.items)
        return found

    async def add(self, file: FoundFile) -> None:
        """Copy a file, and give the copy to the library."""
        content, stop = self._library.temporary(), threading.Event()
        try:
            sha256 = await detached(lambda: _copy(file, content, stop), "mecum-copy")
        finally:
            stop.set()
        new = NewFile(
            path=str(file.path),
            content=content,
            sha256=sha256,
            size=file.size,
            collection=self._collection,
            metadata={"file": {"modified_ns": file.modified_ns, "size": file.size}},
            date=file.modified_ns / 1e9,
        )
        try:
            await self._library.add(new, self._principal)
        except MecumError:  # not when cancelled: the store may be at it
            content.unlink(missing_ok=True)
            raise

    async def rename(self, document_id: str, path: Path) -> None:
        """Give a document another path."""
        await self._library.rename(document_id, str(path), self._principal)

    async def remove(self, document_ids: Sequence[str]) -> None:
        """Remove documents."""
        await self._library.remove(document_ids, self._principal)


def _files(documents: Sequence[Document]) -> list[Known]:
    return [_known(one) for one in documents if one.parent is None]


def _known(document: Document) -> Known:
    stored: Any = document.metadata.get("file")
    file = stored if isinstance(stored, dict) else {}
    return Known(
        document.id, Path(document.path), file.get("size", document.size), file.get("modified_ns"), document.content_hash
    )


def _copy(file: FoundFile, content: Path, stop: threading.Event) -> str:
    """Copy a file while hashing it. What goes wrong with the copy is the store's fault, not the file's."""
    try:
        with _storing():
            copy = open(content, "xb", opener=_private)  # noqa: SIM115 -- closed below; pathlib takes no opener

        def sink(chunk: bytes) -> None:
            with _storing():
                copy.write(chunk)
                copy.flush()

        with copy:
            return read(file, stop, sink)
    except BaseException:
        content.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _storing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        kind = StoreFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else StoreError
        raise kind(f"The library cannot be written: {error.strerror or error}.") from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _nobody(_root: Path, _what: Report | Exception) -> None:
    pass
