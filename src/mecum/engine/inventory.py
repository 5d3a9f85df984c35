"""Which models there are to answer with: those in MECUM_HOME/models, the starter, and the default, wherever that lies.

Invariants (`tests/engine/test_inventory.py`): the default is the first; every name is one model's, and goes on meaning it
(`names`); what cannot be read, or does not chat, is not listed; a header is read once as long as its file is as it was, and
while nothing came, went or was being written, no file is looked at.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from mecum.engine import gguf
from mecum.engine.gguf import Header
from mecum.engine.kinds import check_chats
from mecum.engine.models import claim, first_files, locate, name_of, parts, starters
from mecum.engine.names import names_of
from mecum.errors import EngineStartError

SETTLED: Final = 1_000_000_000  # nanoseconds; what changes twice within a tick of the clock shows one time
COPIED: Final = 10 * SETTLED  # in which a copy that stalls is not taken for the whole file
Stamp = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A model. `name` is unique, `known_as` what it is called without what tells it from its other quantisations.

    `stamp` is size and time of each file: another one is another model.
    """

    name: str
    known_as: str
    files: tuple[Path, ...]
    header: Header
    stamp: Stamp
    starter: bool = False

    @property
    def file(self) -> Path:
        """The file that the engine is given."""
        return self.files[0]

    @property
    def size(self) -> int:
        """Of all its files, in bytes."""
        return sum(size for size, _ in self.stamp)

    @property
    def created(self) -> int:
        """When its file was written, in seconds since 1970."""
        return self.stamp[0][1] // 1_000_000_000


class Inventory:
    """The models of the data directory `home`. `default` says which one is the default, as `engine.model` does."""

    def __init__(self, home: Path, default: Callable[[], str | None]) -> None:
        self._home = home
        self._default = default
        self._folder = home / "models"
        self._headers: dict[tuple[Path, Stamp], Header] = {}
        self._seen = -1  # when the folder had changed last, as of the last look

    def default(self) -> Entry:
        """Return the default model. It reads files.

        Raises:
            EngineStartError: there is none, or it cannot be used.
        """
        entry = self._chosen()
        others = [file for file in (*first_files(self._folder), *starters(self._home)) if file != entry.file]
        name, *_ = names_of([claim(entry.file, entry.known_as), *map(claim, others)])
        return replace(entry, name=name)

    def _chosen(self) -> Entry:
        found = locate(self._default(), self._home)
        return self._read(next((file for file in first_files(self._folder) if file.resolve() == found), found))

    def changed(self) -> bool:
        """Return whether anything may have come or gone since the last look: one question to the file system."""
        return self._mark() != self._seen

    def look(self) -> list[Entry]:
        """Return all models, the default first. It reads files."""
        mark = self._mark()
        self._seen = -1 if _is_fresh(mark, SETTLED) or any(_is_fresh(at, COPIED) for at in self._written()) else mark
        found = list(_named(self._entries()))
        self._headers = {(entry.file, entry.stamp): entry.header for entry in found}
        return found

    def _mark(self) -> int:
        try:
            return self._folder.stat().st_mtime_ns
        except OSError:
            return 0

    def _written(self) -> Iterator[int]:
        """Yield when each file was written last: one that is being copied changes after the folder has."""
        for file in first_files(self._folder):
            with contextlib.suppress(OSError):
                yield file.stat().st_mtime_ns

    def _entries(self) -> Iterator[Entry]:
        read: set[Path] = set()
        others = [*first_files(self._folder), *starters(self._home)]
        finds: list[Callable[[], Entry]] = [self._chosen, *(partial(self._read, file) for file in others)]
        for find in finds:
            with contextlib.suppress(EngineStartError, OSError):  # it is not listed; who asks for it by file is told why
                entry = find()
                if (file := entry.file.resolve()) not in read:
                    read.add(file)
                    yield entry

    def _read(self, file: Path) -> Entry:
        files = parts(file)
        stamp = tuple((stat.st_size, stat.st_mtime_ns) for stat in (one.stat() for one in files))
        header = self._headers[file, stamp] = self._headers.get((file, stamp)) or gguf.read(file)
        check_chats(header)
        name = name_of(header)
        return Entry(name, name, files, header, stamp, starter=file in starters(self._home))


def _is_fresh(at: int, age: int) -> bool:
    """Return whether something happened so few nanoseconds ago; what lies in the future did not."""
    return 0 <= time.time_ns() - at <= age


def _named(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield the entries, each with the name that means it."""
    found = list(entries)
    for entry, name in zip(found, names_of([claim(entry.file, entry.known_as) for entry in found]), strict=True):
        yield replace(entry, name=name)
