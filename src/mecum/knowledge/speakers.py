"""Who makes a question's vector: the embedder whose vectors the index holds.

Invariant (`tests/knowledge/test_embedders.py`): while another embedder's index is built beside the old one, questions go to
the embedder of the old one, if it is here; a question's vector is never compared with another embedder's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from mecum.engine.embedder.base import Embedded, Kind
from mecum.errors import EngineError, InvalidRequest
from mecum.knowledge.fuse import Usual
from mecum.knowledge.matrix import Floats
from mecum.knowledge.talk import Talks
from mecum.knowledge.usual import kept
from mecum.store.base import Store

REMEMBERED: Final = 2_000  # sentences whose vectors are kept at hand: some 4 MB
PATIENCE: Final = 3.0  # seconds that a search waits for those of sentences; a batch of passages may take minutes


class Speaker(Protocol):
    """What search needs of an embedder; `identity` as the index's stamp."""

    @property
    def identity(self) -> str:
        """What the vectors depend on, as one short name; "" while the embedder is not there."""
        ...

    async def embed_query(self, text: str) -> Floats:
        """Return a question's unit vector. Raises EngineError when it cannot."""
        ...

    async def embed(self, texts: Sequence[str], kind: Kind) -> Embedded:
        """Return unit vectors of texts, of a single one soon. Raises EngineError when it cannot."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """A question's vector, whose it is, and what is usual of that embedder; how far the question is small talk (`talk`)."""

    identity: str
    vector: Floats
    usual: Usual
    talk: float = 0.0


class Speakers:
    """The embedder that works now, and, while the index is another's, that one: `former`. `cache` as in `Talks`.

    The vectors of sentences that were looked at are remembered, so that a small library's are soon all at hand.
    """

    def __init__(self, store: Store, current: Speaker | None, *, cache: Path | None = None) -> None:
        self._store = store
        self._current = current
        self.former: Speaker | None = None
        self._usual: dict[str, Usual] = {}
        self._talks = Talks(cache)
        self._sentences: dict[tuple[str, str], Floats] = {}

    async def vector(self, query: str, index: str | None) -> Asked | None:
        """Return a question's vector for the index of that identity (None: nobody's yet); None where nobody makes it."""
        speaker = self._speaker(index)
        if speaker is None:
            return None
        identity = speaker.identity
        try:
            vector = await speaker.embed_query(query)
        except EngineError:
            return None
        if identity not in self._usual and (found := await kept(identity, len(vector), self._store)):
            self._usual[identity] = found
        usual = self._usual.get(identity)
        if usual is None:
            return None  # nobody knows how near is near
        return Asked(identity, vector, usual, await self._strength(speaker, vector, usual))

    async def sentences(self, texts: Sequence[str], identity: str) -> Floats | None:
        """Return the vectors of sentences as parts of passages, a row each, of that embedder.

        None where it makes none, or not within `PATIENCE`.
        """
        speaker = self._speaker(identity)
        if speaker is None:
            return None
        if len(self._sentences) + len(texts) > REMEMBERED:
            self._sentences.clear()
        found: dict[str, Floats] = {}

        async def find(text: str) -> None:
            vector = self._sentences.get((identity, text))
            if vector is None:
                vector = (await speaker.embed([text], "passage")).vectors[0]
                self._sentences[identity, text] = vector  # also when the others come too late: the next search has it
            found[text] = vector

        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(*map(find, dict.fromkeys(texts)))
        except (EngineError, InvalidRequest, TimeoutError):  # a server may not take a sentence
            return None
        return np.stack([found[text] for text in texts])

    def _speaker(self, identity: str | None) -> Speaker | None:
        here = [one for one in (self._current, self.former) if one is not None and one.identity]
        return next((one for one in here if identity is None or one.identity == identity), None)

    async def _strength(self, speaker: Speaker, vector: Floats, usual: Usual) -> float:
        """Return how far a question is small talk; 0 where the examples cannot be embedded: the next one tries again."""
        try:
            talk = await self._talks.of(speaker.identity, len(vector), speaker.embed_query)
        except EngineError:
            return 0.0  # the question itself was embedded: it is answered all the same
        return talk.strength(vector, usual.deviation)
