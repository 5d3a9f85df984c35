"""Search in the library, from a question to its passages. This file is the recipe; each step has a module of its own.

Invariants, proved by `tests/knowledge/test_search.py`:
  - every hit was joined with its row after it was found, so that a deleted document, or somebody else's, cannot answer;
  - a question that the library does not answer gets no passages: `status` is "empty";
  - a question is compared only with vectors of the embedder that made its own: while another one's index is built, the one
    that the old index is of answers, if it is here; else, and without an embedder, keywords alone, and `mode` says so.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from mecum.knowledge import closer
from mecum.knowledge.clues import asking
from mecum.knowledge.fuse import Spread, first_look, relevance, trust_in_words
from mecum.knowledge.hits import Scored, beside, distinct, merged
from mecum.knowledge.matrix import Matrix
from mecum.knowledge.question import Question, asked, parts
from mecum.knowledge.second import second_look
from mecum.knowledge.speakers import Asked, Speaker, Speakers
from mecum.knowledge.texts import Read, Texts
from mecum.knowledge.tokens import VERSION, Tokenizer
from mecum.store.base import Store
from mecum.store.values import Filter, Found, Key
from mecum.types import Retrieval

FLOOR: Final = 0.1  # relevance of the best passage below which the library does not answer
TAIL: Final = 0.25  # share of the floor that the passages after it have to reach
CANDIDATES: Final = 100  # of either kind
OF_A_TIME: Final = 30  # more by vectors, out of the time that the question names
PERIODS: Final = 2  # where the time may be several, the last so many
SECOND: Final = 50  # passages that are read for the second look
LOOKED_AT: Final = 5  # keyword matches that tell how far the library covers the question
Mode = Literal["hybrid", "keyword", "vector"]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Passages in order, each with its relevance; what they were found with, and how."""

    query: str
    passages: tuple[Scored, ...]
    mode: Mode


@dataclass(frozen=True, slots=True)
class _Near:
    """What the vectors say: dot products of the nearest passages and of the keyword matches, and how all others lie."""

    asked: Asked
    dots: Mapping[Key, float]
    spread: Spread


@dataclass(frozen=True, slots=True)
class _Task:
    """What is ranked for a question: BM25 scores, and what the vectors say, None where there are none."""

    question: Question
    words: Mapping[Key, float]
    near: _Near | None
    mode: Mode


class Search:
    """Searches one store. `embedder` None: by keywords alone. `clock` tells what "yesterday" is, in seconds since 1970.

    `cache` as in `Talks`.
    """

    def __init__(
        self,
        store: Store,
        embedder: Speaker | None = None,
        *,
        clock: Callable[[], float] = time.time,
        cache: Path | None = None,
    ) -> None:
        self._store = store
        self._speakers = Speakers(store, embedder, cache=cache)
        self._clock = clock
        self._tokenizer = Tokenizer()
        self._matrix = Matrix()
        self._matrix_lock = asyncio.Lock()
        self._keys: dict[Filter, NDArray[np.int64]] = {}
        self._texts = Texts(self._tokenizer)

    async def start(self) -> None:
        """Make the keywords anew if they are another tokeniser's; load the vectors, so that no question waits for them."""
        if await self._store.keywords.stamp() != VERSION:
            await self._store.keywords.rebuild(VERSION, lambda text: " ".join(self._tokenizer.tokens(text)))
        await self.refresh()

    async def refresh(self) -> None:
        """Take note of what changed in the index."""
        async with self._matrix_lock:
            await self._refresh()

    def lend(self, former: Speaker | None) -> None:
        """Take the embedder that the index is of, while ours is built beside it; None: from now on ours alone."""
        self._speakers.former = former

    async def search(
        self, query: str, where: Filter, *, k: int = 5, mode: Mode = "hybrid", min_score: float | None = None
    ) -> Retrieval:
        """Return the passages that hold the answer, at most `k`, the best first.

        With `min_score` (0 to 1) all that reach it; without, none where the best does not reach FLOOR.

        Raises:
            StoreError: the database is at fault.
        """
        begin = time.perf_counter()
        ranking = await self.rank(query, where, k=k, mode=mode)
        best = distinct(_relevant(ranking.passages, min_score), k)
        return Retrieval(
            status="ok" if best else "empty",
            mode=ranking.mode,
            query=ranking.query,
            k=k,
            ms=(time.perf_counter() - begin) * 1000,
            hits=merged(best),
        )

    async def rank(self, query: str, where: Filter, *, k: int = 5, mode: Mode = "hybrid") -> Ranking:
        """Return the passages that come first, relevant or not: some more than `k`, each by itself.

        Raises:
            StoreError: the database is at fault.
        """
        rankings = [await self._rank(part, where, k, mode) for part in parts(query)]
        return max(rankings, key=lambda ranking: max((one.score for one in ranking.passages), default=0.0))

    async def _rank(self, query: str, where: Filter, k: int, mode: Mode) -> Ranking:
        question, vector = await asyncio.gather(self._question(query), self._vector(query, mode))
        words = await self._words(question, where) if mode != "vector" or vector is None else {}
        near = await self._near(question, vector, words, where)
        if near is None and vector and vector.identity != self._matrix.identity:  # the index has just been swapped
            near = await self._near(question, await self._vector(query, mode), words, where)
        if near is None and mode == "vector" and not words:  # there are no vectors to compare with
            words = await self._words(question, where)
        found = await self._store.keywords.found(_worth_reading(words, near, _wanted(k)), where)
        task = _Task(question, words, near, "keyword" if near is None else "vector" if mode == "vector" else "hybrid")
        ranked = await asyncio.to_thread(self._ranked, task, found, k)
        if near is not None and closer.is_open(ranked):
            ranked = await self._looked_closer(question, near, ranked)
        return Ranking(query, tuple(ranked), task.mode)

    async def _looked_closer(self, question: Question, near: _Near, ranked: list[Scored]) -> list[Scored]:
        looked = closer.looked_at(ranked, lambda text: question.coverage(frozenset(self._tokenizer.tokens(text))))
        vectors = await self._speakers.sentences([one.embedded for one in looked], near.asked.identity) if looked else None
        if vectors is None:
            return ranked
        return closer.judged(ranked, looked, vectors @ near.asked.vector, near.spread, talk=near.asked.talk)

    async def scores(self, query: str, where: Filter, number: int) -> tuple[dict[Key, float], dict[Key, float]]:
        """Return the BM25 scores and the dot products of the so many best passages of either kind, unfused."""
        question, vector = await asyncio.gather(self._question(query), self._vector(query, "hybrid"))
        words = await self._words(question, where)
        near = await self._near(replace(question, time=None), vector, {}, where)
        best = list(near.dots.items())[:number] if near else []
        return dict(list(words.items())[:number]), dict(best)

    async def _question(self, query: str) -> Question:
        words = self._tokenizer.alternatives(query)
        frequencies = await self._store.keywords.frequencies({form for forms in words for form in forms})
        return asked(query, self._tokenizer, frequencies, await self._store.keywords.size(), self._clock())

    async def _words(self, question: Question, where: Filter) -> dict[Key, float]:
        matches = await self._store.keywords.matching(question.lookup, where, CANDIDATES)
        return {match.key: match.score for match in matches}

    async def _vector(self, query: str, mode: Mode) -> Asked | None:
        return await self._speakers.vector(query, self._matrix.identity) if mode != "keyword" else None

    async def _near(
        self, question: Question, asked: Asked | None, words: Mapping[Key, float], where: Filter
    ) -> _Near | None:
        if asked is None:
            return None
        async with self._matrix_lock:
            await self._refresh()
            if self._matrix.identity != asked.identity or not len(self._matrix):
                return None  # the index is another embedder's: its vectors do not compare with ours
            documents = await self._documents(where)
            return await asyncio.to_thread(self._nearest, question, asked, tuple(words), documents, where)

    async def _refresh(self) -> None:
        changes = await self._store.vectors.changes(self._matrix.identity, self._matrix.seq)
        if changes.seq != self._matrix.seq or changes.whole:
            self._keys.clear()
            await asyncio.to_thread(self._matrix.apply, changes)

    async def _documents(self, where: Filter) -> NDArray[np.int64]:
        """Return the keys of the documents to look at, remembered until something changes."""
        scope = Filter(where.owner, where.collections, where.path_prefix, where.kinds)
        if scope not in self._keys:
            self._keys[scope] = await self._store.vectors.keys(scope)
        return self._keys[scope]

    def _nearest(
        self, question: Question, asked: Asked, words: Sequence[Key], documents: NDArray[np.int64], where: Filter
    ) -> _Near:
        vector = asked.vector
        dots: dict[Key, float] = {}
        for number, since, until in _looks(question, where):
            nearest = self._matrix.nearest(vector, number, documents=documents, since=since, until=until)
            dots |= zip(nearest.passages.tolist(), nearest.scores.tolist(), strict=True)
        also = np.array([key for key in words if key not in dots], dtype=np.int64)
        scores = self._matrix.scores(vector, also)
        dots |= {key: dot for key, dot in zip(also.tolist(), scores.tolist(), strict=True) if not np.isnan(dot)}
        passages, mean, deviation = self._matrix.moments(vector, where.owner)
        return _Near(asked, dots, Spread.of(mean, deviation, passages, asked.usual))

    def _ranked(self, task: _Task, found: Sequence[Found], k: int) -> list[Scored]:
        """Return the best passages in order, each with its relevance: more than `k`, as some will be dropped."""
        by_key = {one.key: one for one in found}
        words = {key: score for key, score in task.words.items() if key in by_key}
        dots = {key: dot for key, dot in task.near.dots.items() if key in by_key} if task.near else {}
        spread = task.near.spread if task.near else None
        read = Read(self._texts, self._tokenizer, task.question)
        covered = max((read.coverage(by_key[key]) for key in [*words][:LOOKED_AT]), default=0.0)
        trust = trust_in_words(covered, spread)
        firsts = first_look(dots, words, spread=spread, trust=trust)
        best = sorted(firsts, key=lambda key: -firsts[key].score)[: _wanted(k)]
        if task.mode != "vector":  # where they alone are asked for, vectors alone say in which order
            around = beside(found)
            seen = {key: read.seen(by_key[key], firsts[key], *around[key]) for key in best}
            asks = {one.before: asking(by_key[one.before].passage.text) for one in seen.values() if one.before is not None}
            scores = second_look(seen, firsts, asks, meaning=task.question.meaning, trust=trust, alone=spread is None)
            best.sort(key=lambda key: -scores[key])
        talk = task.near.asked.talk if task.near else 0.0
        matches = [(one, read.match(one)) for one in (by_key[key] for key in best[: 3 * k + 10])]
        return [
            Scored(
                one,
                relevance(dots.get(one.key), match, spread=spread, talk=talk),
                read.words(one),
                coverage=match.coverage,
                foreign=match.foreign,
            )
            for one, match in matches
        ]


def _wanted(k: int) -> int:
    """Return how many passages get a second look, where so many are to be shown."""
    return max(SECOND, 3 * k + 10)


def _worth_reading(words: Mapping[Key, float], near: _Near | None, number: int) -> list[Key]:
    """Return the passages among which the best so many are, whether words turn out to say much or nothing."""
    dots, spread = (near.dots, near.spread) if near else ({}, None)
    keys = dict.fromkeys([*words][:LOOKED_AT])
    for trust in (0.0, 1.0):
        firsts = first_look(dots, words, spread=spread, trust=trust)
        keys |= dict.fromkeys(sorted(firsts, key=lambda key: -firsts[key].score)[:number])
    return [*keys]


def _looks(question: Question, where: Filter) -> list[tuple[int, float | None, float | None]]:
    """Return how many passages to look for, and between which dates: in all, and in the time that the question names."""
    looks: list[tuple[int, float | None, float | None]] = [(CANDIDATES, where.since, where.until)]
    for period in question.time.periods[-PERIODS:] if question.time else ():
        since = period.since if where.since is None else max(period.since, where.since)
        until = period.reach if where.until is None else min(period.reach, where.until)
        looks.append((OF_A_TIME, since, until))
    return looks


def _relevant(ranked: Sequence[Scored], min_score: float | None) -> list[Scored]:
    if min_score is not None:
        return [one for one in ranked if one.score >= min_score]
    if all(one.score < FLOOR for one in ranked):
        return []
    return [one for one in ranked if one.score >= FLOOR * TAIL]
