"""Turns what was added into what is found: reads documents, indexes their passages, embeds them. All in the background.

    queued → processing → searchable (text and keywords, one transaction) → ready (vectors, one transaction)

Invariants (`tests/knowledge/test_library.py`, `test_hostile.py`, `test_kill.py`): everything that a kill interrupts is done
again at the next start, and nothing else; one bad document fails alone and the next one goes in; small documents never wait
for large ones; while the embedder is down nothing is lost, and embedding goes on when it is back.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Final

from mecum.engine.embedder.base import Embedder
from mecum.errors import StoreError
from mecum.knowledge import chunk
from mecum.knowledge.extract import ExtractError
from mecum.knowledge.loop import Loop
from mecum.knowledge.progress import Progress
from mecum.knowledge.reading import Extractor, Reading
from mecum.knowledge.reading.extractor import SMALL
from mecum.knowledge.usual import usual_of
from mecum.store.base import Store
from mecum.store.values import About, Document, Failure, NewPart, State, Unembedded, file_name

CLAIM: Final = 16  # small documents that are taken at once
TOGETHER: Final = 200  # parts of a container in one transaction, at most …
TEXT: Final = 1_000_000  # … and characters of their passages
MISSING: Final = 2_000  # texts without a vector that are asked for at once
BATCH: Final = 32  # texts that are embedded, staged and published together: some seconds of work
_NO_TEXT: Final = frozenset({"no_text", "empty"})  # what is wrong with a file that is otherwise in order
_BUG: Final = Failure("internal_error", "Something went wrong inside mecum over this file; its log says what.")

log = logging.getLogger(__name__)


class Ingest:
    """Works on one store. Whatever changes is told to `progress`; `swapped`: another embedder's index answers now."""

    def __init__(
        self,
        store: Store,
        embedder: Embedder,
        progress: Progress,
        extractor: Extractor | None = None,
        *,
        swapped: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._progress = progress
        self._extractor = extractor or Extractor()
        self._swapped = swapped
        self._used = ""  # the embedder that the store was told of
        self._small = Loop("reading documents", _Lane(store, self._read, CLAIM, at_most=SMALL).run)
        self._large = Loop("reading large documents", _Lane(store, self._read, 1, over=SMALL).run)
        self._vectors = Loop("embedding passages", self._embed_all)

    async def start(self) -> None:
        """Go on with what was not finished."""
        await self._store.documents.unclaim()
        await self._store.documents.requeue(chunk.VERSION)
        if self._embedder.status().ready:
            await self._use()
        for loop in (self._small, self._large, self._vectors):
            loop.start()
            loop.wake()

    async def aclose(self) -> None:
        """Stop in the middle of the work, and end the workers."""
        for loop in (self._small, self._large, self._vectors):
            await loop.aclose()
        await self._extractor.aclose()

    def wake(self) -> None:
        """Say that documents were added."""
        self._small.wake()
        self._large.wake()

    async def settled(self) -> None:
        """Return when nothing waits to be read or embedded."""
        loops = (self._small, self._large, self._vectors)
        while not all(loop.is_idle for loop in loops):
            for loop in loops:
                await loop.idle()

    async def _read(self, document: Document) -> None:
        """Read one document, and index it or say why not.

        Raises:
            StoreError: the disk is at fault, not the document.
        """
        self._progress.tell(document)
        try:
            done = await self._indexed(document)
        except ExtractError as error:
            state: State = "no_text" if error.code in _NO_TEXT else "failed"
            done = await self._failed(document, Failure(error.code, error.message, error.kind), state)
        except StoreError:
            raise
        except Exception:  # a worker's loop: the next document must go in all the same
            log.exception("a document could not be indexed", extra={"document": document.id})
            done = await self._failed(document, _BUG, "failed")
        if done is not None:
            self._progress.tell(done)
            self._vectors.wake()

    async def _failed(self, document: Document, failure: Failure, state: State) -> Document | None:
        return await self._store.documents.fail(document.id, document.content_hash, failure, state)

    async def _indexed(self, document: Document) -> Document | None:
        original = await self._store.documents.original(document.owner, document.id)
        if original is None:
            raise ExtractError("unreadable", "The file's copy in the data directory is gone. Add the file again.")
        name = file_name(document.path)
        title = "" if document.title == name else document.title
        async with self._extractor.reading(original, name, title) as reading:
            first = await anext(reading.parts)
            if not first.name:
                return await self._store.documents.index(document.id, document.content_hash, first.passages, first.about)
            return await self._split(document, first, reading)

    async def _split(self, document: Document, first: NewPart, reading: Reading) -> Document | None:
        """Make a document of each part of a container."""
        names: set[str] = set()
        async for parts in _batches(first, reading.parts):
            added = await self._store.documents.add_parts(document.id, document.content_hash, parts)
            if added is None:
                return None
            names.update(part.name for part in parts)
            for part in added:
                self._progress.tell(part)
            self._vectors.wake()
        return await self._store.documents.close_parts(document.id, document.content_hash, About(reading.kind), names)

    async def _embed_all(self) -> None:
        """Give every text its vector.

        Raises:
            EngineDown: the embedder cannot be kept running; later it may.
        """
        await self._embedder.usable()  # of a server that is down: when it is back
        identity = self._embedder.identity
        if not identity or not self._embedder.status().ready:
            return
        await self._use()
        await usual_of(self._embedder, self._store)  # before any vector can answer
        await self._publish(identity, None)  # a kill may have come between the two
        while texts := await self._store.vectors.missing(identity, MISSING):
            for start in range(0, len(texts), BATCH):
                await self._embed(identity, texts[start : start + BATCH])
        if (await self._store.vectors.stamp()).building == identity and await self._store.vectors.swap(identity):
            log.info("the index is the new embedder's now", extra={"embedder": identity})
            if self._swapped:
                await self._swapped()

    async def _use(self) -> None:
        """Tell the store which embedder works, once for each."""
        identity = self._embedder.identity
        if identity != self._used:
            stamp = await self._store.vectors.use(identity, self._embedder.dimension)
            if stamp.building == identity:
                log.info("all documents are embedded anew: another embedder works", extra={"embedder": identity})
            self._used = identity

    async def _embed(self, identity: str, texts: Sequence[Unembedded]) -> None:
        vectors = await self._embedder.embed_passages([text.embedded for text in texts])
        hashes = [text.hash for text in texts]
        await self._store.vectors.stage(identity, hashes, vectors)
        await self._publish(identity, hashes)

    async def _publish(self, identity: str, hashes: Sequence[bytes] | None) -> None:
        for document in await self._store.vectors.publish(identity, hashes):
            self._progress.tell(document)


class _Lane:
    """Reads the queued documents of some size, one after the other."""

    def __init__(
        self,
        store: Store,
        read: Callable[[Document], Awaitable[None]],
        limit: int,
        *,
        over: int = -1,
        at_most: int | None = None,
    ) -> None:
        self._claim = partial(store.documents.claim, limit, over=over, at_most=at_most)
        self._unclaim = store.documents.unclaim
        self._read = read
        self._claimed: list[str] = []  # what is left of it goes back to the queue when this run failed

    async def run(self) -> None:
        """Read until nothing is queued.

        Raises:
            StoreError: the disk is at fault.
        """
        await self._unclaim(self._claimed)
        while documents := await self._claim():
            self._claimed = [document.id for document in documents]
            for document in documents:
                await self._read(document)
                self._claimed.remove(document.id)


async def _batches(first: NewPart, rest: AsyncIterator[NewPart]) -> AsyncIterator[list[NewPart]]:
    """Yield parts as many together as one transaction takes."""
    batch, size = [first], _length(first)
    async for part in rest:
        if len(batch) >= TOGETHER or size >= TEXT:
            yield batch
            batch, size = [], 0
        batch.append(part)
        size += _length(part)
    yield batch


def _length(part: NewPart) -> int:
    return sum(len(passage.text) for passage in part.passages)
