"""The second look: the best passages of the first one, ranked again by what they say. Pure.

What each clue is worth was chosen on half of the questions in docs/retrieval.md and checked on the other half; all of them
hold over a wide range. They are told in the standard deviations of dot products that they are worth, as in `fuse`.
Proved by `tests/knowledge/test_second.py`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Final

from mecum.knowledge.fuse import First
from mecum.knowledge.languages import is_little
from mecum.store.values import Key

KEYWORDS: Final = 3.0  # the best keyword score
COVERAGE: Final = 4.0  # all of the question's words …
COVERAGE_ALONE: Final = 1.0  # … where there are no vectors, and the keyword score is all that tells passages apart
LABEL: Final = 2.0  # all of it is said by, or stands under, what the question names
DATE: Final = 1.0  # it is of the time that the question names
TIME: Final = 0.8  # it tells a time, where the question wants one
ASKS: Final = 0.7  # lost by one that only asks
ECHO: Final = 1.0  # it has the words of the first passages
NEIGHBOUR: Final = 0.15  # share of the better neighbour's score that a passage gets …
ANSWER: Final = 0.2  # … and of that of a question right before it
FIRST: Final = 5  # passages whose words are looked for in the others
WORDS: Final = 40  # so many of them


@dataclass(frozen=True, slots=True)
class Seen:
    """What is seen of a passage: its first look, its words, the share of the question that they cover, and its clues.

    `before` and `after` are the passages next to it, as far as they are among the candidates.
    """

    first: First
    words: frozenset[str]
    coverage: float
    label: float = 0.0
    date: float = 0.0
    tells_time: bool = False
    asks: float = 0.0
    before: Key | None = None
    after: Key | None = None


def second_look(
    seen: Mapping[Key, Seen],
    firsts: Mapping[Key, First],
    asking: Mapping[Key, float],
    *,
    meaning: Set[str],
    trust: float,
    alone: bool,
) -> dict[Key, float]:
    """Return a score for each passage, higher is better; only their order means something.

    `firsts` are all candidates, `asking` the share of questions in those that stand before one that is seen. `meaning` are
    the question's own words, `trust` is how much they say; `alone` that there are no vectors.
    """
    coverage = trust * (COVERAGE_ALONE if alone else COVERAGE)
    scores = {key: _score(one, firsts, asking, coverage) for key, one in seen.items()}
    words = _told(seen, scores, meaning)
    total = sum(words.values()) or 1.0
    return {
        key: score + ECHO * sum(value for word, value in words.items() if word in seen[key].words) / total
        for key, score in scores.items()
    }


def _score(one: Seen, firsts: Mapping[Key, First], asking: Mapping[Key, float], coverage: float) -> float:
    before, after = (max(0.0, firsts[key].score) if key is not None else 0.0 for key in (one.before, one.after))
    answers = asking.get(one.before, 0.0) if one.before is not None else 0.0
    return (
        one.first.near
        + KEYWORDS * one.first.words
        + coverage * one.coverage
        + LABEL * one.label
        + DATE * one.date
        + TIME * one.tells_time
        - ASKS * one.asks
        + NEIGHBOUR * max(before, after)
        + ANSWER * answers * before
    )


def _told(seen: Mapping[Key, Seen], scores: Mapping[Key, float], meaning: Set[str]) -> dict[str, float]:
    """Return the words that set the first passages apart from the others, each with its weight, the question's left out."""
    held, told = Counter[str](), Counter[str]()
    for one in seen.values():
        held.update(one.words)
    for key in sorted(scores, key=lambda key: -scores[key])[:FIRST]:
        told.update(seen[key].words)
    worth = {
        word: number * math.log((len(seen) + 1) / (held[word] + 0.5))
        for word, number in told.items()
        if word not in meaning and not is_little(word)
    }
    best = sorted(worth, key=lambda word: (-worth[word], word))[:WORDS]
    return {word: worth[word] for word in best if worth[word] > 0}
