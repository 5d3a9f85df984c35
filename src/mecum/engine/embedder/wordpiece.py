"""Splits text as BERT does: words at spaces and punctuation, and each into the longest pieces that the vocabulary has.

Invariant (`tests/engine/embedder/test_tokenizer.py`): the ids that the library `tokenizers` finds. It was compared with
it over texts of many scripts (1,462 of the benchmark's sets); some of them are in the test.
Source: Devlin et al. 2018, https://arxiv.org/abs/1810.04805, and the reference's `tokenization.py`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

REMEMBERED: Final = 16_384  # words
LONGEST: Final = 40_000  # characters looked at
_CJK: Final = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a tokenizer.json says of itself."""

    lowercase: bool = True
    strip_accents: bool = True
    clean: bool = True
    cjk: bool = True
    prefix: str = "##"
    most: int = 100  # characters of a word that is looked up


class WordPieces:
    """The tokeniser. Its memory of words makes it one thread's at a time."""

    def __init__(self, vocabulary: Mapping[str, int], rules: Rules, *, begin: int, end: int, unknown: int) -> None:
        self._ids = vocabulary
        self._rules = rules
        self._begin, self._end, self._unknown = begin, end, unknown
        self._clean, self._apart = _Table(_cleaned), _Table(_apart)
        self._longest = max(map(len, vocabulary), default=1)
        self._word = lru_cache(REMEMBERED)(self._split)

    def encode(self, text: str, most: int) -> list[int]:
        """Return the ids of the text between those of its beginning and end, `most` of them altogether."""
        ids: list[int] = []
        for word in self._words(text[:LONGEST]):
            ids += self._word(word)
            if len(ids) > most - 2:
                break
        return [self._begin, *ids[: most - 2], self._end]

    def _words(self, text: str) -> Iterator[str]:
        for word in self._normal(text).split():
            start = 0
            for at, character in enumerate(word):
                if _is_punctuation(character):
                    if at > start:
                        yield word[start:at]
                    yield character
                    start = at + 1
            if start < len(word):
                yield word[start:]

    def _normal(self, text: str) -> str:
        rules = self._rules
        if rules.clean:
            text = text.translate(self._clean)
        if rules.cjk:
            text = text.translate(self._apart)
        if rules.strip_accents:
            text = "".join(one for one in unicodedata.normalize("NFD", text) if unicodedata.category(one) != "Mn")
        return text.lower() if rules.lowercase else text

    def _split(self, word: str) -> tuple[int, ...]:
        """Return the pieces of a word, the longest first from left to right; of one that has none, the unknown."""
        if len(word) > self._rules.most:
            return (self._unknown,)
        ids, start = [], 0
        while start < len(word):
            prefix = self._rules.prefix if start else ""
            ends = range(min(len(word), start + self._longest), start, -1)
            end = next((end for end in ends if prefix + word[start:end] in self._ids), None)
            if end is None:
                return (self._unknown,)
            ids.append(self._ids[prefix + word[start:end]])
            start = end
        return tuple(ids)


class _Table(dict[int, str]):
    """What each character becomes, for `str.translate`: looked at once."""

    def __init__(self, become: Callable[[str], str]) -> None:
        super().__init__()
        self._become = become

    def __missing__(self, code: int) -> str:
        return self.setdefault(code, self._become(chr(code)))


def _apart(character: str) -> str:
    """Return a character of a script without spaces as a word."""
    return f" {character} " if _is_cjk(character) else character


def _cleaned(character: str) -> str:
    """Return white space as a space, and nothing for what is neither seen nor space."""
    if character in "\t\n\r" or unicodedata.category(character) in ("Zs", "Zl", "Zp"):
        return " "
    gone = character in "\0\ufffd" or unicodedata.category(character) in ("Cc", "Cf", "Cn", "Co")
    return "" if gone else character


def _is_punctuation(character: str) -> bool:
    code = ord(character)
    ascii_ = 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126
    return ascii_ or unicodedata.category(character).startswith("P")


def _is_cjk(character: str) -> bool:
    return any(low <= ord(character) <= high for low, high in _CJK)
