"""Ways of ranking, and how good a ranking is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from bench.retrieval_sets import ALL, Query
from mecum.knowledge.search import Search
from mecum.store.base import Store
from mecum.store.values import Found

WAYS = ("keywords", "vectors", "RRF 60", "RRF 10", "min-max .5", "ours without vectors", "ours")
DEPTH = 100
CUT = 10
KEPT = 60  # passages of each ranking
Place = tuple[tuple[str, ...], int]  # a passage: the ids of the set's documents in it, and its words
Ranked = dict[str, list[Place]]  # passages in the order of each way
Metric = Callable[[Sequence[Place], Query], float]


async def ways(store: Store, search: Search, query: Query) -> Ranked:
    """Return the passages in the order of each way of ranking."""
    words, dots = await search.scores(query.text, ALL, DEPTH)
    both = [one.found for one in (await search.rank(query.text, ALL, k=2 * CUT)).passages]
    alone = [one.found for one in (await search.rank(query.text, ALL, k=2 * CUT, mode="keyword")).passages]
    found = {one.key: one for one in [*both, *alone]}
    missing = (words.keys() | dots.keys()) - found.keys()
    found |= {one.key: one for one in await store.keywords.found(sorted(missing), ALL)}
    orders = {
        "keywords": sorted(words, key=lambda key: -words[key]),
        "vectors": sorted(dots, key=lambda key: -dots[key]),
        "min-max .5": _fused([_spread(words), _spread(dots)]),
    }
    for constant in (60, 10):
        turns = [
            {key: 1 / (constant + place) for place, key in enumerate(orders[way], 1)} for way in ("keywords", "vectors")
        ]
        orders[f"RRF {constant}"] = _fused(turns)
    ranked = {way: [found[key] for key in order if key in found] for way, order in orders.items()}
    ranked |= {"ours": both, "ours without vectors": alone}
    return {way: places(each) for way, each in ranked.items()}


def places(found: Sequence[Found]) -> list[Place]:
    """Return what is kept of the first passages."""
    return [(tuple(one.passage.place["ids"]), len(one.passage.text.split())) for one in found[:KEPT]]


def ndcg(ranked: Sequence[Place], query: Query) -> float:
    """Return nDCG@10 of the documents."""
    gains = [query.relevant.get(one, 0) for one in _ids(ranked)]
    best = sorted(query.relevant.values(), reverse=True)[:CUT]
    return _gain(gains) / (_gain(best) or 1.0)


def recall(ranked: Sequence[Place], query: Query) -> float:
    """Return Recall@10 of the documents."""
    return len(query.relevant.keys() & set(_ids(ranked))) / max(1, len(query.relevant))


def evidence(words: int) -> Metric:
    """Return what tells the share of the relevant turns inside the first so many words."""

    def metric(ranked: Sequence[Place], query: Query) -> float:
        held: set[str] = set()
        left = words
        for ids, length in ranked:
            left -= length
            if left < 0:
                break
            held.update(ids)
        return len(held & query.relevant.keys()) / max(1, len(query.relevant))

    return metric


def _ids(ranked: Sequence[Place]) -> list[str]:
    return list(dict.fromkeys(ids[0] for ids, _ in ranked))[:CUT]


def _spread(scores: dict[int, float]) -> dict[int, float]:
    low, high = min(scores.values(), default=0.0), max(scores.values(), default=0.0)
    return {key: (score - low) / ((high - low) or 1.0) for key, score in scores.items()}


def _fused(sides: Sequence[dict[int, float]]) -> list[int]:
    keys = {key for side in sides for key in side}
    total = {key: sum(side.get(key, 0.0) for side in sides) for key in keys}
    return sorted(total, key=lambda key: -total[key])


def _gain(grades: Sequence[int]) -> float:
    return sum(grade / math.log2(place + 1) for place, grade in enumerate(grades, 1))
