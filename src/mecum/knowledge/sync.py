"""Makes the library hold what a folder holds, in one scan.

Invariants (`tests/knowledge/test_sync.py`): afterwards the library's paths are the folder's; a file that was renamed keeps
its document, so nothing of it is embedded again; one bad file never stops the others.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Protocol

from mecum.errors import DocumentNotFound, InvalidRequest
from mecum.knowledge.compare import Comparison, Differences, Known, Mounts, Unsettled, renames
from mecum.knowledge.folder import FoundFile
from mecum.observe.threads import detached

_REMOVED_AT_ONCE: Final = 200  # documents: one transaction, which others wait for

log = logging.getLogger(__name__)


class Target(Protocol):
    """The library that a folder is kept in. Any method may raise MecumError: the scan ends there, and is tried later."""

    async def known(self, root: Path) -> list[Known]:
        """Return the document of this path, and those in the folder of this path; of a container not its parts."""
        ...

    async def add(self, file: FoundFile) -> None:
        """Add a file, or its new content, with its size and its time of change kept beside it (`Known`).

        Raises:
            Unsettled: it changed while it was read; nothing was added.
            OSError: it cannot be read.
            InvalidRequest: it cannot be taken, whenever it is tried.
        """
        ...

    async def rename(self, document_id: str, path: Path) -> None:
        """Give a document another path."""
        ...

    async def remove(self, document_ids: Sequence[str]) -> None:
        """Remove documents; those that are gone already are passed over."""
        ...


@dataclass(frozen=True, slots=True)
class Report:
    """What a scan did, in numbers.

    `skipped` files are not taken, the `unreadable` among them. `later` are those that are being written: the next scan
    takes them. `more` were left for it when patience ended. `missing`: the folder is not there, and nothing was done.
    `folders` are those that it looked into; `seconds` is what looking took, without what was done.
    """

    added: int = 0
    changed: int = 0
    renamed: int = 0
    removed: int = 0
    unchanged: int = 0
    skipped: int = 0
    unreadable: int = 0
    later: int = 0
    more: int = 0
    missing: bool = False
    folders: tuple[Path, ...] = field(default=(), repr=False)
    seconds: float = 0.0

    @property
    def did(self) -> bool:
        """Whether the library is another one than before."""
        return bool(self.added or self.changed or self.renamed or self.removed)


async def sync(
    root: Path,
    target: Target,
    *,
    largest: int,
    everything: bool = False,
    mounts: Mounts | None = None,
    patience: float = math.inf,
) -> Report:
    """Make the library hold what the folder holds. It can be cancelled at any point, and goes on at the next call.

    Args:
        root: the folder. Links in its own path are followed; the documents' paths are those without links.
        target: the library.
        largest: bytes; what is larger is skipped (`folder.walk`, as `everything`).
        everything: whether hidden and ignored files are taken, too.
        mounts: what earlier scans of the same folder saw; a folder that was emptied is told from a disk that was taken out.
        patience: seconds after which no further file is added.

    Raises:
        MecumError: the target's own; what was done before stays done.
    """
    stop = threading.Event()
    began = time.monotonic()
    try:
        top = await detached(lambda: _resolved(root), "mecum-folder")
        known = {one.path: one for one in await target.known(top)}
        look = Comparison(top, known, largest, everything, mounts or Mounts(), stop)
        found = await detached(look.run, "mecum-folder")
        if found.missing:
            return Report(missing=True, unchanged=len(known))
        seconds = time.monotonic() - began
        pairs = await detached(lambda: renames(found, stop), "mecum-folder")
        report = await _Work(target, time.monotonic() + patience).apply(found, pairs)
        return replace(report, seconds=seconds)
    finally:
        stop.set()  # the threads of a scan that was cancelled end, too


@dataclass(slots=True)
class _Work:
    target: Target
    deadline: float
    later: int = 0
    more: int = 0
    skipped: int = 0
    unreadable: int = 0

    async def apply(self, found: Differences, pairs: Sequence[tuple[Known, FoundFile]]) -> Report:
        """Rename, add, change, remove. In this order a text that moved to another file is never without its vector."""
        renamed = sum([await self._rename(known, file) for known, file in pairs])
        added = sum([await self._add(file) for file in found.new])
        changed = sum([await self._add(file) for file in found.changed])
        gone = [known.id for known in found.gone]
        for start in range(0, len(gone), _REMOVED_AT_ONCE):
            await self.target.remove(gone[start : start + _REMOVED_AT_ONCE])
        return Report(
            added=added,
            changed=changed,
            renamed=renamed,
            removed=len(gone),
            unchanged=found.unchanged,
            skipped=found.skipped + self.skipped,
            unreadable=found.unreadable + self.unreadable,
            later=len(found.later) + self.later,
            more=self.more,
            folders=tuple(found.folders),
        )

    async def _rename(self, known: Known, file: FoundFile) -> bool:
        try:
            await self.target.rename(known.id, file.path)
        except DocumentNotFound:  # somebody removed it meanwhile
            self.later += 1
            return False
        return True

    async def _add(self, file: FoundFile) -> bool:
        if time.monotonic() > self.deadline:
            self.more += 1
            return False
        try:
            await self.target.add(file)
        except Unsettled:
            self.later += 1
        except (FileNotFoundError, NotADirectoryError):
            pass  # it went away meanwhile; the next scan knows
        except OSError:
            self.skipped += 1
            self.unreadable += 1
        except InvalidRequest as error:
            self.skipped += 1
            log.warning("a file is not taken: %s", error.message, extra={"path": str(file.path)})
        else:
            return True
        return False


def _resolved(root: Path) -> Path:
    try:
        return root.resolve()
    except (OSError, RuntimeError):  # links in a circle
        return root.absolute()
