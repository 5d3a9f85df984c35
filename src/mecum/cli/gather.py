"""Which files a person means: what stands on the command line, made into files, before anything is sent.

Invariants (`tests/cli/test_gather.py`): a file is given once, however often it was named; what is named and cannot be taken
is said with the reason; a file that looks like a key is taken only with `everything`, also when it was named itself.
"""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mecum.knowledge import unwanted
from mecum.knowledge.folder import REASONS, FoundFile, SkippedFile, Why, walk

_FAULTS: frozenset[Why] = frozenset({"large", "unreadable", "name"})  # a person wants to know of each of these


@dataclass(frozen=True, slots=True)
class Failed:
    """Something that did not go in: its path or label, a stable code, the reason, and where there is some, advice."""

    path: str
    code: str
    message: str


@dataclass(slots=True)
class Gathered:
    """The files to add, what is wrong with others, and how many were left out, by the reason.

    `roots` are the files and folders under which all of them are.
    """

    roots: list[Path] = field(default_factory=list)
    files: list[FoundFile] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)

    @property
    def size(self) -> int:
        """The files' bytes."""
        return sum(file.size for file in self.files)


def gather(
    names: Sequence[str], *, everything: bool, largest: int, told: Callable[[int], object] = lambda _number: None
) -> Gathered:
    """Return the files that names mean: files, folders with all that is in them, and patterns that no shell expanded.

    `told` is called now and then with how many were found so far.
    """
    found = Gathered()
    seen: set[Path] = set()
    for name in names:
        for root, named in _roots(name, everything=everything):
            found.roots.append(root)
            itself = named and not root.is_dir()
            for one in walk(root, everything=everything, largest=largest):
                _take(one, found, seen, named=itself, everything=everything)
                if len(found.files) % 100 == 0:
                    told(len(found.files))
        if not _matches(name):
            found.failed.append(_missing(name))
    return found


def _roots(name: str, *, everything: bool) -> Iterator[tuple[Path, bool]]:
    """Yield the files and folders of a name, each with whether it was named itself, and not by a pattern."""
    path = Path(name).expanduser()
    if os.path.lexists(path):
        yield path, True
        return
    for match in _matching(path, hidden=everything):
        yield Path(match), False


def _matches(name: str) -> bool:
    path = Path(name).expanduser()
    return os.path.lexists(path) or bool(_matching(path, hidden=True))


def _matching(pattern: Path, *, hidden: bool) -> list[str]:
    """Return what matches, as a shell has it. `Path.glob` takes no absolute pattern."""
    return sorted(glob.glob(str(pattern), recursive=True, include_hidden=hidden))  # noqa: PTH207 # see above


def _missing(name: str) -> Failed:
    if glob.has_magic(name):
        return Failed(name, "not_found", "No file matches this pattern.")
    return Failed(name, "not_found", "There is no such file or folder.")


def _take(one: FoundFile | SkippedFile, found: Gathered, seen: set[Path], *, named: bool, everything: bool) -> None:
    if one.path in seen:
        return
    seen.add(one.path)
    if isinstance(one, SkippedFile):
        if one.why in _FAULTS or (named and one.why == "special"):
            found.failed.append(Failed(str(one.path), one.why, f"{one.reason[:1].upper()}{one.reason[1:]}."))
        else:
            found.skipped[one.reason] += 1
        return
    why = None if everything else unwanted.of_file(one.path.name)
    if why == "key" and named:
        message = "It looks like a key or a password file. --all takes it all the same."
        found.failed.append(Failed(str(one.path), "key", message))
    elif why and not named:
        found.skipped[REASONS[why]] += 1
    else:
        found.files.append(one)
