"""How well the library is searched, by itself: no chat, no files.

    python -m bench.retrieval --data DIR [--cache DIR]

Prints nDCG@10 and Recall@10 of every set for keywords, vectors, their usual fusions and ours, the same for questions in
another language than the documents, and how well "the library does not say" is told. Vectors are embedded once and kept.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from bench.report import figure, machine, table
from bench.retrieval_sets import ALL, OWNER, Cached, Query, Set, across, group, load
from mecum.engine.embedder.local import LocalEmbedder
from mecum.knowledge.search import FLOOR, Search
from mecum.store.values import Filter

SETS = {
    "xquad-en": False,
    "xquad-de": False,
    "xquad-zh": False,
    "cranfield": False,
    "locomo-dev": False,
    "multiformat-xquad": True,
}
ACROSS = (("xquad-en", "xquad-de"), ("xquad-de", "xquad-zh"), ("xquad-zh", "xquad-en"))
WAYS = ("keywords", "vectors", "RRF 60", "RRF 10", "min-max .5", "ours")
DEPTH = 100
SAMPLE = 200  # questions of a kind, for the floor


async def main() -> None:
    """Run all of it."""
    options = _options()
    options.cache.mkdir(parents=True, exist_ok=True)
    print(f"{machine()}\n")
    async with _embedder(options.cache) as embedder:
        sets = {
            name: await load(options.data / name, options.cache, embedder, windows=windows) for name, windows in SETS.items()
        }
    cached = Cached(embedder.identity)
    foreign = [across(sets[documents], sets[questions]) for documents, questions in ACROSS]
    await _ranking(list(sets.values()), cached)
    await _ranking(foreign, cached)
    await _floor(sets, foreign, cached)
    for one in sets.values():
        await one.store.aclose()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.retrieval")
    parser.add_argument("--data", type=Path, required=True, help="folder of the sets")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "mecum-bench-retrieval")
    return parser.parse_args()


@asynccontextmanager
async def _embedder(cache: Path) -> AsyncIterator[LocalEmbedder]:
    embedder = LocalEmbedder(cache)
    await embedder.start()
    if not embedder.status().ready:
        raise SystemExit(embedder.status().reason)
    try:
        yield embedder
    finally:
        await embedder.aclose()


async def _ranking(sets: Sequence[Set], cached: Cached) -> None:
    scores = {one.name: await _scores(one, cached) for one in sets}
    for title, which in (("nDCG@10", 0), ("Recall@10", 1)):
        print(f"## {title}\n")
        rows = [[name, *(figure(row[way][which], 3) for way in WAYS)] for name, row in scores.items()]
        mean = ["mean", *(figure(float(np.mean([row[way][which] for row in scores.values()])), 3) for way in WAYS)]
        print(table(["set", *WAYS], [*rows, mean]), flush=True)


async def _scores(one: Set, cached: Cached) -> dict[str, tuple[float, float]]:
    cached.known = {query.text: query.vector for query in one.queries}
    search = Search(one.store, cached)
    await search.start()
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for query in one.queries:
        for way, ids in (await _ways(one, search, query)).items():
            ranked = list(dict.fromkeys(ids))[:10]
            found[way].append((_ndcg(ranked, query), len(query.relevant.keys() & set(ranked)) / max(1, len(query.relevant))))
    return {way: (float(np.mean([a for a, _ in rows])), float(np.mean([b for _, b in rows]))) for way, rows in found.items()}


async def _ways(one: Set, search: Search, query: Query) -> dict[str, list[str]]:
    """Return the documents' ids in the order of each way of ranking."""
    words, dots = await search.scores(query.text, ALL, DEPTH)
    ranking = await search.rank(query.text, ALL, k=10)
    ids = {best.found.key: str(best.found.passage.place["id"]) for best in ranking.passages}
    missing = (words.keys() | dots.keys()) - ids.keys()
    ids |= {more.key: str(more.passage.place["id"]) for more in await one.store.keywords.found(sorted(missing), ALL)}
    orders = {
        "keywords": sorted(words, key=lambda key: -words[key]),
        "vectors": sorted(dots, key=lambda key: -dots[key]),
        "min-max .5": _fused([_spread(words), _spread(dots)]),
    }
    for constant in (60, 10):
        places = [
            {key: 1 / (constant + place) for place, key in enumerate(orders[way], 1)} for way in ("keywords", "vectors")
        ]
        orders[f"RRF {constant}"] = _fused(places)
    orders["ours"] = [best.found.key for best in ranking.passages]
    return {way: [ids[key] for key in order if key in ids] for way, order in orders.items()}


def _spread(scores: dict[int, float]) -> dict[int, float]:
    low, high = min(scores.values(), default=0.0), max(scores.values(), default=0.0)
    return {key: (score - low) / ((high - low) or 1.0) for key, score in scores.items()}


def _fused(sides: Sequence[dict[int, float]]) -> list[int]:
    keys = {key for side in sides for key in side}
    total = {key: sum(side.get(key, 0.0) for side in sides) for key in keys}
    return sorted(total, key=lambda key: -total[key])


def _ndcg(ranked: Sequence[str], query: Query) -> float:
    gains = [query.relevant.get(one, 0) for one in ranked]
    best = sorted(query.relevant.values(), reverse=True)[:10]
    return _gain(gains) / (_gain(best) or 1.0)


def _gain(grades: Sequence[int]) -> float:
    return sum(grade / math.log2(place + 1) for place, grade in enumerate(grades, 1))


async def _floor(sets: dict[str, Set], foreign: Sequence[Set], cached: Cached) -> None:
    """Ask each library what it can answer, and what it cannot: other sets' questions, its own without the article."""
    print(f'## "The library does not say" (floor {FLOOR})\n')
    dice = random.Random(7)
    rows: list[tuple[str, str, int, float]] = []

    async def ask(kind: str, library: Set, queries: Sequence[Query], *, hidden: bool = False) -> None:
        some = dice.sample(list(queries), min(SAMPLE, len(queries)))
        rows.append((kind, library.name, len(some), await _empty(library, some, cached, hidden=hidden)))

    for one in sets.values():
        await ask("answerable", one, one.queries)
    for one in sets.values():
        if one.name.startswith("xquad"):
            await ask("its article taken out", one, one.queries, hidden=True)
        for other in sets.values():
            if one.name[:5] != other.name[:5] and {one.name[:5], other.name[:5]} != {"xquad", "multi"}:
                await ask(f"{other.name}'s questions", one, other.queries)
    await ask("swapped premise", sets["locomo-dev"], sets["locomo-dev"].adversarial)
    for one in foreign:
        await ask("answerable, another language", one, one.queries)
    print(table(["questions", "library", "number", "empty"], [(a, b, n, figure(share, 3)) for a, b, n, share in rows]))
    can = [(n, share) for kind, _, n, share in rows if kind == "answerable"]
    cannot = [(n, share) for kind, _, n, share in rows if "answerable" not in kind and kind != "swapped premise"]
    wrong, right = sum(n * share for n, share in can), sum(n * share for n, share in cannot)
    print(f"empty, premises aside: precision {right / (right + wrong):.3f}, recall {right / sum(n for n, _ in cannot):.3f};")
    print(f"answerable questions refused: {wrong / sum(n for n, _ in can):.3f}\n")


async def _empty(library: Set, queries: Sequence[Query], cached: Cached, *, hidden: bool) -> float:
    cached.known = {query.text: query.vector for query in queries}
    search = Search(library.store, cached)
    await search.start()
    page = await library.store.documents.list(ALL, limit=10_000)
    groups = {one.collection for one in page.items}
    empty = 0
    for query in queries:
        without = groups - {group(document) for document in query.relevant} if hidden else set[str]()
        found = await search.search(query.text, Filter(OWNER, collections=tuple(sorted(without))))
        empty += found.status == "empty"
    return empty / len(queries)


if __name__ == "__main__":
    asyncio.run(main())
