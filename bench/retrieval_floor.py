"""How well "the library does not say" is told: questions that a library answers, and those that it does not."""

from __future__ import annotations

import random
from collections.abc import Sequence

from bench.report import figure, table
from bench.retrieval_sets import ALL, OWNER, Query, Set, group
from bench.retrieval_talk import SMALL_TALK
from bench.retrieval_vectors import Vectors
from mecum.knowledge.search import FLOOR, Search
from mecum.store.values import Filter

SAMPLE = 200  # questions of a kind
TALK = tuple(Query(text, {}, {}) for text in SMALL_TALK)
Row = tuple[str, str, int, float]


class Floor:
    """Asks libraries, and counts how often nothing is found."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors
        self._dice = random.Random(7)
        self.rows: list[Row] = []

    async def ask(self, kind: str, library: Set, queries: Sequence[Query], *, hidden: bool = False) -> None:
        """Ask a sample of questions; `hidden` takes out of the library what their answers belong to."""
        some = self._dice.sample(list(queries), min(SAMPLE, len(queries)))
        search = Search(library.store, self._vectors)
        await search.start()
        groups = {one.collection for one in (await library.store.documents.list(ALL, limit=10_000)).items}
        empty = 0
        for query in some:
            without = groups - {group(document) for document in query.relevant} if hidden else set[str]()
            found = await search.search(query.text, Filter(OWNER, collections=tuple(sorted(without))))
            empty += found.status == "empty"
        if some:
            self.rows.append((kind, library.name, len(some), empty / len(some)))


async def report(sets: Sequence[Set], foreign: Sequence[Set], vectors: Vectors) -> None:
    """Print how often each library was silent for what."""
    floor = Floor(vectors)
    for one in sets:
        await floor.ask("answerable", one, one.queries)
    for one in sets:
        groups, documents = await _sizes(one)
        if groups * 2 < documents:
            await floor.ask("its article taken out", one, one.queries, hidden=True)
        for other in sets:
            if one.name != other.name and not one.family & other.family:
                await floor.ask(f"{other.name}'s questions", one, other.queries)
        await floor.ask("small talk", one, TALK)
        await floor.ask("swapped premise", one, one.adversarial)
    for one in foreign:
        await floor.ask("answerable, another language", one, one.queries)
    print(f'## "The library does not say" (floor {FLOOR})\n')
    rows = [(kind, name, number, figure(share, 3)) for kind, name, number, share in floor.rows]
    print(table(["questions", "library", "number", "empty"], rows))
    can = [(n, share) for kind, _, n, share in floor.rows if kind == "answerable"]
    cannot = [(n, share) for kind, _, n, share in floor.rows if "answerable" not in kind and kind != "swapped premise"]
    wrong, right = sum(n * share for n, share in can), sum(n * share for n, share in cannot)
    if right and can:
        recall = right / sum(n for n, _ in cannot)
        print(f"empty, premises aside: precision {right / (right + wrong):.3f}, recall {recall:.3f};")
        print(f"answerable questions refused: {wrong / sum(n for n, _ in can):.3f}\n")


async def _sizes(one: Set) -> tuple[int, int]:
    items = (await one.store.documents.list(ALL, limit=10_000)).items
    return len({document.collection for document in items}), len(items)
