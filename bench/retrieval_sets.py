"""The sets of the retrieval benchmark: BEIR folders, each in a store of its own, with their vectors kept between runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecum.engine.embedder.base import Embedder
from mecum.knowledge.tokens import VERSION, Tokenizer
from mecum.store.sqlite import Sqlite
from mecum.store.values import Filter, NewDocument, NewPassage

OWNER = "bench"
ALL = Filter(OWNER)
WINDOW = 120  # words of a passage, where the set's documents are long
CHARACTERS = 300  # the same for scripts without spaces
BATCH = 64


@dataclass(frozen=True, slots=True)
class Query:
    """A question, the grades of the documents that answer it, and what the set says of it."""

    text: str
    relevant: Mapping[str, int]
    metadata: Mapping[str, Any]
    vector: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Set:
    """A set, indexed. A document of the store has the set's id as its path; its collection is `group` of that id."""

    name: str
    store: Sqlite
    queries: tuple[Query, ...]
    adversarial: tuple[Query, ...] = ()


class Cached:
    """An embedder that looks up questions which were embedded before."""

    def __init__(self, identity: str) -> None:
        self.identity = identity
        self.known: dict[str, NDArray[np.float32]] = {}

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        """Return the vector of a question that is known."""
        return self.known[text]


async def load(folder: Path, cache: Path, embedder: Embedder, *, windows: bool) -> Set:
    """Index a set, or open what an earlier run indexed. `windows` cuts its documents into passages."""
    home = cache / folder.name
    home.mkdir(parents=True, exist_ok=True)
    store = Sqlite(home)
    await store.start()
    if not (home / "indexed").exists():
        await _index(store, folder, windows=windows)
        (home / "indexed").touch()
    await _embed(store, embedder)
    grades: dict[str, dict[str, int]] = {}
    for line in (folder / "qrels.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        query, document, grade = line.split("\t")
        grades.setdefault(query, {})[document] = int(grade)
    queries = await _queries(folder / "queries.jsonl", grades, home, embedder)
    return Set(folder.name, store, queries, await _queries(folder / "queries_adversarial.jsonl", {}, home, embedder))


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


def _read(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


async def _index(store: Sqlite, folder: Path, *, windows: bool) -> None:
    """One document of the store for each of the set; turns of a chat are passages of their session."""
    tokenizer = Tokenizer()
    sessions: dict[str, list[dict[str, Any]]] = {}
    for entry in _read(folder / "corpus.jsonl"):
        session = entry["_id"].rpartition(":")[0] or entry["_id"]
        sessions.setdefault(session, []).append(entry)
    for path, entries in sessions.items():
        digest = hashlib.sha256(json.dumps(entries).encode()).hexdigest()
        new = NewDocument(OWNER, path, digest, "txt", collection=group(path))
        document = await store.documents.put(new)
        passages = [part for entry in entries for part in _passages(tokenizer, entry, windows=windows)]
        await store.documents.index(document.id, digest, passages)
    await store.keywords.rebuild(VERSION, lambda text: " ".join(tokenizer.tokens(text)))


def _passages(tokenizer: Tokenizer, entry: Mapping[str, Any], *, windows: bool) -> list[NewPassage]:
    title, text = entry["title"], entry["text"]
    if windows:
        title, words = "", text.split()
        sparse = len(words) * 20 < len(text)  # hardly any spaces
        parts = _slices(text, CHARACTERS) if sparse else [" ".join(part) for part in _slices(words, WINDOW)]
    else:
        parts = [text]
    place = {"id": entry["_id"]}
    return [NewPassage(part, " ".join(tokenizer.tokens(f"{title}\n{part}")), context=title, place=place) for part in parts]


def _slices(whole: Any, size: int) -> list[Any]:
    return [whole[start : start + size] for start in range(0, max(1, len(whole)), size)]


async def _embed(store: Sqlite, embedder: Embedder) -> None:
    await store.vectors.use(embedder.identity, embedder.dimension)
    while texts := await store.vectors.missing(embedder.identity, BATCH):
        hashes = [text.hash for text in texts]
        await store.vectors.stage(
            embedder.identity, hashes, await embedder.embed_passages([text.embedded for text in texts])
        )
        await store.vectors.publish(embedder.identity, hashes)
    await store.vectors.swap(embedder.identity)


async def _queries(file: Path, grades: Mapping[str, Mapping[str, int]], home: Path, embedder: Embedder) -> tuple[Query, ...]:
    entries = _read(file)
    kept = home / f"{file.stem}-{embedder.identity}.npy"
    if entries and not kept.exists():
        np.save(kept, await _embedded([entry["text"] for entry in entries], embedder))
    vectors = np.load(kept) if entries else []
    return tuple(
        Query(entry["text"], grades.get(entry["_id"], {}), entry["metadata"], vector)
        for entry, vector in zip(entries, vectors, strict=True)
    )


async def _embedded(texts: Sequence[str], embedder: Embedder) -> NDArray[np.float32]:
    return np.stack([await embedder.embed_query(text) for text in texts])
