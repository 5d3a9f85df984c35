"""How well the library is searched, by itself: no chat, no files.

    python -m bench.retrieval --data DIR [--cache DIR] [--sets NAME,…] [--sample N] [--only ranking,chats,half,floor,notes]

Prints nDCG@10 and Recall@10 of every set in DIR for keywords, vectors, their usual fusions and ours, by kind of question,
and for questions in another language than the documents (`ranking`); how much of the evidence is in the first words where
mecum cuts the chats (`chats`); how well a library is searched that is half embedded (`half`); how well "the library does
not say" is told (`floor`), and that of small libraries of everyday notes (`notes`). Vectors are kept in the cache, so that
only the first run takes long; `--sample` takes so many questions of each set.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import numpy as np

from bench.report import figure, machine, table
from bench.retrieval_floor import report
from bench.retrieval_notes import report as notes
from bench.retrieval_sets import ALL, Query, Set, across, as_cut, folders, load
from bench.retrieval_vectors import Vectors
from bench.retrieval_ways import WAYS, Metric, Ranked, evidence, ndcg, places, recall, ways
from mecum.app.embedders import embedder_of
from mecum.engine.embedder.base import Embedder
from mecum.knowledge.search import Mode, Search
from mecum.settings.schema import LibrarySettings, Settings

CONTEXTS = (250, 500, 1000)  # words
HALF = 0.5
SAMPLE = 150  # questions of a kind
Answers = list[tuple[Query, Ranked]]


async def main() -> None:
    """Run what was asked for."""
    options = _options()
    options.cache.mkdir(parents=True, exist_ok=True)
    wanted = [one for one in folders(options.data) if not options.sets or one.name in options.sets.split(",")]
    only = options.only.split(",")
    print(f"{machine()}\n", flush=True)
    async with AsyncExitStack() as opened:
        home = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="mecum-bench-")))
        vectors = Vectors(options.cache, await opened.enter_async_context(_embedder(options.cache, options.embedder)))

        async def loading(folder: Path, name: str, share: float = 1.0) -> Set:
            one = await load(folder, home / name, vectors, share=share, sample=options.sample)
            opened.push_async_callback(one.store.aclose)
            return one

        sets = [await loading(one, one.name) for one in wanted]
        foreign = _across(sets)
        if "ranking" in only:
            answers = {one.name: await _answers(one, vectors) for one in sets}
            _ranking("each set", answers)
            _kinds(answers)
            if foreign:
                _ranking("another language", {one.name: await _answers(one, vectors) for one in foreign})
        for folder in wanted if "chats" in only else ():
            if (chat := await as_cut(folder, home / f"{folder.name}-cut", vectors, sample=options.sample)) is not None:
                opened.push_async_callback(chat.store.aclose)
                _evidence(chat.name, await _answers(chat, vectors))
        if "half" in only:
            await _half(sets, [await loading(one, f"{one.name}-half", HALF) for one in wanted], vectors)
        if "floor" in only:
            await report(sets, foreign, vectors)
        if "notes" in only:
            await notes(home / "notes", vectors, [one for one in sets if one.name in ("xquad-en", "xquad-de")])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.retrieval")
    parser.add_argument("--data", type=Path, required=True, help="folder of the sets, in BEIR's form")
    parser.add_argument("--sets", default="", help="only these")
    parser.add_argument("--sample", type=int, default=None, help="questions of each set; all, if it is not given")
    parser.add_argument("--only", default="ranking,chats,half,floor,notes")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "mecum-bench-retrieval")
    parser.add_argument("--embedder", default="local", help="as library.embedder: another model's file or folder")
    return parser.parse_args()


@asynccontextmanager
async def _embedder(cache: Path, name: str) -> AsyncIterator[Embedder]:
    embedder = embedder_of(Settings(home=cache, library=LibrarySettings(embedder=name)))
    await embedder.start()
    if not embedder.status().ready:
        raise SystemExit(embedder.status().reason)
    try:
        yield embedder
    finally:
        await embedder.aclose()


def _across(sets: Sequence[Set]) -> list[Set]:
    """Return each language's documents with the questions of the next one, of sets named alike but for two letters."""
    by_stem: dict[str, list[Set]] = {}
    for one in sets:
        stem, _, tongue = one.name.rpartition("-")
        if stem and len(tongue) == 2:
            by_stem.setdefault(stem, []).append(one)
    found = []
    for several in by_stem.values():
        several.sort(key=lambda one: (not one.name.endswith("-en"), one.name))
        pairs = zip(several, [*several[1:], several[0]], strict=True)
        found += [across(documents, questions) for documents, questions in pairs if len(several) > 1]
    return found


async def _answers(one: Set, vectors: Vectors) -> Answers:
    search = Search(one.store, vectors)
    await search.start()
    return [(query, await ways(one.store, search, query)) for query in one.queries]


def _mean(answers: Answers, way: str, metric: Metric) -> float:
    return float(np.mean([metric(ranked[way], query) for query, ranked in answers])) if answers else float("nan")


def _ranking(title: str, answers: Mapping[str, Answers]) -> None:
    metrics: tuple[tuple[str, Metric], ...] = (("nDCG@10", ndcg), ("Recall@10", recall))
    for name, metric in metrics:
        values = {one: [_mean(each, way, metric) for way in WAYS] for one, each in answers.items()}
        values["mean"] = [float(np.mean(column)) for column in zip(*values.values(), strict=True)]
        print(f"## {name}, {title}\n")
        print(
            table(["set", *WAYS], [[one, *(figure(value, 3) for value in row)] for one, row in values.items()]), flush=True
        )


def _kinds(answers: Mapping[str, Answers]) -> None:
    for name, each in answers.items():
        kinds = sorted({str(query.metadata["category"]) for query, _ in each if query.metadata.get("category")})
        rows = []
        for kind in kinds:
            some = [one for one in each if str(one[0].metadata.get("category")) == kind]
            rows.append([f"{kind} ({len(some)})", *(figure(_mean(some, way, ndcg), 3) for way in WAYS)])
        if rows:
            print(f"## nDCG@10, {name} by kind of question\n")
            print(table(["kind", *WAYS], rows), flush=True)


def _evidence(name: str, answers: Answers) -> None:
    print(f"## Share of the evidence in the first words, {name} as mecum cuts it\n")
    rows = [[f"{words:,} words", *(figure(_mean(answers, way, evidence(words)), 3) for way in WAYS)] for words in CONTEXTS]
    print(table(["", *WAYS], rows), flush=True)


async def _half(sets: Sequence[Set], halves: Sequence[Set], vectors: Vectors) -> None:
    """Print how well documents are found whose vectors are there, and those whose are not, in one library."""
    rows = []
    for whole, half in zip(sets, halves, strict=True):
        paths = await _embedded(half)
        for title, wanted in (("with vectors", True), ("without", False)):
            some = [
                query
                for query in half.queries
                if query.relevant and all((_path(document) in paths) is wanted for document in query.relevant)
            ]
            some = some[:: max(1, len(some) // SAMPLE)]
            values = [
                await _mean_ndcg(one, some, vectors, mode)
                for one, mode in ((half, "hybrid"), (whole, "keyword"), (whole, "hybrid"))
            ]
            rows.append([f"{half.name}, {title} ({len(some)})", *(figure(value, 3) for value in values)])
    print("## nDCG@10 of documents with and without vectors, half of a library being embedded\n")
    print(table(["set", "half embedded", "none", "all"], rows), flush=True)


async def _mean_ndcg(one: Set, queries: Sequence[Query], vectors: Vectors, mode: Mode) -> float:
    search = Search(one.store, vectors)
    await search.start()
    rankings = [(query, await search.rank(query.text, ALL, k=20, mode=mode)) for query in queries]
    values = [ndcg(places([each.found for each in ranking.passages]), query) for query, ranking in rankings]
    return float(np.mean(values)) if values else float("nan")


async def _embedded(one: Set) -> set[str]:
    page = await one.store.documents.list(ALL, states=("ready",), limit=100_000)
    return {document.path for document in page.items}


def _path(document: str) -> str:
    return document.rpartition(":")[0] or document


if __name__ == "__main__":
    asyncio.run(main())
