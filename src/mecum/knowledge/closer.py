"""A closer look at what may or may not answer: does one sentence of the best passages stand out? Pure.

A passage's vector says what it is about as a whole. A note of five lines is about five things, and lies near no question
that one of its lines answers; the line itself does. How near the nearest sentence lies tells less than how far it stands
out from the others: what draws all of them to a question, such as its language, cancels out.

Sentences have to be embedded, some 10 ms each, so it is taken only where the first judgement (`fuse.relevance`) leaves it
open. docs/retrieval.md has the figures. Proved by `tests/knowledge/test_closer.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mecum.knowledge.chunk import sentences
from mecum.knowledge.fuse import WHOLE, Spread
from mecum.knowledge.hits import Scored
from mecum.knowledge.matrix import Floats

OPEN: Final = (1e-4, 0.5)  # relevance of the best passage: below, nothing helps; above, nothing is needed
OPEN_FOREIGN: Final = 1e-5  # … where question and passage are in two languages, which the first judgement is strict with
PASSAGES: Final = 2  # whose sentences are looked at
SENTENCES: Final = 8  # of them all, those that cover the question best, …
CHARACTERS: Final = 600  # … as far as they have no more together: some 150 tokens, two thirds of a passage
LEAST: Final = 8  # characters of a sentence
LOWERED: Final = 0.5  # that a logit may lose

# Logistic regressions over libraries of 1 to 176 notes, articles and chats (docs/retrieval.md): the logit of the first
# judgement, by how many deviations the nearest sentence stands out, the logarithm of the library's passages, and a constant
# that puts the limit at search.FLOOR.
_ANY: Final = (0.56, 2.24, -0.15, -5.8)
_FOREIGN: Final = (0.54, 1.78, -0.84, -0.88)  # in two languages, or the above: small libraries have little that is near
_USUAL: Final = 2  # sentences as near as is usual, imagined beside those that there are: of two, one is always nearer


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence as it is embedded, under the headings of its passage, and that passage's place in the ranking."""

    embedded: str
    place: int


def is_open(ranked: Sequence[Scored]) -> bool:
    """Return whether a closer look may change whether the library answers."""
    best = max(ranked, key=lambda one: one.score, default=None)
    if best is None:
        return False
    low, high = OPEN
    return (OPEN_FOREIGN if best.foreign else low) < best.score < high


def looked_at(ranked: Sequence[Scored], coverage: Callable[[str], float]) -> list[Sentence]:
    """Return the sentences to look at; none where each passage is one sentence: its vector has said all.

    `coverage` says how far a text covers the question's words.
    """
    best = sorted(range(len(ranked)), key=lambda place: -ranked[place].score)[:PASSAGES]
    found: list[tuple[float, Sentence]] = []
    for place in best:
        passage = ranked[place].found.passage
        for text in [one for one in sentences(passage.text) if len(one) >= LEAST] or [passage.text]:
            embedded = f"{passage.context}\n{text}" if passage.context else text
            found.append((coverage(text), Sentence(embedded[:CHARACTERS], place)))
    if len(found) == len(best):
        return []
    found.sort(key=lambda one: -one[0])
    return _affordable([sentence for _, sentence in found[:SENTENCES]])


def _affordable(wanted: Sequence[Sentence]) -> list[Sentence]:
    taken: list[Sentence] = []
    left = CHARACTERS
    for one in wanted:
        if len(one.embedded) <= left:
            taken.append(one)
            left -= len(one.embedded)
    return taken


def judged(
    ranked: Sequence[Scored], looked: Sequence[Sentence], dots: Floats, spread: Spread, *, talk: float = 0.0
) -> list[Scored]:
    """Return the passages with their relevance after the closer look; `dots` are those of the sentences looked at.

    The passage of the sentence that stands out becomes the best. Where none does, all of them count less, unless one has all
    of the question's words, such as a name looked for by itself, which many a sentence has. `talk` is by how many deviations
    the question is small talk, which some sentence of a large library is always near.
    """
    nearest = int(np.argmax(dots))
    others = (float(dots.sum() - dots[nearest]) + _USUAL * spread.mean) / (len(dots) - 1 + _USUAL)
    outstanding = (float(dots[nearest]) - others) / spread.usual.deviation - talk
    best = max(ranked, key=lambda one: one.score)
    before = _logit(best.score)
    ways = (_ANY, _FOREIGN) if ranked[looked[nearest].place].foreign else (_ANY,)
    lowest = before if best.coverage >= WHOLE else before - LOWERED
    after = max(lowest, *(_judgement(way, before, outstanding, spread.passages) for way in ways))
    if after < before:
        return [one.scored(_chance(_logit(one.score) + after - before)) for one in ranked]
    return [one.scored(_chance(after)) if place == looked[nearest].place else one for place, one in enumerate(ranked)]


def _judgement(way: tuple[float, float, float, float], before: float, outstanding: float, passages: int) -> float:
    kept, standing, size, constant = way
    return kept * before + standing * outstanding + size * math.log(max(1, passages)) + constant


def _logit(chance: float) -> float:
    chance = min(1 - 1e-9, max(1e-9, chance))
    return math.log(chance / (1 - chance))


def _chance(logit: float) -> float:
    return 1 / (1 + math.exp(-max(-50.0, min(50.0, logit))))
