"""Walks folders: which files in them are the user's documents, and why the others are not.

Invariants (`tests/knowledge/test_folder.py`): nothing outside of the folder is ever given, so no link leads out of it and
none makes a loop; whatever cannot be read is said, never raised; a walk holds no more in memory than the folders on its way.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from mecum.knowledge import ignore
from mecum.knowledge.ignore import Rules

Why = Literal[
    *("ignored", "hidden", "made", "key", "temporary", "binary", "large", "link", "special", "name", "library", "unreadable"),
]
_REASONS: Final[dict[Why, str]] = {
    "ignored": "named in .gitignore or .mecumignore",
    "hidden": "hidden",
    "made": "made by a tool, not by you",
    "key": "looks like a key or password file",
    "temporary": "a temporary file of another program",
    "binary": "holds no text",
    "link": "a link",
    "special": "neither a file nor a folder",
    "name": "its name is not valid text",
    "library": "mecum's own data",
}


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to add. `path` is absolute and has no links in it; `modified_ns` is in nanoseconds since 1970."""

    path: Path
    size: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file that is not taken, or a folder with all that is in it. `reason` is for people, `why` is stable."""

    path: Path
    reason: str
    why: Why


def walk(
    root: Path,
    *,
    everything: bool = False,
    largest: int,
    entered: Callable[[Path], object] | None = None,
) -> Iterator[FoundFile | SkippedFile]:
    """Yield what is in a folder, its files in the order of their names. A root that is a file is given whatever it is.

    Args:
        root: a folder or a file. Links in its own path are followed.
        everything: whether hidden and ignored files, binaries and keys are given, too.
        largest: bytes; what is larger is skipped.
        entered: is told of each folder that is looked into, before anything in it.
    """
    raise NotImplementedError
