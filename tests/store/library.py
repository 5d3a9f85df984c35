"""Words for the tests of stores: documents made of short texts, and vectors that follow from a text."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from mecum.store.base import Store
from mecum.store.values import Document, Filter, NewDocument, NewPassage, Vectors

OWNER = "local"
ALL = Filter(OWNER)
DIMENSION = 8
EMBEDDER = "toy-1"


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def new(path: str, text: str = "", **fields: object) -> NewDocument:
    return NewDocument(**{"owner": OWNER, "path": path, "content_hash": sha(text), "kind": "txt", **fields})  # type: ignore[arg-type]


def passages(*texts: str) -> list[NewPassage]:
    return [NewPassage(text=text, keywords=text.lower(), place={"page": number + 1}) for number, text in enumerate(texts)]


async def add(store: Store, path: str, *texts: str, **fields: object) -> Document:
    """Add a document and index it."""
    content = "\n".join(texts)
    document = await store.documents.put(new(path, content, **fields))
    indexed = await store.documents.index(document.id, document.content_hash, passages(*texts))
    assert indexed is not None
    return indexed


def vector(text: str, dimension: int = DIMENSION) -> Vectors:
    """A unit vector that follows from the text."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
    row = np.random.default_rng(seed).standard_normal(dimension).astype(np.float32)
    return row / np.linalg.norm(row)


async def embed(store: Store, identity: str = EMBEDDER, *, dimension: int = DIMENSION, batch: int = 100) -> int:
    """Do what the embedding worker does, until nothing is missing. Returns how many texts were embedded."""
    await store.vectors.use(identity, dimension)
    number = 0
    while texts := await store.vectors.missing(identity, batch):
        hashes = [text.hash for text in texts]
        rows = np.stack([vector(identity + text.text, dimension) for text in texts])
        number += await store.vectors.stage(identity, hashes, rows)
        await store.vectors.publish(identity, hashes)
    return number


async def texts_of(store: Store, *tokens: str, where: Filter = ALL) -> list[str]:
    """The texts that answer to any of the tokens, the best first."""
    matches = await store.keywords.matching(tokens, where, 10)
    return [found.passage.text for found in await store.keywords.found([match.key for match in matches], where)]


async def with_vectors(store: Store) -> list[str]:
    """The ids of the documents that answer by vectors, each as often as it has passages there."""
    changes = await store.vectors.changes(None, 0)
    found = await store.keywords.found([int(key) for key in changes.passages], ALL)
    return [one.passage.document_id for one in found]


def unit(rows: Sequence[Sequence[float]]) -> Vectors:
    array = np.array(rows, dtype=np.float32)
    return array / np.linalg.norm(array, axis=1, keepdims=True)
