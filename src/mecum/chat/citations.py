"""Which passages an answer cites, and how a passage is shown beside it. Pure.

Invariant (`tests/chat/test_citations.py`): an annotation spans a number that the model wrote as a citation, of a passage
that it was given; spans never overlap and come in order, so that a client can put links in their places.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from mecum.types import Hit, Json

SNIPPET: Final = 200  # characters
# [1], [1, 2], [1-3], 【1】 and 【1†source】: as models write them.
MARKER: Final = re.compile(r"[\[【] ?\d{1,3}(?: ?[,;\uff0c\u3001\u2013-] ?\d{1,3})* ?(?:†[^\]】\n]{0,80})?[\]】]")
_CODE: Final = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`", re.DOTALL)
_NUMBER: Final = re.compile(r"\d+")


def citations(text: str, hits: Sequence[Hit], url_of: Callable[[Hit], str]) -> list[Json]:
    """Return a `url_citation` for each number in the text that cites a passage; indexes count code points.

    The span of a number that stands alone is its marker, `[1]`; of several in one marker each has its own digits. What
    stands in code is no citation, nor is a list with a 0.
    """
    known = {hit.index: hit for hit in hits}
    return [
        _annotation(start, end, known[number], url_of)
        for marker in _outside_code(text)
        for number, (start, end) in numbers_of(marker)
        if number in known
    ]


def numbers_of(marker: re.Match[str]) -> list[tuple[int, tuple[int, int]]]:
    """Return a marker's numbers with their spans in the text."""
    end = marker[0].find("†")
    found = list(_NUMBER.finditer(marker[0] if end < 0 else marker[0][:end]))
    numbers = [int(one[0]) for one in found]
    if 0 in numbers:
        return []
    if len(found) == 1:
        return [(numbers[0], marker.span())]
    start = marker.start()
    return [(number, (start + one.start(), start + one.end())) for number, one in zip(numbers, found, strict=True)]


def snippet(text: str) -> str:
    """Return the beginning of a passage on one line: whole words, with an ellipsis where it goes on."""
    line = " ".join(text.split())
    if len(line) <= SNIPPET:
        return line
    whole = line[: SNIPPET + 1].rpartition(" ")[0]
    return (whole if len(whole) > SNIPPET // 2 else line[:SNIPPET]) + "…"  # some scripts have no spaces


def _outside_code(text: str) -> Iterator[re.Match[str]]:
    if "[" not in text and "【" not in text:
        return
    start = 0
    for code in _CODE.finditer(text):
        yield from MARKER.finditer(text, start, code.start())
        start = code.end()
    yield from MARKER.finditer(text, start)


def _annotation(start: int, end: int, hit: Hit, url_of: Callable[[Hit], str]) -> Json:
    citation = {"start_index": start, "end_index": end, "title": hit.title or hit.path, "url": url_of(hit)}
    return {"type": "url_citation", "url_citation": citation}
