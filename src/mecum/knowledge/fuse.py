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
UNKNOWN: Final = (1.5, 3.0)  # deviations of a passage without a vector: without a keyword score, and what the best adds

PRIOR_WEIGHT: Final = 30.0  # passages; as many count as what is usual of an embedder

WHOLE: Final = 0.99  # coverage from which on a passage has all of the question's words: a name, looked for by itself …
UNSEEN: Final = 0.5  # … is worth this share of what words alone say, however far its vector is, …
GREETING: Final = 2.0  # … unless it is small talk by so much: names come to 1.6, being short; "hi" and "ok" to 2.2

# Logistic regressions over the sets in docs/retrieval.md: (deviations, distance, root of what words say, constant). What
# words say is how far they cover the question times how much it says at all, in two languages the latter alone.
_SAME: Final = (0.29, 0.77, 9.63, -10.07)  # question and passage in one language
_FOREIGN: Final = (0.0, 2.1, 9.2, -16.7)  # in two: shared words say nothing
_WORDS: Final = (0.0, 0.0, 11.67, -8.21)  # without vectors
_LABEL: Final = 1.0  # more where all of it stands under a name that the question names …
_DATE: Final = 0.7  # … and where it is of the time that the question names


@dataclass(frozen=True, slots=True)
class Usual:
    """Where an embedder's dot products of a question with passages about something else lie."""

    mean: float
    deviation: float

    @classmethod
    def known(cls, identity: str, dimension: int) -> Usual | None:
        """Return what was measured beforehand of an embedder: the weights below were fitted with it. None: of others."""
        if identity.startswith("multilingual-e5-small-g"):
            return cls(0.77, 0.022)
        return cls(0.0, 1 / math.sqrt(max(dimension, 1))) if identity.startswith("scripted") else None


@dataclass(frozen=True, slots=True)
class Spread:
    """A question's dot products with all so many passages: their mean and standard deviation, the prior's share in them."""

    mean: float
    deviation: float
    passages: int
    usual: Usual

    @classmethod
    def of(cls, mean: float, deviation: float, passages: int, usual: Usual) -> Spread:
        """Return the spread of a library of so many passages; in a small one, mostly what is usual."""
        weight = passages + PRIOR_WEIGHT
        variance = (passages * deviation**2 + PRIOR_WEIGHT * usual.deviation**2) / weight
        return cls((passages * mean + PRIOR_WEIGHT * usual.mean) / weight, math.sqrt(variance), passages, usual)

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


@dataclass(frozen=True, slots=True)
class Match:
    """What a question and a passage have in common, besides their vectors.

    `coverage` is the share of the question's words, by weight, that stand in the passage; `sense` is how much the question
    says at all (`Question.sense`); `foreign` that the two are in different languages. `label` and `date` as in `second`.
    """

    coverage: float
    sense: float
    foreign: bool = False
    label: float = 0.0
    date: float = 0.0


def relevance(dot: float | None, match: Match, *, spread: Spread | None, talk: float = 0.0) -> float:
    """Return the chance, from 0 to 1, that a passage holds what was asked for. `talk` says how far that is small talk."""
    clues = _LABEL * match.label + _DATE * match.date
    if spread is None or dot is None:
        return _logistic(_WORDS, 0.0, 0.0, match.coverage * match.sense, clues)
    distance = (dot - spread.mean) / spread.usual.deviation
    if match.foreign:
        return _logistic(_FOREIGN, 0.0, distance, match.sense, clues - talk)
    both = _logistic(_SAME, spread.deviations(dot), distance, match.coverage * match.sense, clues - talk)
    if match.coverage < WHOLE or talk > GREETING:
        return both
    return max(both, UNSEEN * _logistic(_WORDS, 0.0, 0.0, match.coverage * match.sense, clues))


def _logistic(
    model: tuple[float, float, float, float], deviations: float, distance: float, words: float, clues: float
) -> float:
    near, far, said, constant = model
    exponent = near * deviations + far * distance + said * math.sqrt(words) + constant + clues
    return 1.0 / (1.0 + math.exp(-max(-50.0, min(50.0, exponent))))
