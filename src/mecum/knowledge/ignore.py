"""What `.gitignore` and `.mecumignore` say, each for its folder and what is below, as git reads them.

Invariant (`tests/knowledge/test_folder.py`): no pattern that somebody left in a folder holds the program up: matching takes
time in proportion to the name, where a plain translation to regular expressions may take for ever.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, Literal

from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore import GitIgnorePatternError
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

FILES: Final = (".gitignore", ".mecumignore")  # the later one has the last word
LARGEST: Final = 256 * 1024  # bytes that are read of such a file
_LINES: Final = 5_000
_LINE: Final = 500  # characters
_DEEP: Final = 3  # `**` in one pattern: what they cost multiplies
_STAR: Final = "[^/]*"  # as pathspec writes a `*`; nothing else in its expressions looks so


class _Pattern(GitIgnoreSpecPattern):
    """pathspec's pattern, but what stands between two stars is looked for once: the first place is as good as any."""

    __slots__ = ()

    @staticmethod
    def _translate_segment_glob(pattern: str, range_error: Literal["literal", "raise"]) -> str:
        plain = GitIgnoreSpecPattern._translate_segment_glob(pattern, range_error)  # noqa: SLF001 -- there is no other way in
        first, *rest = plain.split(_STAR)
        if not rest:
            return first
        *between, last = rest
        return first + "".join(f"(?>[^/]*?{piece})" for piece in between if piece) + _STAR + last


class Rules:
    """The ignore files of the folders from the root down to one folder."""

    def __init__(self, above: tuple[tuple[int, GitIgnoreSpec], ...] = ()) -> None:
        self._specs = above  # with the length of what paths in their folder begin with

    def below(self, prefix: str, texts: Iterable[str]) -> Rules:
        """Return these rules with those of a folder, which stand in `texts`. `prefix` is what paths in it begin with."""
        patterns = [pattern for text in texts for pattern in _patterns(text)]
        return Rules((*self._specs, (len(prefix), GitIgnoreSpec(patterns)))) if patterns else self

    def ignore(self, path: str, *, folder: bool) -> bool:
        """Return whether a file or folder is ignored. `path` is relative to the root; those above it are not ignored."""
        for start, spec in reversed(self._specs):
            found = spec.check_file(path[start:] + "/" * folder).include
            if found is not None:
                return found
        return False


def _patterns(text: str) -> Iterator[GitIgnoreSpecPattern]:
    for line in text.removeprefix("\ufeff").splitlines()[:_LINES]:
        if len(line) > _LINE or line.split("/").count("**") > _DEEP:
            continue
        try:
            pattern = _Pattern(line)
        except (GitIgnorePatternError, re.error):
            continue  # git passes over what is no pattern, too
        if pattern.include is not None:
            yield pattern
