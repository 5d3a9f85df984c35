"""A deterministic embedder without a model, for tests and demos: texts that share words are near each other.

Each word is hashed to a few coordinates. No process is started, so whatever uses an embedder can be tested in milliseconds.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from itertools import islice
from typing import Final

import numpy as np

from mecum.engine.embedder.base import Embedded, Kind, Status, Vectors
from mecum.errors import EngineDown

COORDINATES: Final = 4  # of one word
TOKENS: Final = 512  # words of a text that it reads


class ScriptedEmbedder:
    """An embedder of hashed words. `missing` makes it one that is not there."""

    def __init__(self, *, dimension: int = 64, identity: str = "scripted-1", missing: bool = False) -> None:
        self._dimension = dimension
        self._identity = identity
        self._missing = missing
        self._status = Status("stopped", "The embedder has not been started.")

    @property
    def name(self) -> str:
        """The model's name."""
        return "scripted"

    @property
    def identity(self) -> str:
        """What the vectors depend on, as one short name."""
        return "" if self._missing else self._identity

    @property
    def dimension(self) -> int:
        """The length of a vector."""
        return self._dimension

    async def start(self) -> None:
        """Become ready, or missing."""
        self._status = Status("missing", "There is no embedder.") if self._missing else Status("ready")

    async def aclose(self) -> None:
        """Stop."""
        self._status = Status("stopped", "The embedder was stopped.")

    def status(self) -> Status:
        """Return the present state."""
        return self._status

    async def usable(self) -> None:
        """Return at once."""

    async def embed_query(self, text: str) -> Vectors:
        """Return the vector of a question."""
        return self._vector(text)

    async def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of passages, a row each."""
        rows = [self._vector(text) for text in texts]
        return np.stack(rows) if rows else np.zeros((0, self._dimension), np.float32)

    async def embed(self, texts: Sequence[str], kind: Kind) -> Embedded:
        """Return the vectors of texts; the kind changes nothing. A word is a token."""
        del kind
        words = [len(text.split()) for text in texts]
        cut = tuple(place for place, number in enumerate(words) if number > TOKENS)
        return Embedded(await self.embed_passages(texts), tuple(min(number, TOKENS) for number in words), cut)

    def _vector(self, text: str) -> Vectors:
        if not self._status.ready:
            raise EngineDown(self._status.reason or "The embedder is not ready.")
        vector = np.zeros(self._dimension, np.float32)
        for word in _words(text) or [""]:
            digest = hashlib.sha256(word.encode("utf-8", "replace")).digest()
            for number in range(COORDINATES):
                place = int.from_bytes(digest[4 * number : 4 * number + 3], "little") % self._dimension
                vector[place] += 1 if digest[4 * number + 3] & 1 else -1
        return vector / max(float(np.linalg.norm(vector)), 1e-9)


def _words(text: str) -> list[str]:
    return [found[0].casefold() for found in islice(re.finditer(r"\w+", text), TOKENS)]
