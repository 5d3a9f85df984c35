"""A question as search sees it: its words, what each is worth, which are worth looking up, and the time that it names.

Invariants, proved by `tests/knowledge/test_question.py`: a rare word is worth more than a common one, also in a library too
small to tell; the words looked up stand in a bounded number of passages, the rarest first, and there is always one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Final

from mecum.knowledge.clues import asks_when
from mecum.knowledge.dates import Named, named
from mecum.knowledge.languages import is_courtesy, is_little
from mecum.knowledge.tokens import Tokenizer

POSTINGS: Final = 20_000  # passages, over all words, that a look-up may touch: some 15 ms of FTS5
_PRIOR: Final = 200  # passages of a library that we imagine beside a real one …
_COMMON: Final = 100  # … in half of which each little word stands
_BARE: Final = 8.0  # weight of words, about one rare one's, at which a question says half of what one can say
LONG: Final = 400  # characters: hardly anybody asks in more
ENDS: Final = 2_000  # characters, as many as the embedder reads, of the beginning and the end of a text that is longer
_BLOCKS: Final = re.compile(r"\n\s*\n|\n")
_SENTENCES: Final = re.compile(r"(?<=[.!?。！？؟])\s*")  # noqa: RUF001 -- of CJK and Arabic
FOLLOWED: Final = 2  # earlier messages that a follow-up is searched with, at most
ENOUGH: Final = 4  # words with a meaning that let a question stand for itself


@dataclass(frozen=True, slots=True)
class Question:
    """The question's words, each with the forms it may have in the index, and its weight (an inverse document frequency).

    `time` is the time that it names, `dated` which of its words do so; `asks_when` says that it wants one for its answer.
    """

    words: tuple[tuple[str, ...], ...]
    weights: tuple[float, ...]
    lookup: tuple[str, ...]
    tongue: str | None = None
    time: Named | None = None
    dated: frozenset[int] = frozenset()
    asks_when: bool = False

    def coverage(self, tokens: Set[str], *, date: float | None = None) -> float:
        """Return the share of the question, by weight, whose words are among the tokens: 0 to 1.

        A passage of the named time holds the words that name it, whether its text spells them or not.
        """
        fits = self.time.strength(date) if self.time else 0.0
        covered = 0.0
        for place, (forms, weight) in enumerate(zip(self.words, self.weights, strict=True)):
            held = 1.0 if not tokens.isdisjoint(forms) else fits if place in self.dated else 0.0
            covered += weight * held
        return covered / (sum(self.weights) or 1.0)

    @property
    def sense(self) -> float:
        """How much the question says, from 0 to 1: "thanks" next to nothing, ten rare words nearly all that one can say."""
        total = sum(self.weights)
        return total / (total + _BARE)

    @property
    def meaning(self) -> frozenset[str]:
        """All forms of the words that are not little ones."""
        return frozenset(form for forms in self.words if not is_little(forms[0]) for form in forms)


def asked(text: str, tokenizer: Tokenizer, frequencies: Mapping[str, int], passages: int, now: float) -> Question:
    """Return the question that a text is, in a library of so many passages."""
    words = tokenizer.alternatives(text)
    time = named(text, now)
    naming = {form for forms in tokenizer.alternatives(time.words) for form in forms} if time else set[str]()
    return replace(
        question(words, frequencies, passages, tokenizer.read(text)[1]),
        time=time,
        dated=frozenset(place for place, forms in enumerate(words) if not naming.isdisjoint(forms)),
        asks_when=asks_when(text),
    )


def question(
    words: Sequence[tuple[str, ...]], frequencies: Mapping[str, int], passages: int, tongue: str | None = None
) -> Question:
    """Return the question of these words (`Tokenizer.alternatives`), without what only its text tells."""
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
    """Return what to search for: a follow-up such as "and when was that?" together with the questions it follows.

    `before` are the user's earlier messages, oldest first. Whoever only says thanks asks nothing, here and there.
    """
    chain = [text] if _says(text, tokenizer) is not None else []
    for earlier in reversed(before):
        if not chain or len(chain) > FOLLOWED or (_says(chain[0], tokenizer) or 0.0) >= ENOUGH:
            break
        if _says(earlier, tokenizer) is not None:
            chain.insert(0, earlier)
    return "\n".join(chain) or text


def _says(text: str, tokenizer: Tokenizer) -> float | None:
    """Return how many words with a meaning a text has, None where it is a courtesy and nothing else."""
    words = tokenizer.alternatives(text)
    if words and all(is_courtesy(forms[0]) or is_little(forms[0]) for forms in words):
        return None if any(is_courtesy(forms[0]) for forms in words) else 0.0
    return sum(_words(forms) for forms in words if not is_little(forms[0]))


def _words(forms: tuple[str, ...]) -> float:
    """Return how much of a word a token is: of scripts without spaces, two pairs of characters make one."""
    if len(forms) > 1 or len(forms[0]) > 2 or forms[0].isascii():
        return 1.0
    return 0.5 * (len(forms[0]) - 1)


def _weight(forms: tuple[str, ...], count: int, passages: int) -> float:
    everywhere = _COMMON if is_little(forms[0]) else 0
    rest = passages + _PRIOR - count - everywhere
    return max(math.log((rest + 0.5) / (count + everywhere + 0.5)), 1e-6)


def parts(text: str) -> tuple[str, ...]:
    """Return what to search for: a text, and of a long one also how it begins and how it ends.

    Whoever pastes a page says before or after it what they want to know. Of a text without end the middle is left out.
    """
    if len(text) > 2 * ENDS:
        text = f"{text[:ENDS]}\n{text[-ENDS:]}"
    if len(text) <= LONG:
        return (text,)
    blocks = [block.strip() for block in _BLOCKS.split(text) if block.strip()]
    blocks = blocks if len(blocks) > 1 else [block.strip() for block in _SENTENCES.split(text) if block.strip()]
    return tuple(dict.fromkeys([text, *(block for block in (*blocks[:1], *blocks[-1:]) if len(block) <= LONG)]))
