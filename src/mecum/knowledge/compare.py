"""What is different between a folder and the library: blocking work, for a thread.

Invariants (`tests/knowledge/test_sync.py`): a document is given up only when it is certain that its file is no longer in the
folder: nothing that is missing, unmounted or unreadable gives one up. An unchanged file is not read.
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mecum.knowledge.folder import Entered, FoundFile, SkippedFile, Why, open_found, walk

SETTLED: Final = 1.0  # seconds that a file must have been left alone
CHUNK: Final = 1024 * 1024  # bytes
_TAKEN_IF_NAMED: Final[frozenset[Why]] = frozenset({"hidden", "made", "key", "temporary", "binary", "empty"})
_NO_FILES: Final[frozenset[Why]] = frozenset({"ignored", "link", "special", "library"})


class Unsettled(Exception):
    """The file is being written: it is taken at the next scan."""


class Stopped(Exception):
    """The scan was called off."""


@dataclass(frozen=True, slots=True)
class Known:
    """A document of the library that is a file of the folder; not one of a container's parts.

    `size` and `modified_ns` are the file's as it was when it was added, None where that is not known.
    """

    id: str
    path: Path
    size: int | None
    modified_ns: int | None
    sha256: str

    def is_as(self, file: FoundFile) -> bool:
        """Return whether the file is as it was when it was added, as far as it tells without being read."""
        return (self.size, self.modified_ns) == (file.size, file.modified_ns)


@dataclass(slots=True)
class Differences:
    """What a scan found. `missing`: the folder is not there, so it says nothing about its files."""

    new: list[FoundFile] = field(default_factory=list)
    changed: list[FoundFile] = field(default_factory=list)
    gone: list[Known] = field(default_factory=list)
    unchanged: int = 0
    skipped: int = 0
    unreadable: int = 0
    later: list[FoundFile] = field(default_factory=list)
    missing: bool = False
    folders: list[Path] = field(default_factory=list)


class Mounts:
    """On which devices a watched folder was seen: an empty folder where a disk was is a disk that was taken out."""

    def __init__(self) -> None:
        self._seen: dict[Path, int] = {}

    def look(self, top: Path, entered: Iterable[Entered]) -> list[Path]:
        """Take note of what a walk saw, and return the folders whose disk is out. The first look trusts no empty root."""
        out: list[Path] = []
        devices = {one.path: one for one in entered}
        for folder in sorted({top, *self._seen}):
            now = devices.get(folder)
            if (now is None or now.names == 0) and self._seen.get(folder) != (now.device if now else None):
                out.append(folder)
        for folder, now in devices.items():
            above = devices.get(folder.parent)
            if now.names and (above is None or above.device != now.device):
                self._seen[folder] = now.device
        return out


@dataclass(slots=True)
class Comparison:
    """One look at a folder. `stop` calls it off."""

    top: Path
    known: dict[Path, Known]
    largest: int
    everything: bool
    mounts: Mounts
    stop: threading.Event
    now: Callable[[], float] = time.time

    def run(self) -> Differences:
        """Compare.

        Raises:
            Stopped: it was called off.
        """
        found = Differences()
        if not os.path.lexists(self.top):
            found.missing = True
            return found
        entered: list[Entered] = []
        skipped: dict[Path, SkippedFile] = {}
        left = dict(self.known)
        for one in walk(self.top, everything=self.everything, largest=self.largest, entered=entered.append):
            if self.stop.is_set():
                raise Stopped
            if isinstance(one, FoundFile):
                self._sort(one, left.pop(one.path, None), found)
            else:
                found.skipped += 1
                found.unreadable += one.why == "unreadable"
                if one.folder or one.path in left:
                    skipped[one.path] = one
        found.folders = [one.path for one in entered]
        out = self.mounts.look(self.top, entered) if entered else []
        found.missing = bool(self.known) and (self.top in out or self.top in skipped)
        if not found.missing:
            self._account(left, skipped, out, found)
        return found

    def _sort(self, file: FoundFile, known: Known | None, found: Differences) -> None:
        if known and known.is_as(file):
            found.unchanged += 1
        elif 0 <= self.now() - file.modified_ns / 1e9 < SETTLED:
            found.later.append(file)
        elif known:
            found.changed.append(file)
        else:
            found.new.append(file)

    def _account(
        self, left: dict[Path, Known], skipped: dict[Path, SkippedFile], out: Sequence[Path], found: Differences
    ) -> None:
        """Say of each document whose file the walk did not give what became of it."""
        names: dict[Path, frozenset[str] | None] = {}
        for path, known in left.items():
            if self.stop.is_set():
                raise Stopped
            if any(path.is_relative_to(folder) for folder in out):
                continue
            why = next((skipped[one].why for one in (path, *path.parents) if one in skipped), None)
            if why in _NO_FILES or _is_gone(path, names):
                found.gone.append(known)
            elif why in _TAKEN_IF_NAMED:
                self._named(known, found)
            elif why == "large" and not _is_unchanged(known):
                found.gone.append(known)

    def _named(self, known: Known, found: Differences) -> None:
        """Keep up a document that is in the library although a walk passes its file over: somebody named it."""
        for one in walk(known.path, largest=self.largest):
            if isinstance(one, FoundFile):
                self._sort(one, known, found)
            elif one.why != "unreadable":
                found.gone.append(known)


def renames(found: Differences, stop: threading.Event) -> list[tuple[Known, FoundFile]]:
    """Return which of the files that are gone are which of the new ones, and take both out of the differences.

    Raises:
        Stopped: it was called off.
    """
    sources: dict[str, list[Known]] = {}
    for known in found.gone:
        sources.setdefault(known.sha256, []).append(known)
    sizes = {known.size for known in found.gone}
    pairs: list[tuple[Known, FoundFile]] = []
    new: list[FoundFile] = []
    for file in found.new:
        source = None
        if sources and (file.size in sizes or None in sizes):
            source = _source(sources.get(_hash_or_nothing(file, stop)), file)
        if source:
            pairs.append((source, file))
        else:
            new.append(file)
    renamed = {known.id for known, _ in pairs}
    waiting = {file.size for file in found.later}
    # A file that was renamed while it was written cannot be told yet: its document waits for the next scan, too.
    found.gone = [known for known in found.gone if known.id not in renamed and known.size not in waiting]
    found.new = new
    return pairs


def read(file: FoundFile, stop: threading.Event, sink: Callable[[bytes], object] | None = None) -> str:
    """Return the SHA-256 of a file in hex, and give its bytes to `sink`, all in one reading.

    Raises:
        Unsettled: it is not the file that was found, or changed while it was read.
        Stopped: it was called off.
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with open_found(file.path) as stream:
        for chunk in iter(lambda: stream.read(CHUNK), b""):
            if stop.is_set():
                raise Stopped
            digest.update(chunk)
            if sink:
                sink(chunk)
        after = os.fstat(stream.fileno())
        if (after.st_size, after.st_mtime_ns) != (file.size, file.modified_ns) or stream.tell() != file.size:
            raise Unsettled
    return digest.hexdigest()


def _hash_or_nothing(file: FoundFile, stop: threading.Event) -> str:
    try:
        return read(file, stop)
    except (Unsettled, OSError):
        return ""  # whoever adds it will find the same, and say it


def _source(candidates: list[Known] | None, file: FoundFile) -> Known | None:
    """Return, and take, the document that a new file was: of several with its content the one that had its name."""
    if not candidates:
        return None
    best = next((one for one in candidates if one.path.name == file.path.name), candidates[0])
    candidates.remove(best)
    return best


def _is_gone(path: Path, names: dict[Path, frozenset[str] | None]) -> bool:
    """Return whether there is certainly no file of exactly that name: where case does not matter, `A.md` is not `a.md`."""
    folder = path.parent
    if folder not in names:
        names[folder] = _names(folder)
    found = names[folder]
    if found is None:
        return False
    try:
        return path.name not in found or stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def _names(folder: Path) -> frozenset[str] | None:
    """Return the names in a folder; none if it is not there, None if nobody can tell."""
    try:
        return frozenset(os.listdir(folder))  # noqa: PTH208 -- names are what is asked for
    except (FileNotFoundError, NotADirectoryError):
        return frozenset()
    except OSError:
        return None


def _is_unchanged(known: Known) -> bool:
    try:
        found = known.path.stat()
    except OSError:
        return True
    return known.is_as(FoundFile(known.path, found.st_size, found.st_mtime_ns))
