"""A question as the keyword index sees it: its words, what each is worth, and which are worth looking up.

Invariants, proved by `tests/knowledge/test_question.py`: a rare word is worth more than a common one, also in a library too
small to tell; the words looked up stand in a bounded number of passages, the rarest first, and there is always one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mecum.knowledge.languages import is_little
from mecum.knowledge.tokens import Tokenizer

POSTINGS: Final = 20_000  # passages, over all words, that a look-up may touch: some 15 ms of FTS5
_PRIOR: Final = 200  # passages of a library that we imagine beside a real one …
_COMMON: Final = 100  # … in half of which each little word stands
ENOUGH: Final = 4  # words with a meaning that let a question stand for itself


@dataclass(frozen=True, slots=True)
class Question:
    """The question's words, each with the forms it may have in the index and its weight (an inverse document frequency)."""

    words: tuple[tuple[str, ...], ...]
    weights: tuple[float, ...]
    lookup: tuple[str, ...]
    tongue: str | None

    def coverage(self, tokens: Iterable[str]) -> float:
        """Return the share of the question, by weight, whose words are among the tokens: 0 to 1."""
        held = set(tokens)
        covered = sum(weight for forms, weight in zip(self.words, self.weights, strict=True) if not held.isdisjoint(forms))
        return covered / (sum(self.weights) or 1.0)


def question(
    words: Sequence[tuple[str, ...]], frequencies: Mapping[str, int], passages: int, tongue: str | None = None
) -> Question:
    """Return the question of these words (`Tokenizer.alternatives`) in a library of so many passages."""
    counts = [max((frequencies.get(form, 0) for form in forms), default=0) for forms in words]
    weights = [_weight(forms, count, passages) for forms, count in zip(words, counts, strict=True)]
    lookup: list[str] = []
    postings = 0
    for count, forms in sorted(zip(counts, words, strict=True)):
        postings += count
        if postings > POSTINGS and lookup:
            break
        lookup += [form for form in forms if frequencies.get(form)]
    return Question(tuple(words), tuple(weights), tuple(lookup), tongue)


def in_context(text: str, before: Sequence[str], tokenizer: Tokenizer) -> str:
    """Return what to search for: a follow-up such as "and when was that?" together with the question it follows.

    `before` are the user's earlier messages, oldest first.
    """
    meaningful = [forms for forms in tokenizer.alternatives(text) if not any(map(is_little, forms))]
    if not before or sum(map(_words, meaningful)) >= ENOUGH:
        return text
    return f"{before[-1]}\n{text}"


def _words(forms: tuple[str, ...]) -> float:
    """Return how much of a word a token is: of scripts without spaces, two pairs of characters make one."""
    if len(forms) > 1 or len(forms[0]) > 2 or forms[0].isascii():
        return 1.0
    return 0.5 * (len(forms[0]) - 1)


def _weight(forms: tuple[str, ...], count: int, passages: int) -> float:
    everywhere = _COMMON if any(map(is_little, forms)) else 0
    rest = passages + _PRIOR - count - everywhere
    return max(math.log((rest + 0.5) / (count + everywhere + 0.5)), 1e-6)
