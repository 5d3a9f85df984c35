"""Vectors that outlive a run: what was embedded once is read from a file, by its text and the embedder's identity.

A run that was broken off goes on where it stopped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import apsw
import numpy as np
from numpy.typing import NDArray

from mecum.engine.embedder.base import Embedded, Embedder, Kind
from mecum.knowledge.fuse import Usual
from mecum.knowledge.usual import of_vectors, pairs

BATCH = 32
Floats = NDArray[np.float32]


class Vectors:
    """Embeds through a cache. As an embedder of `Search` it knows the questions that were embedded before."""

    def __init__(self, folder: Path, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: dict[str, Floats] = {}
        self._db = apsw.Connection(str(folder / f"vectors-{embedder.identity}.db"))
        self._db.execute("CREATE TABLE IF NOT EXISTS vectors (hash BLOB PRIMARY KEY, vector BLOB) WITHOUT ROWID")

    @property
    def identity(self) -> str:
        """The embedder's."""
        return self._embedder.identity

    @property
    def dimension(self) -> int:
        """The embedder's."""
        return self._embedder.dimension

    async def embed_query(self, text: str) -> Floats:
        """Return the vector of a question."""
        if text not in self._known:
            self._known[text] = (await self.of("query", [text]))[0]
        return self._known[text]

    async def embed(self, texts: Sequence[str], kind: Kind) -> Embedded:
        """Return the vectors of texts."""
        return Embedded(await self.of(kind, texts), (0,) * len(texts))

    async def of(self, kind: Kind, texts: Sequence[str]) -> Floats:
        """Return a row for each text."""
        hashes = [hashlib.sha256(f"{kind}\0{text}".encode("utf-8", "replace")).digest() for text in texts]
        missing = {one: text for one, text in zip(hashes, texts, strict=True) if self._read(one) is None}
        for start in range(0, len(missing), BATCH):
            some = [*missing][start : start + BATCH]
            if kind == "query":
                rows = [await self._embedder.embed_query(missing[one]) for one in some]
            else:
                rows = list(await self._embedder.embed_passages([missing[one] for one in some]))
            with self._db:
                self._db.executemany(
                    "INSERT OR IGNORE INTO vectors VALUES (?, ?)",
                    [(one, row.astype(np.float32).tobytes()) for one, row in zip(some, rows, strict=True)],
                )
        found = [self._read(one) for one in hashes]
        return np.stack([row for row in found if row is not None]) if found else np.zeros((0, self.dimension), np.float32)

    async def usual(self) -> Usual:
        """Return what is usual of the embedder."""
        languages, questions, passages = zip(*pairs(), strict=True)
        return of_vectors(languages, await self.of("query", questions), await self.of("passage", passages))

    def _read(self, one: bytes) -> Floats | None:
        for (blob,) in self._db.execute("SELECT vector FROM vectors WHERE hash = ?", (one,)):
            return np.frombuffer(blob, np.float32)
        return None
