"""How keyword and vector scores become one rank, at a first look, and one calibrated relevance. Pure.

docs/retrieval.md has the figures; `second` ranks the best of the first look again by what they say.

- A dot product says little by itself: those of one question lie in a narrow band whose place depends on language and length.
  So it counts by how many standard deviations it lies above the mean of the whole library (`Spread`).
- A keyword score counts by its share of the best one, times how far the best passages cover the question's words: a question
  in another language than the documents shares a number or a name with them, and is then ranked by vectors alone.
- A passage that has no vector yet is taken for as near as one with its keyword score usually is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mecum.store.values import Key

KEYWORDS: Final = 4.0  # standard deviations that the best keyword match is worth where it covers the question
COVERED: Final = (0.1, 0.5)  # coverage below which keywords say nothing, and from which they say all they can
UNKNOWN: Final = (1.0, 2.0)  # deviations of a passage without a vector: without a keyword score, and what the best adds

PRIOR_WEIGHT: Final = 30.0  # passages; as many count as what is usual of an embedder

# Logistic regressions over the sets in docs/retrieval.md: (deviations, distance, root of the coverage, constant).
_SAME: Final = (0.48, 0.80, 6.97, -9.69)  # question and passage in one language
_FOREIGN: Final = (0.0, 2.05, 0.0, -7.8)  # in two: shared words say nothing
_WORDS: Final = (0.0, 0.0, 10.24, -7.66)  # without vectors


@dataclass(frozen=True, slots=True)
class Usual:
    """Where an embedder's dot products of a question with passages about something else lie."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, identity: str, dimension: int) -> Usual:
        """Return what is known of an embedder; of one that is not known, what directions at random would give."""
        return cls(0.77, 0.022) if "multilingual-e5" in identity else cls(0.0, 1 / math.sqrt(max(dimension, 1)))


@dataclass(frozen=True, slots=True)
class Spread:
    """A question's dot products with all passages: their mean and standard deviation, the prior's share in them."""

    mean: float
    deviation: float
    usual: Usual

    @classmethod
    def of(cls, mean: float, deviation: float, passages: int, usual: Usual) -> Spread:
        """Return the spread of a library of so many passages; in a small one, mostly what is usual."""
        weight = passages + PRIOR_WEIGHT
        variance = (passages * deviation**2 + PRIOR_WEIGHT * usual.deviation**2) / weight
        return cls((passages * mean + PRIOR_WEIGHT * usual.mean) / weight, math.sqrt(variance), usual)

    def deviations(self, dot: float) -> float:
        """Return how many standard deviations a dot product lies above the mean."""
        return (dot - self.mean) / self.deviation


@dataclass(frozen=True, slots=True)
class First:
    """A passage at the first look: how near it is, in standard deviations, and its share of the best keyword score."""

    near: float
    words: float

    @property
    def score(self) -> float:
        """Higher is better; only the order means something."""
        return self.near + KEYWORDS * self.words


def first_look(
    dots: Mapping[Key, float], words: Mapping[Key, float], *, spread: Spread | None, trust: float
) -> dict[Key, First]:
    """Return each passage that has a dot product or a BM25 score. Without `spread`, keywords alone rank."""
    best = max(words.values(), default=0.0) or 1.0
    return {
        key: First(_near(dots.get(key), share := trust * words.get(key, 0.0) / best, spread), share)
        for key in dots.keys() | words.keys()
    }


def trust_in_words(coverage: float, spread: Spread | None) -> float:
    """Return from 0 to 1 how much keywords say, where the passage that covers the question best covers so much of it."""
    low, high = COVERED
    return min(1.0, max(0.0, (coverage - low) / (high - low))) if spread is not None else 1.0


def _near(dot: float | None, share: float, spread: Spread | None) -> float:
    if spread is None:
        return 0.0
    return spread.deviations(dot) if dot is not None else UNKNOWN[0] + UNKNOWN[1] * share


def relevance(dot: float | None, coverage: float, *, spread: Spread | None, foreign: bool) -> float:
    """Return the chance, from 0 to 1, that a passage holds what was asked for.

    `coverage` is the share of the question's words, by weight, that stand in it; `foreign` says that question and passage
    are in different languages.
    """
    if spread is None or dot is None:
        return _logistic(_WORDS, 0.0, 0.0, coverage)
    distance = (dot - spread.mean) / spread.usual.deviation
    return _logistic(_FOREIGN if foreign else _SAME, spread.deviations(dot), distance, coverage)


def _logistic(model: tuple[float, float, float, float], deviations: float, distance: float, coverage: float) -> float:
    near, far, words, constant = model
    exponent = near * deviations + far * distance + words * math.sqrt(coverage) + constant
    return 1.0 / (1.0 + math.exp(-max(-50.0, min(50.0, exponent))))
