"""Splits text into the model's pieces (SentencePiece Unigram): the split whose pieces have the highest sum of scores.

The library `tokenizers`, which reads what ONNX folders bring (`tokenizer`), does the same at the same speed (.5 to .7 ms a
passage), but of these 250,000 pieces it makes 280 MB of memory a process, and takes 1.7 s for it. This takes 45 MB and .2 s.

Invariant: the same number of tokens as the wheel's own engine finds, on texts of many scripts
(`tests/engine/embedder/test_parity.py`); the same ids as `tokenizers` finds, compared once on 1,462 texts. Words are split
one by one, for no piece goes across a space, and the last ones are remembered.
Source: Kudo 2018, https://arxiv.org/abs/1804.10959; the rules before NFKC are SentencePiece's `nmt_nfkc`.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from itertools import groupby
from typing import Final

from mecum.engine.embedder.weights import Weights

SPACE: Final = "\N{LOWER ONE EIGHTH BLOCK}"  # stands for the space before a word
UNKNOWN: Final = 10.0  # a character that no piece has costs so much more than the rarest piece
REMEMBERED: Final = 16_384  # words
LONGEST: Final = 20_000  # characters looked at: more than 512 pieces can hold, also where every second one is a space
_GONE: Final = [*range(1, 9), 11, *range(14, 32), 127, 143, 159]
_BLANK: Final = [0, 9, 10, 12, 13, 0x1680, *range(0x200B, 0x2010), 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD]
_CHARACTERS: Final = {**dict.fromkeys(_GONE), **dict.fromkeys(_BLANK, " ")}


class Pieces:
    """The tokeniser. Its memory of words makes it one thread's at a time."""

    def __init__(self, weights: Weights) -> None:
        self._ids = _table(weights)
        self._scores = weights.scores.tolist()
        self._longest = max(map(len, self._ids))
        self._special = weights.special
        self._unknown = min(self._scores) - UNKNOWN
        self._word = lru_cache(REMEMBERED)(self._split)

    def encode(self, text: str, most: int) -> list[int]:
        """Return the ids of the text between those of its beginning and end, `most` of them altogether."""
        ids: list[int] = []
        for word in normalise(text[:LONGEST]).split():
            ids += self._word(SPACE + word)
            if len(ids) > most - 2:
                break
        return [self._special.bos, *ids[: most - 2], self._special.eos]

    def _split(self, word: str) -> tuple[int, ...]:
        """Return the best split (Viterbi): the best way to each place in the word, from left to right."""
        best = [0.0] + [-1e30] * len(word)
        last: list[tuple[int, int]] = [(0, 0)] * (len(word) + 1)  # where the last piece begins, and its id
        find, scores = self._ids.get, self._scores
        for start in range(len(word)):
            here = best[start]
            if here + self._unknown > best[start + 1]:
                best[start + 1], last[start + 1] = here + self._unknown, (start, self._special.unknown)
            for end in range(start + 1, min(start + self._longest, len(word)) + 1):
                piece = find(word[start:end])
                if piece is not None and here + scores[piece] > best[end]:
                    best[end], last[end] = here + scores[piece], (start, piece)
        return self._way(last)

    def _way(self, last: list[tuple[int, int]]) -> tuple[int, ...]:
        ids, at = [], len(last) - 1
        while at:
            at, piece = last[at]
            ids.append(piece)
        unknown = self._special.unknown  # a run of unknown characters is one piece
        runs = ((piece, run) for piece, run in groupby(reversed(ids)))
        return tuple(piece for key, run in runs for piece in ([key] if key == unknown else run))


def normalise(text: str) -> str:
    """Return the text without control characters, its widths and ligatures made plain."""
    return unicodedata.normalize("NFKC", text.translate(_CHARACTERS))


def _table(weights: Weights) -> dict[str, int]:
    table: dict[str, int] = {}
    special = frozenset(weights.special)
    for number, piece in enumerate(weights.pieces):
        if piece and number not in special:
            table.setdefault(piece, number)
    return table
