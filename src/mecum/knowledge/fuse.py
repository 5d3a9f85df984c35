"""How keyword and vector scores become one rank and one calibrated relevance. Pure; docs/retrieval.md has the figures.

- A dot product says little by itself: those of one question lie in a narrow band whose place depends on language and length.
  So it counts by how many standard deviations it lies above the mean of the whole library (`Spread`).
- A keyword score counts by its share of the best one, times how far the best passages cover the question's words: a question
  in another language than the documents shares a number or a name with them, and is then ranked by vectors alone.
- The passages around a good one are a little better than they look alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mecum.store.values import Key

KEYWORDS: Final = 4.0  # standard deviations that the best keyword match is worth where it covers the question
COVERED: Final = (0.1, 0.5)  # coverage below which keywords say nothing, and from which they say all they can
NEIGHBOUR: Final = 0.1  # share of the better neighbour's score that a passage gets

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


def ranks(
    dots: Mapping[Key, float], words: Mapping[Key, float], *, spread: Spread | None, coverage: float
) -> dict[Key, float]:
    """Return a score for each passage, higher is better; only their order means something.

    `dots` are dot products, `words` BM25 scores; `coverage` is that of the passage which covers the question best.
    Without `spread`, keywords alone rank.
    """
    best = max(words.values(), default=0.0) or 1.0
    trust = 1.0 if spread is None else _trust(coverage)
    lowest = min(dots.values(), default=0.0)
    scores = {}
    for key in dots.keys() | words.keys():
        near = spread.deviations(dots.get(key, lowest)) if spread is not None else 0.0
        scores[key] = near + KEYWORDS * trust * words.get(key, 0.0) / best
    return scores


def with_neighbours(scores: Mapping[Key, float], around: Mapping[Key, Sequence[Key]]) -> dict[Key, float]:
    """Return the scores, each with a share of its best neighbour's. `around` names the passages before and after."""
    return {
        key: score + NEIGHBOUR * max([0.0, *(scores[other] for other in around.get(key, ()) if other in scores)])
        for key, score in scores.items()
    }


def relevance(dot: float | None, coverage: float, *, spread: Spread | None, foreign: bool) -> float:
    """Return the chance, from 0 to 1, that a passage holds what was asked for.

    `coverage` is the share of the question's words, by weight, that stand in it; `foreign` says that question and passage
    are in different languages.
    """
    if spread is None or dot is None:
        return _logistic(_WORDS, 0.0, 0.0, coverage)
    distance = (dot - spread.mean) / spread.usual.deviation
    return _logistic(_FOREIGN if foreign else _SAME, spread.deviations(dot), distance, coverage)


def _trust(coverage: float) -> float:
    low, high = COVERED
    return min(1.0, max(0.0, (coverage - low) / (high - low)))


def _logistic(model: tuple[float, float, float, float], deviations: float, distance: float, coverage: float) -> float:
    near, far, words, constant = model
    exponent = near * deviations + far * distance + words * math.sqrt(coverage) + constant
    return 1.0 / (1.0 + math.exp(-max(-50.0, min(50.0, exponent))))
