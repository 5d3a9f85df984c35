"""What search reads in passages: their words, and what those have to do with a question. Proved by `test_search.py`."""

from __future__ import annotations

from typing import Final

from mecum.knowledge.clues import asking, labelled, within
from mecum.knowledge.dates import tells
from mecum.knowledge.fuse import First, Match
from mecum.knowledge.question import Question
from mecum.knowledge.second import Seen
from mecum.knowledge.tokens import Tokenizer
from mecum.store.values import Found, Key

REMEMBERED: Final = 2_000  # passages whose words are kept at hand: some 15 MB


class Texts:
    """What the tokeniser makes of passages, the last ones remembered: a passage's text never changes under its key."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._known: dict[Key, tuple[frozenset[str], str | None]] = {}

    def read(self, found: Found) -> tuple[frozenset[str], str | None]:
        """Return a passage's words, and the language that it is in."""
        known = self._known.get(found.key)
        if known is None:
            if len(self._known) >= REMEMBERED:
                self._known = {}
            tokens, tongue = self._tokenizer.read(f"{found.passage.context}\n{found.passage.text}")
            self._known[found.key] = known = frozenset(tokens), tongue
        return known


class Read:
    """What a question makes of passages."""

    def __init__(self, texts: Texts, tokenizer: Tokenizer, question: Question) -> None:
        self._texts = texts
        self._tokenizer = tokenizer
        self._question = question
        self._meaning = question.meaning
        self._labels: dict[str, bool] = {}

    def words(self, found: Found) -> frozenset[str]:
        """Return a passage's words."""
        return self._texts.read(found)[0]

    def coverage(self, found: Found) -> float:
        """Return the share of the question that a passage covers."""
        return self._question.coverage(self.words(found), date=found.date)

    def match(self, found: Found) -> Match:
        """Return what a passage has in common with the question."""
        tongue = self._texts.read(found)[1]
        return Match(
            self.coverage(found),
            self._question.sense,
            foreign=None not in (self._question.tongue, tongue) and self._question.tongue != tongue,
            label=labelled(found.passage.text, self._names),
            date=self._date(found),
        )

    def seen(self, found: Found, first: First, before: Key | None, after: Key | None) -> Seen:
        """Return what the second look goes by."""
        text = found.passage.text
        return Seen(
            first,
            self.words(found),
            self.coverage(found),
            label=labelled(text, self._names),
            date=self._date(found),
            tells_time=self._question.asks_when and tells(text),
            asks=asking(text),
            before=before,
            after=after,
        )

    def _date(self, found: Found) -> float:
        return self._question.time.strength(found.date) if self._question.time else 0.0

    def _names(self, label: str) -> bool:
        if label not in self._labels:
            self._labels[label] = within(self._tokenizer.tokens(label), self._meaning)
        return self._labels[label]
