"""What every store promises. One contract suite (`tests/store/test_contract.py`) runs over all of them.

Invariants: each method is one transaction, durable when it returns; whatever takes an `owner` or a Filter sees that
owner's rows and no others; ids are texts of at least 122 random bits. `Key`s are a store's own numbers: they never leave
the process, and are never used twice.

A document's life: `put` (queued) → `claim` (processing) → `index` (searchable: text and keywords, at once) → `publish`
(ready: its vectors, at once), or `fail`. A document that gets new content answers with its old passages until `index`.
A container goes `put` → `claim` → `add_parts` as often as it takes → `close_parts`, and is ready when all its parts are.

Every method raises StoreError, or StoreFull, when the disk is at fault; nothing of the transaction is then written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from mecum.store.index import Keywords, VectorIndex
from mecum.store.people import Audit, Keys
from mecum.store.roles import Roles
from mecum.store.values import (
    About,
    Counts,
    Document,
    Facets,
    Failure,
    Filter,
    NewDocument,
    NewPart,
    NewPassage,
    Page,
    Passage,
    State,
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

    def temporary(self) -> Path:
        """Return a name on the store's disk for a file that `put` is to take over. What is left there goes at a start."""
        ...

    async def claim(self, limit: int = 1, *, over: int = -1, at_most: int | None = None) -> tuple[Document, ...]:
        """Return the documents that have waited longest, which are `processing` from now on.

        `over` and `at_most` bound their size, in bytes.
        """
        ...

    async def unclaim(self, document_ids: Collection[str] | None = None) -> int:
        """Queue again what is `processing`, all or these: whoever worked on it is gone. Returns how many."""
        ...

    async def requeue(self, version: str) -> int:
        """Queue all documents anew, if their passages were cut by another version than this. Returns how many."""
        ...

    async def index(
        self, document_id: str, content_hash: str, passages: Sequence[NewPassage], about: About | None = None
    ) -> Document | None:
        """Replace a document's passages and keywords, all at once; unchanged passages keep their ids and vectors.

        Returns it, `searchable`, or `ready` when all vectors were there, or `no_text` without passages; None when it was
        deleted meanwhile or has other content by now.
        """
        ...

    async def add_parts(self, document_id: str, content_hash: str, parts: Sequence[NewPart]) -> tuple[Document, ...] | None:
        """Put documents into a container, all at once, each searchable or ready; None as `index`.

        A part that is there already gets its new passages as `index` does it.
        """
        ...

    async def close_parts(
        self, document_id: str, content_hash: str, about: About, names: Collection[str]
    ) -> Document | None:
        """Say that a container has these parts and no others; those that it had besides are deleted. None as `index`."""
        ...

    async def fail(self, document_id: str, content_hash: str, failure: Failure, state: State = "failed") -> Document | None:
        """Say why a document has no passages (`failed` or `no_text`), and drop those, and the parts, that it had.

        None as `index`.
        """
        ...

    async def rename(self, owner: str, document_id: str, path: str) -> Document | None:
        """Give a document another path; a document that was there is replaced. Nothing is embedded again.

        A container's parts go with it.

        Raises:
            InvalidRequest: it is such a part.
        """
        ...

    async def delete(self, owner: str, document_ids: Iterable[str]) -> int:
        """Delete documents with all that belongs to them: they answer no more. Returns how many there were."""
        ...

    async def under(self, owner: str, path: str, collection: str | None = None) -> tuple[str, ...]:
        """Return the ids of the document of that path and of all in the folder of that path, parts left out.

        Where nothing has exactly that path, another spelling of it in Unicode counts.
        """
        ...

    async def passages(self, owner: str, document_id: str, *, start: int = 0, limit: int = 100) -> tuple[Passage, ...]:
        """Return a document's passages from a position on, in order."""
        ...

    async def passage(self, owner: str, passage_id: str) -> Passage | None:
        """Return one passage."""
        ...

    async def original(self, owner: str, document_id: str) -> Path | None:
        """Return the file that holds the document's bytes, or its container's, where the store has it."""
        ...

    async def counts(self, owner: str) -> Counts:
        """Return how far the owner's library is."""
        ...

    async def facets(self, owner: str) -> Facets:
        """Return what collections and kinds the owner's documents are of."""
        ...


class Store(Protocol):
    """All rows: the library's, the roles', the keys' and the audit log's."""

    @property
    def documents(self) -> Documents:
        """The documents and their passages."""
        ...

    @property
    def keywords(self) -> Keywords:
        """Search by words."""
        ...

    @property
    def vectors(self) -> VectorIndex:
        """The passages' vectors."""
        ...

    @property
    def roles(self) -> Roles:
        """The roles."""
        ...

    @property
    def keys(self) -> Keys:
        """The API keys."""
        ...

    @property
    def audit(self) -> Audit:
        """The audit log."""
        ...

    async def start(self) -> None:
        """Open, and bring the schema up to date.

        Raises:
            StoreStartError: it cannot be opened; it was not touched.
        """
        ...

    async def aclose(self) -> None:
        """Finish what was begun, and close."""
        ...

    async def check(self, *, originals: bool = False) -> tuple[str, ...]:
        """Return what is wrong with the store, a sentence each; nothing when all its invariants hold.

        With `originals` each document must have one, which holds where every document was put with its content.
        """
        ...

    async def backup(self, folder: Path) -> None:
        """Write a copy that opens as a store, while others read and write."""
        ...

    async def compact(self) -> None:
        """Give room that is no longer needed back to the disk, and leave no trace of what was deleted."""
        ...
