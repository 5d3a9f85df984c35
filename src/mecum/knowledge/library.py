"""The library: the one way to the user's documents, for `chat`, `api` and `cli`.

Invariants (`tests/knowledge/test_library.py`): whatever is acknowledged survives `kill -9`; whatever takes a Principal sees
that owner's documents and no others; a search that fails raises, it never finds nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from mecum.engine.embedder.base import Embedder
from mecum.errors import DocumentNotFound, RetrievalFailed, StoreError
from mecum.knowledge.former import Former, Others
from mecum.knowledge.ingest import Ingest
from mecum.knowledge.progress import Event, Progress
from mecum.knowledge.question import in_context
from mecum.knowledge.search import Search
from mecum.knowledge.tokens import Tokenizer
from mecum.store.base import Store
from mecum.store.values import (
    DEFAULT_COLLECTION,
    Counts,
    Document,
    Facets,
    Filter,
    NewDocument,
    Page,
    Passage,
    State,
)
from mecum.types import Json, Principal, Query, Retrieval

Until = Literal["searchable", "ready"]
RECHECK: Final = 1.0  # seconds; a new embedder makes all documents ready at once, without a word on each
_DONE: Final[dict[Until, frozenset[State]]] = {
    "searchable": frozenset({"searchable", "ready", "no_text", "failed"}),
    "ready": frozenset({"ready", "no_text", "failed"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """A file to add. `content` is a file of ours (`Library.temporary`) that the library takes over.

    `path` is a label: nothing is ever opened by it. `title` "" is the document's own, else the file's name. `date` is in
    seconds since 1970. `sha256` is of the content, in hex.
    """

    path: str
    content: Path
    sha256: str
    size: int
    title: str = ""
    collection: str = DEFAULT_COLLECTION
    metadata: Json = field(default_factory=dict)
    date: float | None = None


class Library:
    """The documents of one store. `top_k`: passages of a search that says none; `others`: see `Former`, `cache`: `Talks`."""

    def __init__(
        self, store: Store, embedder: Embedder, *, top_k: int = 5, others: Others = tuple, cache: Path | None = None
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._top_k = top_k
        self._tokenizer = Tokenizer()
        self._progress = Progress()
        self._search = Search(store, embedder, cache=cache)
        self._loading: asyncio.Task[None] | None = None
        self._former = Former(store, embedder, others, self._search)
        self._ingest = Ingest(store, embedder, self._progress, swapped=self._former.retire)

    async def start(self) -> None:
        """Open the store and the embedder, and go on with whatever was not finished.

        Raises:
            StoreStartError: the store cannot be opened.
        """
        await self._store.start()
        await self._embedder.start()
        await self._former.start()
        self._load()
        await self._ingest.start()

    async def aclose(self) -> None:
        """Stop in reverse. What is not finished goes on at the next start."""
        await self._ingest.aclose()
        self._progress.close()
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.wait([self._loading])
        await self._embedder.aclose()
        await self._former.aclose()
        await self._store.aclose()

    @property
    def embedder(self) -> Embedder:
        """What makes vectors."""
        return self._embedder

    async def search(self, query: Query, principal: Principal) -> Retrieval:
        """Return the passages that hold the answer to a question, the best first, or none.

        Raises:
            RetrievalFailed: the documents cannot be searched.
        """
        where = Filter(
            principal.owner, query.collections, query.path_prefix, query.kinds, since=query.since, until=query.until
        )
        text = in_context(query.text, query.before, self._tokenizer)
        try:
            await self._loaded()
            return await self._search.search(
                text, where, k=query.k or self._top_k, mode=query.mode, min_score=query.min_score
            )
        except StoreError as error:
            raise RetrievalFailed(f"Your documents could not be searched. {error.message}") from error

    def _load(self) -> asyncio.Task[None]:
        """Load the index in the background: 100,000 passages take seconds, in which all but a search can be answered."""
        self._loading = asyncio.create_task(self._search.start(), name="loading the index")
        return self._loading

    async def _loaded(self) -> None:
        loading = self._loading
        if loading is None or (loading.done() and (loading.cancelled() or loading.exception())):
            loading = self._load()  # the last attempt failed
        await asyncio.shield(loading)

    def temporary(self) -> Path:
        """Return a name, on the store's disk, for a file that `add` is to take over. What is left there goes at a start."""
        return self._store.documents.temporary()

    async def add(self, new: NewFile, principal: Principal) -> Document:
        """Add a file, or give the document of that collection and path new content. It is durable when this returns.

        The same content again changes nothing, unless reading it had failed: then it is tried again.

        Raises:
            StoreError: the disk is at fault; nothing was added.
        """
        # A caller that stops waiting does not stop the store: what it commits has to be told and read all the same.
        return await asyncio.shield(asyncio.create_task(self._put(new, principal)))

    async def _put(self, new: NewFile, principal: Principal) -> Document:
        document = await self._store.documents.put(
            NewDocument(
                *(principal.owner, new.path, new.sha256, ""),
                title=new.title,
                size=new.size,
                collection=new.collection,
                metadata=new.metadata,
                date=new.date,
            ),
            new.content,
        )
        self._progress.tell(document)
        self._ingest.wake()
        return document

    async def get(self, document_id: str, principal: Principal) -> Document:
        """Return a document.

        Raises:
            DocumentNotFound: there is none of that id.
        """
        document = await self._store.documents.get(principal.owner, document_id)
        if document is None:
            raise _missing(document_id)
        return document

    async def find(self, path: str, collection: str, principal: Principal) -> Document | None:
        """Return the document of that identity."""
        return await self._store.documents.find(principal.owner, collection, path)

    async def list(
        self, where: Filter, *, states: Sequence[State] = (), limit: int = 100, cursor: str | None = None
    ) -> Page:
        """Return documents, ordered by path. The filter names the owner.

        Raises:
            InvalidRequest: the cursor is not one of ours.
        """
        return await self._store.documents.list(where, states=states, limit=limit, cursor=cursor)

    async def passages(
        self, document_id: str, principal: Principal, *, start: int = 0, limit: int = 100
    ) -> tuple[Passage, ...]:
        """Return a document's passages from a position on, in order.

        Raises:
            DocumentNotFound: there is none of that id.
        """
        await self.get(document_id, principal)
        return await self._store.documents.passages(principal.owner, document_id, start=start, limit=limit)

    async def passage(self, passage_id: str, principal: Principal) -> Passage | None:
        """Return one passage."""
        return await self._store.documents.passage(principal.owner, passage_id)

    async def original(self, document_id: str, principal: Principal) -> Path:
        """Return the file with a document's bytes as they were added; of a mail in a mailbox, the mailbox.

        Raises:
            DocumentNotFound: there is no document of that id.
        """
        file = await self._store.documents.original(principal.owner, document_id)
        if file is None:
            raise _missing(document_id)
        return file

    async def remove(self, document_ids: Iterable[str], principal: Principal) -> int:
        """Remove documents: they stop answering in the same transaction. Returns how many there were."""
        ids = tuple(document_ids)
        number = await self._store.documents.delete(principal.owner, ids)
        self._progress.removed(principal.owner, ids)
        return number

    async def under(self, path: str, collection: str | None, principal: Principal) -> tuple[str, ...]:
        """Return the ids of the document of that path, or of all in that folder; in one collection, or (None) in all."""
        return await self._store.documents.under(principal.owner, path, collection)

    async def remove_path(self, path: str, collection: str | None, principal: Principal) -> int:
        """Remove the documents that are `under` a path."""
        return await self.remove(await self.under(path, collection, principal), principal)

    async def rename(self, document_id: str, path: str, principal: Principal) -> Document:
        """Give a document another path. Nothing is read or embedded again.

        Raises:
            DocumentNotFound: there is none of that id.
        """
        document = await self._store.documents.rename(principal.owner, document_id, path)
        if document is None:
            raise _missing(document_id)
        self._progress.tell(document)
        return document

    async def forget(self, principal: Principal) -> int:
        """Remove all of an owner's documents, and leave no trace of them on the disk. Returns how many there were."""
        number = 0
        while items := (await self.list(Filter(principal.owner), limit=1000)).items:
            number += await self.remove([document.id for document in items], principal)
        await self._store.compact()
        return number

    async def wait(
        self, document_ids: Sequence[str], principal: Principal, *, until: Until, timeout: float
    ) -> tuple[Document, ...]:
        """Return documents once each is as far as asked, or can get no further; after `timeout` seconds as they are.

        Without an embedder "ready" means searchable. Documents that were removed meanwhile are left out.
        """
        deadline = time.monotonic() + timeout
        with self._progress.following(principal.owner) as changed:
            while True:
                found = [await self._store.documents.get(principal.owner, one) for one in document_ids]
                documents = tuple(one for one in found if one is not None)
                goal = until if self._embedder.status().ready else "searchable"  # it may come and go
                left = deadline - time.monotonic()
                if left <= 0 or all(one.state in _DONE[goal] for one in documents):
                    return documents
                await changed.wait(min(left, RECHECK))

    async def counts(self, principal: Principal) -> Counts:
        """Return how far the library is."""
        return await self._store.documents.counts(principal.owner)

    async def facets(self, principal: Principal) -> Facets:
        """Return what collections and kinds the documents are of."""
        return await self._store.documents.facets(principal.owner)

    async def follow(self, principal: Principal) -> AsyncIterator[Event]:
        """Yield what happens to the owner's documents from now on, until the library is closed."""
        with self._progress.following(principal.owner) as changed:
            while (event := await changed.next()) is not None:
                yield event

    async def verify(self) -> tuple[str, ...]:
        """Return what is wrong with the store, a sentence each; nothing when all its invariants hold."""
        return await self._store.check(originals=True)

    async def backup(self, folder: Path) -> None:
        """Write a copy that opens as a store into a folder that exists, while others read and write."""
        await self._store.backup(folder)

    async def settled(self) -> None:
        """Return when nothing waits to be read or embedded."""
        await self._ingest.settled()


def _missing(document_id: str) -> DocumentNotFound:
    return DocumentNotFound(f"There is no document '{document_id[:64]}'.")
