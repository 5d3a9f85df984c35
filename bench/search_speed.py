"""How long a search takes in a large library, beside what the memory's speed would let a plain scan take.

    python -m bench.search_speed [--passages 10000,100000]

Texts are words at random, as often as words are (Zipf); vectors are seeded random ones, the hardest there are to tell apart.
The search is the whole one: keywords, vectors, second look, relevance, hits; embedding the question is a row of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.report import figure, machine, percentile, table
from mecum.engine.embedder.local import LocalEmbedder
from mecum.knowledge.matrix import Matrix
from mecum.knowledge.search import Search
from mecum.knowledge.tokens import VERSION, Tokenizer
from mecum.store.sqlite import Sqlite
from mecum.store.values import Filter, NewDocument, NewPassage
from mecum.types import SearchMode

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
    """Fill libraries, and search them."""
    parser = argparse.ArgumentParser(prog="bench.search_speed")
    parser.add_argument("--passages", default="10000,100000", help="sizes of the libraries")
    sizes = [int(size) for size in parser.parse_args().passages.split(",")]
    bandwidth = _bandwidth()
    print(f"{machine()}\n\nRandom vectors of {DIMENSION}. One thread reads {bandwidth / 1e9:.1f} GB/s.\n", flush=True)
    for passages in sizes:
        with tempfile.TemporaryDirectory(prefix="mecum-bench-") as folder:
            store = Sqlite(Path(folder))
            await store.start()
            texts = Texts()
            await _fill(store, texts, passages)
            await _measure(store, texts, passages, bandwidth)
            await store.aclose()
    await _questions()


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


async def _measure(store: Sqlite, texts: Texts, passages: int, bandwidth: float) -> None:
    search = Search(store, Random())
    begin = time.perf_counter()
    await search.start()
    loaded = time.perf_counter() - begin
    changes = await store.vectors.changes(None, 0)
    matrix = Matrix()
    matrix.apply(changes)
    print(f"## {passages:,} passages\n\nVectors loaded from the rows in {loaded:.1f} s, {matrix.memory / 1e6:.0f} MB.\n")
    plain, question = changes.vectors.astype(np.float32), (await Random().embed_query(""))
    tenth = await store.vectors.keys(TENTH)

    def searching(mode: SearchMode, where: Filter, words: int = 8) -> Callable[[], Awaitable[object]]:
        return lambda: search.search(texts.words(words), where, mode=mode)

    async def scan() -> None:
        np.argpartition(plain @ question, -100)

    async def nearest(documents: NDArray[np.int64] | None) -> None:
        matrix.nearest(question, 100, documents=documents)

    rows = [["limit: reading all vectors once, float32", figure(plain.nbytes / bandwidth * 1000), "", ""]]
    for name, work, rounds in (
        ("plain scan, float32, 100 nearest", scan, ROUNDS),
        ("matrix, 100 nearest", lambda: nearest(None), ROUNDS),
        ("matrix, 100 nearest, a tenth of the documents", lambda: nearest(tenth), ROUNDS),
        ("search by keywords", searching("keyword", ALL), ROUNDS),
        ("search, hybrid", searching("hybrid", ALL), ROUNDS),
        ("search, hybrid, a tenth of the documents", searching("hybrid", TENTH), ROUNDS),
        ("search, hybrid, with a page of 300 words", searching("hybrid", ALL, 300), ROUNDS // 4),
    ):
        rows.append([name, *await _figures(work, rounds)])
    print(table(["ms", "p50", "p95", "CPU, mean"], rows), flush=True)


async def _figures(work: Callable[[], Awaitable[object]], rounds: int) -> list[str]:
    """Return p50 and p95 of the time that passes, and the mean of CPU time: that of all threads."""
    times: list[float] = []
    busy = time.process_time()
    for _ in range(rounds):
        begin = time.perf_counter()
        await work()
        times.append((time.perf_counter() - begin) * 1000)
    busy = (time.process_time() - busy) * 1000 / rounds
    return [figure(percentile(times, 0.5)), figure(percentile(times, 0.95)), figure(busy)]


async def _questions() -> None:
    """Print what embedding a question costs, where the embedder is there."""
    with tempfile.TemporaryDirectory(prefix="mecum-bench-") as folder:
        embedder = LocalEmbedder(Path(folder))
        await embedder.start()
        if not embedder.status().ready:
            return
        await embedder.embed_query("The first one waits for the worker.")
        p50, p95, _ = await _figures(
            lambda: embedder.embed_query("Who repaired the boiler in house number nine, and what did it cost?"), ROUNDS
        )
        await embedder.aclose()
        print(f"A question is embedded in {p50} ms (p50), {p95} ms (p95).")


def _bandwidth() -> float:
    """Return the bytes a second that one thread reads, from far more memory than the caches hold."""
    block = np.ones(50_000_000)
    best = 0.0
    for _ in range(20):
        begin = time.perf_counter()
        block.max()
        best = max(best, block.nbytes / (time.perf_counter() - begin))
    return best


if __name__ == "__main__":
    asyncio.run(main())
