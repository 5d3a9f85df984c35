"""Keeps the library as a folder is: one `sync` compares the two, a `Watcher` does it whenever something changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mecum.errors import MecumError
from mecum.knowledge.folder import FoundFile


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


class Unsettled(Exception):  # noqa: N818
    """The file changed while it was read: it is taken at the next scan."""


class Target(Protocol):
    """The library that a folder is kept in.

    Any method may raise MecumError or OSError: the scan ends, and is tried again later. `add` may raise InvalidRequest
    for a file that this target never takes, and Unsettled.
    """

    async def known(self, root: Path) -> list[Known]:
        """Return the document with this path, and those in the folder of this path."""
        ...

    async def add(self, file: FoundFile) -> None:
        """Add a file, or its new content. Its size and time of change are kept beside it."""
        ...

    async def rename(self, document_id: str, path: Path) -> None:
        """Give a document another path."""
        ...

    async def remove(self, document_ids: Sequence[str]) -> None:
        """Remove documents."""
        ...


@dataclass(frozen=True, slots=True)
class Report:
    """What a scan did, in numbers. `later` are files that are being written; `missing`: the folder is not there."""

    added: int = 0
    changed: int = 0
    renamed: int = 0
    removed: int = 0
    unchanged: int = 0
    skipped: int = 0
    later: int = 0
    missing: bool = False


async def sync(root: Path, target: Target, *, largest: int, everything: bool = False) -> Report:
    """Make the library hold what the folder holds, in one scan."""
    raise NotImplementedError


class Watcher:
    """Keeps folders in the library until it is closed.

    `told` is called after each scan that did something, with the folder and what was done, or why it failed.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        target: Target,
        *,
        largest: int,
        everything: bool = False,
        told: Callable[[Path, Report | MecumError | OSError], None] | None = None,
    ) -> None:
        raise NotImplementedError

    async def start(self) -> None:
        """Begin. Returns at once; a folder that is missing is waited for."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """Stop at once. What was not done is done after the next start."""
        raise NotImplementedError
