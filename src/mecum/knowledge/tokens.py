"""Words as the keyword index knows them: the same for passages and for questions, in every script.

A text becomes NFKC, case-folded words of letters, marks and digits. Words of scripts without spaces (Han, kana, Hangul,
Thai and its neighbours) become their single characters and pairs of them; the others are cut to their stems by Snowball, by
script and, in Latin script, by the language that the text's little words tell. docs/retrieval.md says what each step gives.

Invariant: tokens hold nothing but letters, marks and digits, so that FTS5's `ascii` tokeniser leaves them whole
(`tests/knowledge/test_tokens.py`). Whoever changes what comes out changes VERSION, and the keywords are made anew.
"""

from __future__ import annotations

import re
import sys
import threading
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from itertools import pairwise
from operator import add
from typing import Final

import Stemmer  # type: ignore[import-not-found] # compiled; ships no types

from mecum.knowledge.languages import language_of

VERSION: Final = "1"
REMEMBERED: Final = 100_000  # words of a language whose stems are remembered: some 10 MB
LONGEST: Final = 64  # characters of a token; a longer word (base64, a URL) says nothing and fills the index
_ASCII: Final = re.compile(r"[a-z0-9]+")
_WORD: Final = re.compile(r"[^\W_]+")
_PAIRED: Final = (
    *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF)),  # Thai, Lao, Myanmar, Khmer
    *((0x1100, 0x11FF), (0x3040, 0x30FF), (0x3130, 0x318F), (0x31F0, 0x31FF)),  # jamo, kana
    *((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xA960, 0xA97F), (0xAC00, 0xD7FF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF)),
)
_STEMMED: Final = {  # first and last character of a script: its language
    (0x0370, 0x03FF): "greek",
    (0x0400, 0x052F): "russian",
    (0x0530, 0x058F): "armenian",
    (0x0600, 0x06FF): "arabic",
    (0x0900, 0x097F): "hindi",
    (0x0B80, 0x0BFF): "tamil",
}
_UNCUT: Final = "vietnamese"  # neither stemmed nor without its marks, which make other words
_PAIRS: Final = "pairs"
_LATIN: Final = "latin"
_FIRST_PAIRED: Final = "\u0e00"
_FALLBACK: Final = "english"
_LIKELY: Final = ("german", "french", "spanish", "portuguese", "italian", "dutch")
_ACCENTS: Final = dict.fromkeys([*range(0x0300, 0x030D), 0x0326, 0x0327, 0x0328])  # of Latin letters; dropped after stemming


class Tokenizer:
    """Makes tokens. Holds Snowball's stemmers, and remembers what they said; may be shared between threads."""

    def __init__(self) -> None:
        self._stemmers: dict[str, Stemmer.Stemmer] = {}
        self._known: dict[str, dict[str, str]] = {}  # stems by language; a table is replaced, never emptied
        self._lock = threading.Lock()

    def tokens(self, text: str) -> list[str]:
        """Return the tokens of a text, repeated as often as they stand in it. Their order says nothing."""
        return self.read(text)[0]

    def read(self, text: str) -> tuple[list[str], str | None]:
        """Return the tokens of a text, and what most of it is in: a script, or the language of Latin script, if it tells."""
        by_script = _by_script(_words(text))
        most = max(by_script, key=lambda name: sum(map(len, by_script[name])), default=None)
        latin = by_script.pop(_LATIN, [])
        language = language_of(latin)
        found = [token for word in by_script.pop(_PAIRS, ()) for token in _pairs(word)]
        for script, words in by_script.items():
            found += self._stems(script, words)
        return found + self._latin(language, latin), language if most == _LATIN else most

    def alternatives(self, text: str) -> list[tuple[str, ...]]:
        """Return what a question's words may be in the index, each word once, in the question's order.

        A question is often too short to tell its language, and passages are in many: a word of Latin script is looked for
        as the question's language cuts it (where nothing tells it, as some large ones do), as English does, and uncut,
        which comes first.
        """
        words = [part for word in _words(text) for part in _split(word)]
        language = language_of(word for word in words if _script(word) == _LATIN)
        return list(dict.fromkeys(group for word in words for group in self._forms(word, language)))

    def _forms(self, word: str, language: str | None) -> list[tuple[str, ...]]:
        script = _script(word)
        if script == _PAIRS:
            return [(token,) for token in _pairs(word)]
        if script != _LATIN:
            return [tuple(self._stems(script, [word]))]
        languages = (_UNCUT, language, _FALLBACK) if language else (_UNCUT, _FALLBACK, *_LIKELY)
        forms = [self._latin(one, [word])[0] for one in languages]
        return [tuple(dict.fromkeys([*forms, _bare(word)]))]

    def _latin(self, language: str | None, words: list[str]) -> list[str]:
        if language == _UNCUT:
            return words
        return [stem if stem.isascii() else _bare(stem) for stem in self._stems(language or _FALLBACK, words)]

    def _stems(self, language: str, words: Sequence[str]) -> list[str]:
        known = self._known.setdefault(language, {})
        try:
            return [known[word] for word in words]
        except KeyError:
            new = [*{word: None for word in words if word not in known}]
        if len(known) > REMEMBERED:
            self._known[language] = known = {}
            new = [*dict.fromkeys(words)]
        with self._lock:
            if language not in self._stemmers:
                self._stemmers[language] = Stemmer.Stemmer(language, 0)
            known.update(zip(new, map(_or, self._stemmers[language].stemWords(new), new), strict=True))
        return [known[word] for word in words]


def _or(stem: str, word: str) -> str:
    return stem or word


def _words(text: str) -> list[str]:
    if text.isascii():
        return [word[:LONGEST] for word in _ASCII.findall(text.lower())]
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    chars = set(text)  # a look at each character once: most texts have few different ones
    if not _digits().keys().isdisjoint(map(ord, chars)):
        text = text.translate(_digits())
    pattern = _marked_word() if any(map(_is_mark, chars)) else _WORD
    return [word[:LONGEST] for word in pattern.findall(text)]


@cache
def _marked_word() -> re.Pattern[str]:
    r"""Return letters, marks and digits. \w alone would break words of many scripts at their vowel signs."""
    codes = [code for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code))[0] == "M"]
    marks = "".join(f"{chr(first)}-{chr(last)}" for first, last in _ranges(codes))
    return re.compile(rf"(?:[^\W_]|[{marks}])+")


@cache
def _digits() -> dict[int, str]:
    """Return the decimal digits of all scripts as those of ASCII, and what joins inside words as nothing."""
    found = {code: str(unicodedata.decimal(chr(code))) for code in range(128, sys.maxunicode + 1) if chr(code).isdecimal()}
    return {**found, 0x200C: "", 0x200D: "", 0x0640: "", 0x00AD: ""}


def _ranges(codes: Iterable[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for code in codes:
        if found and found[-1][1] == code - 1:
            found[-1] = (found[-1][0], code)
        else:
            found.append((code, code))
    return found


def _by_script(words: Sequence[str]) -> dict[str, list[str]]:
    plain = [word for word in words if word.isascii()]
    found = {_LATIN: plain} if plain else {}
    for word in words if len(plain) < len(words) else ():
        for part in _split(word) if not word.isascii() else ():
            found.setdefault(_script(part), []).append(part)
    return found


def _split(word: str) -> list[str]:
    """Return the parts of a word that mixes scripts with and without pairs, as in 第3章 or iPhone手机."""
    if max(word) < _FIRST_PAIRED:
        return [word]
    if word.isalnum():  # no marks
        return _runs().findall(word)
    parts = [word[0]]
    for before, char in pairwise(word):
        if _is_mark(char) or _is_paired(before) == _is_paired(char):
            parts[-1] += char
        else:
            parts.append(char)
    return parts


@lru_cache(maxsize=100_000)
def _script_of(char: str) -> str:
    if _is_paired(char):
        return _PAIRS
    return next((language for (first, last), language in _STEMMED.items() if first <= ord(char) <= last), _LATIN)


def _script(word: str) -> str:
    """Return how a word is cut: into pairs, as Latin script, or by the language whose stemmer its script has."""
    return _LATIN if word[0] < "\u0370" else _script_of(word[0])


@lru_cache(maxsize=100_000)
def _is_paired(char: str) -> bool:
    return char >= _FIRST_PAIRED and any(first <= ord(char) <= last for first, last in _PAIRED)


@lru_cache(maxsize=100_000)
def _is_mark(char: str) -> bool:
    return unicodedata.category(char)[0] == "M"


@cache
def _runs() -> re.Pattern[str]:
    paired = "".join(f"{chr(first)}-{chr(last)}" for first, last in _PAIRED)
    return re.compile(f"[{paired}]+|[^{paired}]+")


def _pairs(word: str) -> list[str]:
    """Return a word's characters, each with its marks, and the pairs of neighbours."""
    units: list[str] = list(word) if word.isalnum() else []
    for char in word if not units else ():
        if units and _is_mark(char):
            units[-1] += char
        else:
            units.append(char)
    return [*units, *map(add, units, units[1:])]


@lru_cache(maxsize=10_000)
def _bare(word: str) -> str:
    """Return a word of Latin script without accents."""
    bare = unicodedata.normalize("NFD", word).translate(_ACCENTS)
    return unicodedata.normalize("NFC", bare) or word
