"""Walks folders: which files in them are the user's documents, and why the others are not.

Invariants (`tests/knowledge/test_folder.py`): nothing outside of the folder is ever given, so no link leads out of it and
none makes a loop; whatever cannot be read is said, never raised; a walk holds no more in memory than the folders on its way.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, Literal

from mecum.knowledge import ignore, unwanted
from mecum.knowledge.ignore import Rules
from mecum.knowledge.unwanted import Unwanted

Why = Literal[Unwanted, "ignored", "empty", "large", "link", "special", "name", "library", "unreadable"]
REASONS: Final[dict[Why, str]] = {
    "hidden": "hidden",
    "made": "made by a tool",
    "key": "may hold a key or password",
    "temporary": "another program's temporary file",
    "binary": "holds no text",
    "ignored": "left out by .gitignore or .mecumignore",
    "empty": "empty",
    "link": "a link",
    "special": "neither a file nor a folder",
    "name": "its name is no valid text",
    "library": "mecum's own data",
}
_LIBRARY: Final = "mecum.db"  # whoever watches a folder that holds the library would add what adding made, for ever


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to add. `path` is absolute and has no links in it; `modified_ns` is in nanoseconds since 1970."""

    path: Path
    size: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file that is not taken, or a `folder` with all that is in it. `reason` is for people, `why` is stable."""

    path: Path
    reason: str
    why: Why
    folder: bool = False


@dataclass(frozen=True, slots=True)
class Entered:
    """A folder that is looked into: on which device it is, and how many names are in it."""

    path: Path
    device: int
    names: int


Entry = os.DirEntry[str]
Walked = Iterator[FoundFile | SkippedFile]


def walk(
    root: Path, *, everything: bool = False, largest: int, entered: Callable[[Entered], object] | None = None
) -> Walked:
    """Yield the files of a folder and of those in it, in the order of their names. A root that is a file is always given.

    Args:
        root: a folder or a file. Links in its own path are followed.
        everything: whether hidden and ignored files, binaries and keys are given, too.
        largest: bytes; what is larger is skipped.
        entered: is told of each folder before what is in it.
    """
    try:
        top = root.resolve(strict=True)
        found = top.stat()
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle; a NUL in the path
        yield _unreadable(root, error)
        return
    if not _is_utf8(str(top)):
        yield _skipped(top, "name", folder=stat.S_ISDIR(found.st_mode))
    elif stat.S_ISDIR(found.st_mode):
        yield from _Walk(top, largest, everything, entered or _nobody).all(found)
    else:
        yield _file(top, found, largest)


def open_found(path: Path) -> BinaryIO:
    """Open a file that a walk gave, if it is still no link, and neither a pipe nor a device, that would never end.

    Raises:
        OSError: it is something else by now, or cannot be read.
    """
    handle = os.open(
        path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    )
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(f"{path} is no file any more.")
    return os.fdopen(handle, "rb")


@dataclass(slots=True)
class _Level:
    """A folder on the way down: what of it is still to come, and what holds in it."""

    entries: list[Entry]  # the next one last
    rules: Rules
    identity: tuple[int, int]
    prefix: str  # its path relative to the root, with a slash


@dataclass(slots=True)
class _Walk:
    top: Path
    largest: int
    everything: bool
    entered: Callable[[Entered], object]
    levels: list[_Level] = field(default_factory=list)

    def all(self, found: os.stat_result) -> Walked:
        yield from self._enter(self.top, found, Rules(), "")
        while self.levels:
            level = self.levels[-1]
            if not level.entries:
                self.levels.pop()
                continue
            entry = level.entries.pop()
            try:
                yield from self._entry(entry, level)
            except (FileNotFoundError, NotADirectoryError):
                continue  # it went away meanwhile
            except OSError as error:
                yield _unreadable(Path(entry.path), error, folder=_may_be_folder(entry))

    def _entry(self, entry: Entry, level: _Level) -> Walked:
        path, folder = Path(entry.path), entry.is_dir(follow_symlinks=False)
        if why := self._why_not(entry, level, folder=folder):
            yield _skipped(path, why, folder=folder)
            return
        found = entry.stat(follow_symlinks=False)
        if folder:
            yield from self._enter(path, found, level.rules, f"{level.prefix}{entry.name}/")
            return
        given = _file(path, found, self.largest)
        if isinstance(given, FoundFile) and not self.everything and (why := _content(given, entry.name)):
            given = _skipped(path, why)
        yield given

    def _enter(self, path: Path, found: os.stat_result, rules: Rules, prefix: str) -> Walked:
        identity = (found.st_dev, found.st_ino)
        if any(identity == level.identity for level in self.levels):
            yield _skipped(path, "link", folder=True)  # one folder mounted inside of itself
            return
        try:
            with os.scandir(path) as found_entries:
                entries = sorted(found_entries, key=lambda entry: entry.name, reverse=True)
            names = {entry.name for entry in entries}
            if not self.everything:
                rules = rules.below(prefix, _ignore_files(entries))
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            yield _unreadable(path, error, folder=True)
            return
        if _LIBRARY in names or (prefix and not self.everything and unwanted.is_made(names)):
            yield _skipped(path, "library" if _LIBRARY in names else "made", folder=True)
            return
        self.entered(Entered(path, found.st_dev, len(entries)))
        self.levels.append(_Level(entries, rules, identity, prefix))

    def _why_not(self, entry: Entry, level: _Level, *, folder: bool) -> Why | None:
        """Return why an entry is left out, as far as its name and its place tell."""
        if not _is_utf8(entry.name):
            return "name"
        if entry.is_symlink():
            return "link"
        if self.everything:
            return None
        named = unwanted.of_folder(entry.name) if folder else unwanted.of_file(entry.name)
        if named:
            return named
        return "ignored" if level.rules.ignore(level.prefix + entry.name, folder=folder) else None


def _file(path: Path, found: os.stat_result, largest: int) -> FoundFile | SkippedFile:
    if not stat.S_ISREG(found.st_mode):
        return _skipped(path, "special")
    if found.st_size > largest:
        sizes = f"{found.st_size / 1024**2:,.0f} MiB; the most is {largest / 1024**2:,.0f} MiB"
        return SkippedFile(path, f"too large: {sizes}", "large")
    return FoundFile(path, found.st_size, found.st_mtime_ns)


def _content(found: FoundFile, name: str) -> Why | None:
    """Return why a file is left out, by what is in it; only where its name does not tell."""
    if found.size == 0:
        return "empty"
    if not unwanted.must_be_read(name):
        return None
    with open_found(found.path) as stream:
        return unwanted.of_content(stream.read(unwanted.HEAD))


def _ignore_files(entries: list[Entry]) -> Iterator[str]:
    """Yield the texts of a folder's ignore files. One that cannot be read may hide anything, so it raises OSError."""
    here = {entry.name: entry for entry in entries if entry.name in ignore.FILES}
    for name in ignore.FILES:
        if (entry := here.get(name)) and entry.is_file(follow_symlinks=False):
            with open_found(Path(entry.path)) as stream:
                yield stream.read(ignore.LARGEST).decode("utf-8", "replace")


def _skipped(path: Path, why: Why, *, folder: bool = False) -> SkippedFile:
    return SkippedFile(path, REASONS[why], why, folder)


def _unreadable(path: Path, error: Exception, *, folder: bool = False) -> SkippedFile:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return SkippedFile(path, f"cannot be read: {reason}", "unreadable", folder)


def _may_be_folder(entry: Entry) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return True


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # bytes that are no UTF-8, which Python gives as lone surrogates
        return False
    return True


def _nobody(_folder: Entered) -> None:
    pass
