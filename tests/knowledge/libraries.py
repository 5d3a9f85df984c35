"""Words for the tests of the library: a real one in a folder, and contents added to it."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from mecum.engine.embedder.base import Embedder, Vectors
from mecum.engine.embedder.scripted import ScriptedEmbedder
from mecum.knowledge.library import Library, NewFile
from mecum.store.sqlite import Sqlite
from mecum.store.values import Document, Filter
from mecum.types import Principal, Query

ANN, BEN = Principal("ann"), Principal("ben")


class Counting(ScriptedEmbedder):
    """Counts the questions that it embeds."""

    asked = 0

    async def embed_query(self, text: str) -> Vectors:
        self.asked += 1
        return await super().embed_query(text)


@contextlib.asynccontextmanager
async def opened(home: Path, embedder: Embedder | None = None, **options: Any) -> AsyncIterator[Library]:
    """A library on its store; when the block is left, what the store's invariants say still holds."""
    library = Library(Sqlite(home), embedder or ScriptedEmbedder(), **options)
    await library.start()
    try:
        yield library
        await library.settled()
        assert await library.verify() == ()
    finally:
        await library.aclose()


async def put(library: Library, path: str, content: bytes | str, principal: Principal = ANN, **fields: Any) -> Document:
    """Add a content."""
    data = content.encode() if isinstance(content, str) else content
    file = library.temporary()
    file.write_bytes(data)
    new = NewFile(path=path, content=file, sha256=hashlib.sha256(data).hexdigest(), size=len(data), **fields)
    return await library.add(new, principal)


async def add(library: Library, path: str, content: bytes | str, principal: Principal = ANN, **fields: Any) -> Document:
    """Add a content, and wait until it is as far as it gets."""
    document = await put(library, path, content, principal, **fields)
    (done,) = await library.wait([document.id], principal, until="ready", timeout=60)
    return done


async def paths(library: Library, principal: Principal = ANN) -> list[str]:
    """The paths of all documents."""
    return [document.path for document in (await library.list(Filter(principal.owner), limit=1000)).items]


async def answers(library: Library, question: str, principal: Principal = ANN, **fields: Any) -> list[str]:
    """The paths of what a question finds, relevant or not, the best first."""
    found = await library.search(Query(text=question, **{"min_score": 0.0, **fields}), principal)
    return [hit.path for hit in found.hits]
