"""The piece of a passage that shows why it was found, and the words in it that were asked for. Pure.

Words are the same here as in the keyword index: "walked" shows for "walking", and a pair of Han characters for itself
(`tests/cli/test_highlight.py`).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import Final

from mecum.knowledge.tokens import Tokenizer

Span = tuple[int, int]

LONG: Final = 4  # letters of a word that says something; shorter ones only if there is no longer one
_WORD: Final = re.compile(r"[^\W_]+")
_PAIR: Final = 2


def spans(text: str, question: str, tokenizer: Tokenizer) -> list[Span]:
    """Return where in the text the question's words stand, in order and apart."""
    asked = tokenizer.alternatives(question)
    telling = [forms for forms in asked if max(map(len, forms), default=0) >= LONG or not _is_spaced(forms[0])] or asked
    wanted = {form for forms in telling for form in forms}
    found: list[Span] = []
    for match in _WORD.finditer(text):
        if _is_spaced(match[0]):
            if any(wanted.intersection(forms) for forms in tokenizer.alternatives(match[0])):
                found.append(match.span())
        else:
            found += _pairs(match[0].casefold(), match.start(), wanted)
    return found


def snippet(text: str, marked: list[Span], length: int) -> tuple[str, list[Span]]:
    """Return the stretch of the text that holds most of the marked words, and where they stand in it."""
    if len(text) <= length:
        return text, marked
    starts = [start for start, _ in marked]
    best = max(range(len(starts)), key=lambda i: (bisect_left(starts, starts[i] + length) - i, -i), default=None)
    middle = 0 if best is None else max(0, starts[best] - length // 6)
    begin = _boundary(text, min(middle, len(text) - length))
    end = min(len(text), begin + length)
    lead, tail = "… " * bool(begin), " …" * (end < len(text))
    shift = begin - len(lead)
    inside = [(start - shift, stop - shift) for start, stop in marked if begin <= start and stop <= end]
    return lead + text[begin:end] + tail, inside


def _is_spaced(word: str) -> bool:
    """Return whether the word is of a script that puts spaces between words."""
    return bool(word) and word[0] < "\u0e00"


def _pairs(word: str, at: int, wanted: set[str]) -> list[Span]:
    """Return where the wanted pairs of characters stand in a word, those that touch as one."""
    found: list[Span] = []
    for place in range(len(word) - _PAIR + 1):
        if word[place : place + _PAIR] in wanted:
            start, stop = at + place, at + place + _PAIR
            if found and found[-1][1] >= start:
                found[-1] = (found[-1][0], stop)
            else:
                found.append((start, stop))
    return found


def _boundary(text: str, at: int) -> int:
    """Return the beginning of a word near `at`."""
    if at <= 0:
        return 0
    space = text.find(" ", at, at + 40)
    return space + 1 if space >= 0 else at
