"""Search in the library, from a question to its passages. This file is the recipe; each step has a module of its own.

Invariants, proved by `tests/knowledge/test_search.py`:
  - every hit was joined with its row after it was found, so that a deleted document, or somebody else's, cannot answer;
  - a question that the library does not answer gets no passages: `status` is "empty";
  - without an embedder, or while its index is being built, keywords alone answer, and `mode` says so.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from mecum.errors import EngineError
from mecum.knowledge.fuse import Spread, Usual, ranks, relevance, with_neighbours
from mecum.knowledge.hits import Scored, distinct, merged, neighbours
from mecum.knowledge.matrix import Floats, Matrix
from mecum.knowledge.question import Question, question
from mecum.knowledge.tokens import VERSION, Tokenizer
from mecum.store.base import Store
from mecum.store.values import Filter, Found, Key
from mecum.types import Retrieval

FLOOR: Final = 0.1  # relevance of the best passage below which the library does not answer
TAIL: Final = 0.25  # share of the floor that the passages after it have to reach
CANDIDATES: Final = 100  # of either kind
LOOKED_AT: Final = 5  # keyword matches that tell how far the library covers the question
Mode = Literal["hybrid", "keyword", "vector"]


class Embedder(Protocol):
    """What search needs of an embedder; `identity` as the index's stamp."""

    @property
    def identity(self) -> str:
        """What the vectors depend on, as one short name; "" while the embedder is not there."""
        ...

    async def embed_query(self, text: str) -> Floats:
        """Return a question's unit vector. Raises EngineError when it cannot."""
        ...


@dataclass(frozen=True, slots=True)
class Ranking:
    """Passages in order, each with its relevance, and how they were found."""

    passages: tuple[Scored, ...]
    mode: Mode


@dataclass(frozen=True, slots=True)
class _Near:
    """What the vectors say: dot products of the nearest passages and of the keyword matches, and how all others lie."""

    dots: Mapping[Key, float]
    spread: Spread


class Search:
    """Searches one store. `embedder` None: by keywords alone."""

    def __init__(self, store: Store, embedder: Embedder | None = None) -> None:
        self._store = store
        self._embedder = embedder
        self._tokenizer = Tokenizer()
        self._matrix = Matrix()
        self._matrix_lock = asyncio.Lock()
        self._keys: dict[Filter, NDArray[np.int64]] = {}

    async def start(self) -> None:
        """Make the keywords anew if they are another tokeniser's; load the vectors, so that no question waits for them."""
        if await self._store.keywords.stamp() != VERSION:
            await self._store.keywords.rebuild(VERSION, lambda text: " ".join(self._tokenizer.tokens(text)))
        async with self._matrix_lock:
            await self._refresh()

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
            query=query,
            k=k,
            ms=(time.perf_counter() - begin) * 1000,
            hits=merged(best),
        )

    async def rank(self, query: str, where: Filter, *, k: int = 5, mode: Mode = "hybrid") -> Ranking:
        """Return the passages that come first, relevant or not: some more than `k`, each by itself.

        Raises:
            StoreError: the database is at fault.
        """
        asked, vector = await asyncio.gather(self._question(query), self._vector(query, mode))
        words = await self._words(asked, where) if mode != "vector" else {}
        near = await self._near(vector, words, where) if vector is not None else None
        dots = near.dots if near else {}
        found = await self._store.keywords.found([*dict.fromkeys([*words, *dots])], where)
        ranked = await asyncio.to_thread(self._ranked, asked, found, words, near, k)
        return Ranking(tuple(ranked), ("vector" if mode == "vector" else "hybrid") if near else "keyword")

    async def scores(self, query: str, where: Filter, number: int) -> tuple[dict[Key, float], dict[Key, float]]:
        """Return the BM25 scores and the dot products of the so many best passages of either kind, unfused."""
        asked, vector = await asyncio.gather(self._question(query), self._vector(query, "hybrid"))
        words = await self._words(asked, where)
        near = await self._near(vector, {}, where) if vector is not None else None
        best = list(near.dots.items())[:number] if near else []
        return dict(list(words.items())[:number]), dict(best)

    async def _question(self, query: str) -> Question:
        words = self._tokenizer.alternatives(query)
        frequencies = await self._store.keywords.frequencies({form for forms in words for form in forms})
        return question(words, frequencies, await self._store.keywords.size(), self._tokenizer.read(query)[1])

    async def _words(self, asked: Question, where: Filter) -> dict[Key, float]:
        matches = await self._store.keywords.matching(asked.lookup, where, CANDIDATES)
        return {match.key: match.score for match in matches}

    async def _vector(self, query: str, mode: Mode) -> Floats | None:
        if self._embedder is None or not self._embedder.identity or mode == "keyword":
            return None
        try:
            return await self._embedder.embed_query(query)
        except EngineError:
            return None  # `mode` tells that keywords alone answered

    async def _near(self, vector: Floats, words: Mapping[Key, float], where: Filter) -> _Near | None:
        async with self._matrix_lock:
            await self._refresh()
            if self._embedder is None or self._matrix.identity != self._embedder.identity or not len(self._matrix):
                return None  # the index is another embedder's: its vectors do not compare with ours
            documents = await self._documents(where)
            return await asyncio.to_thread(self._nearest, vector, tuple(words), documents, where)

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

    def _nearest(self, vector: Floats, words: Sequence[Key], documents: NDArray[np.int64], where: Filter) -> _Near:
        nearest = self._matrix.nearest(vector, CANDIDATES, documents=documents, since=where.since, until=where.until)
        dots = dict(zip(nearest.passages.tolist(), nearest.scores.tolist(), strict=True))
        also = np.array([key for key in words if key not in dots], dtype=np.int64)
        scores = self._matrix.scores(vector, also)
        dots |= {key: dot for key, dot in zip(also.tolist(), scores.tolist(), strict=True) if not np.isnan(dot)}
        usual = Usual.of(self._matrix.identity or "", len(vector))
        return _Near(dots, Spread.of(*self._matrix.moments(vector), len(self._matrix), usual))

    def _ranked(
        self, asked: Question, found: Sequence[Found], words: Mapping[Key, float], near: _Near | None, k: int
    ) -> list[Scored]:
        """Return the best passages in order, each with its relevance: more than `k`, as some will be dropped."""
        by_key = {one.key: one for one in found}
        words = {key: score for key, score in words.items() if key in by_key}
        dots = {key: dot for key, dot in near.dots.items() if key in by_key} if near else {}
        spread = near.spread if near else None
        read = _Read(self._tokenizer)
        covered = max((asked.coverage(read.words(by_key[key])) for key in [*words][:LOOKED_AT]), default=0.0)
        scores = with_neighbours(ranks(dots, words, spread=spread, coverage=covered), neighbours(found))
        best = sorted(scores, key=lambda key: -scores[key])[: 3 * k + 10]
        return [self._scored(asked, by_key[key], dots.get(key), spread, read) for key in best]

    def _scored(self, asked: Question, found: Found, dot: float | None, spread: Spread | None, read: _Read) -> Scored:
        words, tongue = read.words(found), read.tongue(found)
        foreign = None not in (asked.tongue, tongue) and asked.tongue != tongue
        return Scored(found, relevance(dot, asked.coverage(words), spread=spread, foreign=foreign), words)


class _Read:
    """What the tokeniser makes of passages, each read once."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._known: dict[Key, tuple[frozenset[str], str | None]] = {}

    def words(self, found: Found) -> frozenset[str]:
        return self._of(found)[0]

    def tongue(self, found: Found) -> str | None:
        return self._of(found)[1]

    def _of(self, found: Found) -> tuple[frozenset[str], str | None]:
        if found.key not in self._known:
            tokens, tongue = self._tokenizer.read(f"{found.passage.context}\n{found.passage.text}")
            self._known[found.key] = frozenset(tokens), tongue
        return self._known[found.key]


def _relevant(ranked: Sequence[Scored], min_score: float | None) -> list[Scored]:
    if min_score is not None:
        return [one for one in ranked if one.score >= min_score]
    if all(one.score < FLOOR for one in ranked):
        return []
    return [one for one in ranked if one.score >= FLOOR * TAIL]
