"""How long a search takes in a large library, beside what the memory's speed would let a plain scan take.

    python -m bench.search_speed [--passages 100000]

Texts are words at random, as often as words are (Zipf); vectors are seeded random ones, the hardest there are to tell apart.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.report import figure, machine, percentile, table
from mecum.knowledge.matrix import Matrix
from mecum.knowledge.search import Search
from mecum.knowledge.tokens import VERSION, Tokenizer
from mecum.store.sqlite import Sqlite
from mecum.store.values import Filter, NewDocument, NewPassage

ALL = Filter("bench")
TENTH = Filter("bench", collections=("tenth",))
DIMENSION = 384
WORDS = 60_000  # in the vocabulary
LENGTH = 110  # words of a passage
EACH = 100  # passages of a document
ROUNDS = 60


class Random:
    """An embedder whose vectors follow from a seed."""

    identity = "random"

    def __init__(self) -> None:
        self._dice = np.random.default_rng(3)

    async def embed_query(self, _text: str) -> NDArray[np.float32]:
        """Return a vector at random, of length 1."""
        return unit(self._dice, 1)[0]


def unit(dice: np.random.Generator, number: int) -> NDArray[np.float32]:
    """Return so many rows of length 1."""
    rows = dice.standard_normal((number, DIMENSION), dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Texts:
    """Words at random, as often as words are."""

    def __init__(self) -> None:
        self._dice = random.Random(5)
        self._words = [f"{number:x}z" for number in range(WORDS)]
        self._often = np.cumsum(1 / np.arange(3, WORDS + 3)).tolist()

    def words(self, number: int) -> str:
        """Return so many."""
        return " ".join(self._dice.choices(self._words, cum_weights=self._often, k=number))


async def main() -> None:
    """Fill a library, and search it."""
    parser = argparse.ArgumentParser(prog="bench.search_speed")
    parser.add_argument("--passages", type=int, default=100_000)
    passages = parser.parse_args().passages
    print(f"{machine()}\n\n{passages:,} passages, random vectors of {DIMENSION}\n")
    with tempfile.TemporaryDirectory() as folder:
        store = Sqlite(Path(folder))
        await store.start()
        texts = Texts()
        await _fill(store, texts, passages)
        await _measure(store, texts)
        await store.aclose()


async def _fill(store: Sqlite, texts: Texts, passages: int) -> None:
    dice = np.random.default_rng(1)
    await store.keywords.rebuild(VERSION, lambda text: text)
    await store.vectors.use(Random.identity, DIMENSION)
    for number in range(passages // EACH):
        collection = "tenth" if number % 10 == 0 else "default"
        document = await store.documents.put(
            NewDocument("bench", f"{number}", f"{number:064x}", "txt", collection=collection)
        )
        parts = [NewPassage(text := texts.words(LENGTH), " ".join(Tokenizer().tokens(text))) for _ in range(EACH)]
        await store.documents.index(document.id, document.content_hash, parts)
        hashes = [part.hash for part in parts]
        await store.vectors.stage(Random.identity, hashes, unit(dice, EACH))
        await store.vectors.publish(Random.identity, hashes)


async def _measure(store: Sqlite, texts: Texts) -> None:
    search = Search(store, Random())
    begin = time.perf_counter()
    await search.start()
    print(f"vectors loaded from the rows in {time.perf_counter() - begin:.1f} s")
    changes = await store.vectors.changes(None, 0)
    matrix = Matrix()
    matrix.apply(changes)
    print(f"matrix: {matrix.memory / 1e6:.0f} MB\n")
    plain, question = changes.vectors.astype(np.float32), (await Random().embed_query(""))
    rows = [
        ("plain scan, float32", _times(lambda: plain @ question)),
        ("matrix, 100 nearest", _times(lambda: matrix.nearest(question, 100))),
        ("matrix, 100 nearest, a tenth of the documents", _times(await _tenth(store, matrix, question))),
    ]
    for name, mode, where in (
        ("search by keywords", "keyword", ALL),
        ("search, hybrid", "hybrid", ALL),
        ("search, hybrid, a tenth of the documents", "hybrid", TENTH),
    ):
        rows.append((name, [(await search.search(texts.words(8), where, mode=mode)).ms for _ in range(ROUNDS)]))  # type: ignore[arg-type]
    print(
        table(["ms", "p50", "p95"], [(name, figure(percentile(ms, 0.5)), figure(percentile(ms, 0.95))) for name, ms in rows])
    )


async def _tenth(store: Sqlite, matrix: Matrix, question: NDArray[np.float32]) -> Callable[[], object]:
    documents = await store.vectors.keys(TENTH)
    return lambda: matrix.nearest(question, 100, documents=documents)


def _times(work: Callable[[], object]) -> list[float]:
    found = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        work()
        found.append((time.perf_counter() - begin) * 1000)
    return found


if __name__ == "__main__":
    asyncio.run(main())
