"""What every store promises of its index: search by words and by vectors. `base` says what holds for all methods."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mecum.store.values import Changes, Document, Filter, Found, Key, Match, Stamp, Unembedded, Vectors


class Keywords(Protocol):
    """Search by words. The tokens are those that were given with the passages."""

    async def size(self) -> int:
        """Return how many passages there are."""
        ...

    async def frequencies(self, tokens: Iterable[str]) -> Mapping[str, int]:
        """Return in how many passages each token stands, about: a figure may be as old as a tenth of the passages."""
        ...

    async def matching(self, tokens: Sequence[str], where: Filter, limit: int) -> tuple[Match, ...]:
        """Return the passages that hold any of the tokens, the best first."""
        ...

    async def found(self, keys: Sequence[Key], where: Filter) -> tuple[Found, ...]:
        """Return those passages that exist and that the filter lets through, in the order of `keys`."""
        ...

    async def around(self, places: Iterable[tuple[str, int]], where: Filter) -> tuple[Found, ...]:
        """Return the passages at (document id, position), as far as they exist and the filter lets them through."""
        ...

    async def stamp(self) -> str | None:
        """Return the tokeniser's version that the keywords were made with, None in an empty library."""
        ...

    async def rebuild(self, version: str, tokens: Callable[[str], str]) -> int:
        """Make all keywords anew from the passages' texts, all at once, with the tokens that the function gives."""
        ...


class VectorIndex(Protocol):
    """The vectors of passages, for one embedder at a time, or for two while a new one takes over."""

    async def stamp(self) -> Stamp:
        """Return whose vectors the index holds."""
        ...

    async def use(self, identity: str, dimension: int) -> Stamp:
        """Say which embedder works from now on. Another one than the active begins to build beside it."""
        ...

    async def missing(self, identity: str, limit: int) -> tuple[Unembedded, ...]:
        """Return at most `limit` texts that have no vector of this embedder, document by document, each text once.

        Ask for many at once: finding them takes longer than reading them.
        """
        ...

    async def stage(self, identity: str, hashes: Sequence[bytes], vectors: Vectors) -> int:
        """Keep the vectors of a batch, unpublished; texts that are gone meanwhile are left out. Returns how many."""
        ...

    async def publish(self, identity: str, hashes: Sequence[bytes] | None = None) -> tuple[Document, ...]:
        """Publish each document all of whose passages have a vector; return those that are `ready` by it, as they are.

        Containers that are ready by it are among them. With `hashes` (those that were staged since) only documents with
        these texts are looked at.
        """
        ...

    async def swap(self, identity: str) -> bool:
        """Let an embedder answer from now on, if every document is published for it; its predecessor's vectors go."""
        ...

    async def usual(self, identity: str) -> tuple[float, float] | None:
        """Return the mean and the deviation that were kept for an embedder, None where none were."""
        ...

    async def keep_usual(self, identity: str, mean: float, deviation: float) -> None:
        """Keep where an embedder's dot products of questions with passages about something else lie."""
        ...

    async def changes(self, identity: str | None, after: int) -> Changes:
        """Return what happened since `after` (0: everything) to the active index, which was `identity`'s."""
        ...

    async def keys(self, where: Filter) -> NDArray[np.int64]:
        """Return the keys of the documents that the filter lets through; its dates are not looked at."""
        ...
