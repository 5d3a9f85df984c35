"""The sets of the retrieval benchmark: every BEIR folder of a directory, each indexed in a store of its own.

A set's long documents are cut into windows; the turns of a chat (`_id` "chat:session:turn") are passages of their session,
with its date. `as_cut` makes of such chats what mecum makes of an export: passages of several turns.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.retrieval_vectors import Vectors
from mecum.knowledge.chunk import chunk
from mecum.knowledge.dates import named
from mecum.knowledge.extract.chats import Turn, conversation
from mecum.knowledge.tokens import VERSION, Tokenizer
from mecum.store.sqlite import Sqlite
from mecum.store.values import Filter, NewDocument, NewPassage

OWNER = "bench"
ALL = Filter(OWNER)
LONG = 2000  # characters of a document, on average, from which on a set is cut
WINDOW = 120  # words of a passage then
CHARACTERS = 300  # the same for scripts without spaces
FILES = ("corpus.jsonl", "queries.jsonl", "qrels.tsv")


@dataclass(frozen=True, slots=True)
class Query:
    """A question, the grades of the documents that answer it, and what the set says of it."""

    text: str
    relevant: Mapping[str, int]
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Set:
    """A set, indexed. A passage's place has the `ids` of the set's documents in it; a collection is `group` of an id."""

    name: str
    store: Sqlite
    queries: tuple[Query, ...]
    adversarial: tuple[Query, ...] = ()

    @property
    def family(self) -> set[str]:
        """What sets of the same texts have in common in their names."""
        return {part for part in self.name.split("-") if len(part) > 3}


def folders(data: Path) -> list[Path]:
    """Return the sets of a directory."""
    return sorted(one for one in data.iterdir() if all((one / name).is_file() for name in FILES))


async def load(folder: Path, home: Path, vectors: Vectors, *, share: float = 1.0, sample: int | None = None) -> Set:
    """Index a set; of so many of its documents, by share, the vectors are there. `sample`: only so many questions."""
    corpus = _read(folder / "corpus.jsonl")
    windows = sum(len(entry["text"]) for entry in corpus) > LONG * len(corpus)
    sessions: dict[str, list[Mapping[str, Any]]] = {}
    for entry in corpus:
        sessions.setdefault(entry["_id"].rpartition(":")[0] or entry["_id"], []).append(entry)
    documents = {
        path: [part for entry in entries for part in _passages(entry, windows=windows)] for path, entries in sessions.items()
    }
    return await _set(folder, home, vectors, documents, share=share, sample=sample)


async def as_cut(folder: Path, home: Path, vectors: Vectors, *, sample: int | None = None) -> Set | None:
    """Index a set of chats as mecum cuts them: a document for each chat. None: it has none."""
    chats: dict[str, list[Mapping[str, Any]]] = {}
    for entry in _read(folder / "corpus.jsonl"):
        if entry["_id"].count(":") < 2:
            return None
        chats.setdefault(entry["_id"].partition(":")[0], []).append(entry)
    documents = {path: list(_cut(entries)) for path, entries in chats.items()}
    return await _set(folder, home, vectors, documents, share=1.0, sample=sample)


def across(documents: Set, questions: Set) -> Set:
    """Return the questions of one language over the documents of another, of two sets that are translations."""
    ours, theirs = documents.name.rpartition("-")[2], questions.name.rpartition("-")[2]
    queries = [
        replace(one, relevant={key.replace(f"{theirs}-", f"{ours}-", 1): grade for key, grade in one.relevant.items()})
        for one in questions.queries
    ]
    return Set(f"{theirs} > {ours}", documents.store, tuple(queries))


def group(document: str) -> str:
    """Return what a document belongs to: an article of several paragraphs, a conversation of many turns."""
    return document.rpartition("-")[0] if document.count("-") == 2 else document.partition(":")[0]


async def empty(home: Path, vectors: Vectors) -> Sqlite:
    """Return a new store in a folder that is not there yet, for the vectors of this embedder."""
    home.mkdir(parents=True)  # noqa: ASYNC240 -- a benchmark's own folder
    store = Sqlite(home)
    await store.start()
    await store.keywords.rebuild(VERSION, lambda text: text)
    await store.vectors.use(vectors.identity, vectors.dimension)
    usual = await vectors.usual()
    await store.vectors.keep_usual(vectors.identity, usual.mean, usual.deviation)
    return store


def _read(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


async def _set(
    folder: Path,
    home: Path,
    vectors: Vectors,
    documents: Mapping[str, list[NewPassage]],
    *,
    share: float,
    sample: int | None,
) -> Set:
    store = await empty(home, vectors)
    embedded: list[NewPassage] = []
    for number, (path, passages) in enumerate(documents.items()):
        digest = hashlib.sha256(path.encode()).hexdigest()
        document = await store.documents.put(NewDocument(OWNER, path, digest, "txt", collection=group(path)))
        await store.documents.index(document.id, digest, passages)
        if int(number * share) != int((number + 1) * share):
            embedded += passages
    texts = [f"{one.context}\n{one.text}" if one.context else one.text for one in embedded]
    hashes = [one.hash for one in embedded]
    await store.vectors.stage(vectors.identity, hashes, await vectors.of("passage", texts))
    await store.vectors.publish(vectors.identity)
    grades: dict[str, dict[str, int]] = {}
    for line in (folder / "qrels.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        query, found, grade = line.split("\t")
        grades.setdefault(query, {})[found] = int(grade)
    queries, adversarial = (_queries(folder / f"queries{end}.jsonl", grades) for end in ("", "_adversarial"))
    if sample is not None:
        queries = queries[:: max(1, len(queries) // sample)][:sample]
    await vectors.of("query", [one.text for one in (*queries, *adversarial)])
    return Set(folder.name, store, queries, adversarial)


def _queries(file: Path, grades: Mapping[str, Mapping[str, int]]) -> tuple[Query, ...]:
    return tuple(Query(one["text"], grades.get(one["_id"], {}), one.get("metadata") or {}) for one in _read(file))


def _passages(entry: Mapping[str, Any], *, windows: bool) -> list[NewPassage]:
    title, text = entry.get("title") or "", entry["text"]
    parts = [text]
    if windows:
        title, words = "", text.split()
        sparse = len(words) * 20 < len(text)  # hardly any spaces
        parts = _slices(text, CHARACTERS) if sparse else [" ".join(part) for part in _slices(words, WINDOW)]
    date = _date(entry)
    return [_passage(part, title, [entry["_id"]], date) for part in parts]


def _passage(text: str, context: str, ids: Sequence[str], date: float | None) -> NewPassage:
    keywords = " ".join(_TOKENIZER.tokens(f"{context}\n{text}"))
    return NewPassage(text, keywords, context=context, place={"ids": list(ids)}, date=date)


def _date(entry: Mapping[str, Any]) -> float | None:
    found = named(str((entry.get("metadata") or {}).get("date") or ""), time.time())
    return found.periods[0].since if found else None


def _cut(entries: Sequence[Mapping[str, Any]]) -> Iterator[NewPassage]:
    entries = [entry for entry in entries if entry["text"].partition(": ")[2].strip()]
    said = [(entry["text"].partition(": "), _date(entry)) for entry in entries]
    part = conversation("whatsapp", [Turn(who, what, date) for (who, _, what), date in said])
    turns = [block for block in part.blocks if block.kind == "turn"]
    for one in chunk(part):
        inside = zip(turns, entries, strict=True)
        ids = [entry["_id"] for turn, entry in inside if turn.start < one.stop and turn.start + len(turn.text) > one.start]
        yield _passage(one.text, one.context, ids, one.date)


def _slices(whole: Any, size: int) -> list[Any]:
    return [whole[start : start + size] for start in range(0, max(1, len(whole)), size)]


_TOKENIZER = Tokenizer()
