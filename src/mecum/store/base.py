"""What every store promises. One contract suite (`tests/store/test_contract.py`) runs over all of them.

Invariants: each method is one transaction, durable when it returns; whatever takes an `owner` or a Filter sees that
owner's rows and no others; ids are texts of at least 122 random bits. `Key`s are a store's own numbers: they never leave
the process, and are never used twice.

A document's life: `put` (queued) → `claim` (processing) → `index` (searchable: text and keywords, at once) → `publish`
(ready: its vectors, at once), or `fail`. A document that gets new content answers with its old passages until `index`.

Every method raises StoreError, or StoreFull, when the disk is at fault; nothing of the transaction is then written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mecum.store.values import (
    Changes,
    Counts,
    Document,
    Failure,
    Filter,
    Found,
    Key,
    Match,
    NewDocument,
    NewPassage,
    Page,
    Passage,
    Stamp,
    State,
    Unembedded,
    Vectors,
)


class Documents(Protocol):
    """The documents, their states and their passages."""

    async def put(self, new: NewDocument, content: Path | None = None) -> Document:
        """Add a document, or give the one of that identity new content, title and metadata.

        The same content again changes no state, unless it had failed. `content` is a file on the store's disk that the
        store takes over as the document's original: it is gone afterwards.
        """
        ...

    async def get(self, owner: str, document_id: str) -> Document | None:
        """Return a document."""
        ...

    async def find(self, owner: str, collection: str, path: str) -> Document | None:
        """Return the document of that identity."""
        ...

    async def list(
        self, where: Filter, *, states: Sequence[State] = (), limit: int = 100, cursor: str | None = None
    ) -> Page:
        """Return documents, ordered by path. Of a filter's dates, the document's own count.

        Raises:
            InvalidRequest: the cursor is not one of ours.
        """
        ...

    async def claim(self, limit: int = 1) -> tuple[Document, ...]:
        """Return the documents that have waited longest, which are `processing` from now on."""
        ...

    async def unclaim(self) -> int:
        """Queue again what is `processing`: whoever worked on it is gone. Returns how many."""
        ...

    async def index(self, document_id: str, content_hash: str, passages: Sequence[NewPassage]) -> Document | None:
        """Replace a document's passages and keywords, all at once; unchanged passages keep their ids and vectors.

        Returns it, `searchable`, or `ready` when all vectors were there, or `no_text` without passages; None when it was
        deleted meanwhile or has other content by now.
        """
        ...

    async def fail(self, document_id: str, content_hash: str, failure: Failure, state: State = "failed") -> Document | None:
        """Say why a document has no passages (`failed` or `no_text`), and drop those it had. None as `index`."""
        ...

    async def rename(self, owner: str, document_id: str, path: str) -> Document | None:
        """Give a document another path; a document that was there is replaced. Nothing is embedded again."""
        ...

    async def delete(self, owner: str, document_ids: Iterable[str]) -> int:
        """Delete documents with all that belongs to them: they answer no more. Returns how many there were."""
        ...

    async def passages(self, owner: str, document_id: str, *, start: int = 0, limit: int = 100) -> tuple[Passage, ...]:
        """Return a document's passages from a position on, in order."""
        ...

    async def passage(self, owner: str, passage_id: str) -> Passage | None:
        """Return one passage."""
        ...

    async def original(self, owner: str, document_id: str) -> Path | None:
        """Return the file that holds the document's bytes, where the store has it."""
        ...

    async def counts(self, owner: str) -> Counts:
        """Return how far the owner's library is."""
        ...


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

    async def publish(self, identity: str, hashes: Sequence[bytes] | None = None) -> tuple[str, ...]:
        """Publish each document all of whose passages have a vector, and return their ids; they are `ready`.

        With `hashes` (those that were staged since) only documents with these texts are looked at.
        """
        ...

    async def swap(self, identity: str) -> bool:
        """Let an embedder answer from now on, if every document is published for it; its predecessor's vectors go."""
        ...

    async def changes(self, identity: str | None, after: int) -> Changes:
        """Return what happened since `after` (0: everything) to the active index, which was `identity`'s."""
        ...

    async def keys(self, where: Filter) -> NDArray[np.int64]:
        """Return the keys of the documents that the filter lets through; its dates are not looked at."""
        ...


class Store(Protocol):
    """The library's rows."""

    documents: Documents
    keywords: Keywords
    vectors: VectorIndex

    async def start(self) -> None:
        """Open, and bring the schema up to date.

        Raises:
            StoreStartError: it cannot be opened; it was not touched.
        """
        ...

    async def aclose(self) -> None:
        """Finish what was begun, and close."""
        ...

    async def check(self) -> tuple[str, ...]:
        """Return what is wrong with the store, a sentence each; nothing when all its invariants hold."""
        ...

    async def backup(self, folder: Path) -> None:
        """Write a copy that opens as a store, while others read and write."""
        ...

    async def compact(self) -> None:
        """Give room that is no longer needed back to the disk, and leave no trace of what was deleted."""
        ...
