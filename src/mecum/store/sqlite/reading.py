"""The part of a document's life in which it is read: claimed, then indexed, split into parts, or failed.

Invariant: what was read of a content that the document no longer has changes nothing (`tests/store/test_contract.py`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence
from typing import TypeVar

import apsw

from mecum.store.sqlite import containers, entries, published
from mecum.store.sqlite import passages as texts
from mecum.store.sqlite.database import Database
from mecum.store.sqlite.files import Files
from mecum.store.sqlite.passages import Prepared
from mecum.store.sqlite.rows import document_at, rows
from mecum.store.sqlite.writer import Work
from mecum.store.values import About, Document, Failure, NewPart, NewPassage, State

T = TypeVar("T")


class Reading:
    """The methods of `Documents` that whoever reads documents needs."""

    def __init__(self, database: Database, files: Files) -> None:
        self._database = database
        self._files = files

    async def claim(self, limit: int = 1, *, over: int = -1, at_most: int | None = None) -> tuple[Document, ...]:
        """Return the documents that have waited longest, which are `processing` from now on; see `Documents.claim`."""
        most = 2**62 if at_most is None else at_most
        sql = "SELECT key FROM documents WHERE state = 'queued' AND size > ? AND size <= ? ORDER BY queued, key LIMIT ?"

        def work(db: apsw.Connection) -> tuple[Document, ...]:
            keys = rows(db, sql, over, most, limit)
            db.executemany("UPDATE documents SET state = 'processing', queued = NULL WHERE key = ?", keys)
            return tuple(document_at(db, key) for (key,) in keys)

        return await self._database.write(work)

    async def unclaim(self, document_ids: Collection[str] | None = None) -> int:
        """Queue again what is `processing`, all or these."""
        sql = "UPDATE documents SET state = 'queued', queued = updated WHERE state = 'processing'"

        def work(db: apsw.Connection) -> int:
            before = db.total_changes()
            if document_ids is None:
                db.execute(sql)
            else:
                db.executemany(sql + " AND id = ?", [(document_id,) for document_id in document_ids])
            return db.total_changes() - before

        return await self._database.write(work)

    async def requeue(self, version: str) -> int:
        """Queue all documents anew, if their passages were cut by another version than this."""

        def work(db: apsw.Connection) -> int:
            if rows(db, "SELECT 1 FROM facts WHERE name = 'passages' AND value = ?", version):
                return 0
            db.execute("INSERT OR REPLACE INTO facts VALUES ('passages', ?)", (version,))
            db.execute(
                "UPDATE documents SET state = 'queued', queued = updated WHERE parent IS NULL AND state NOT IN "
                "('queued', 'failed')"
            )
            return db.changes()

        return await self._database.write(work)

    async def index(
        self, document_id: str, content_hash: str, passages: Sequence[NewPassage], about: About | None = None
    ) -> Document | None:
        """Replace a document's passages and keywords, all at once; see `Documents.index`."""
        new = await self._prepared(passages)

        def work(db: apsw.Connection) -> tuple[Document, set[str]] | None:
            key = entries.current(db, document_id, content_hash)
            if key is None:
                return None
            gone = self._replace(db, key, new)
            if about is not None:
                entries.learn(db, key, about)
            entries.settle(db, key, "searchable" if new else "no_text", len(new))
            published.refresh(db, key)
            return document_at(db, key), gone

        return await self._with_files(work)

    async def add_parts(self, document_id: str, content_hash: str, parts: Sequence[NewPart]) -> tuple[Document, ...] | None:
        """Put documents into a container, all at once; see `Documents.add_parts`."""
        new = [(part, await self._prepared(part.passages)) for part in parts]

        def work(db: apsw.Connection) -> tuple[tuple[Document, ...], set[str]] | None:
            key = entries.current(db, document_id, content_hash)
            if key is None:
                return None
            gone: set[str] = set()
            container = document_at(db, key)  # once: it counts the passages of all parts
            added = [containers.add_part(db, container, key, part, passages, gone=gone) for part, passages in new]
            self._database.erased()
            return tuple(document_at(db, one) for one in added), gone

        return await self._with_files(work)

    async def close_parts(
        self, document_id: str, content_hash: str, about: About, names: Collection[str]
    ) -> Document | None:
        """Say that a container has these parts and no others; see `Documents.close_parts`."""

        def work(db: apsw.Connection) -> tuple[Document, set[str]] | None:
            key = entries.current(db, document_id, content_hash)
            if key is None:
                return None
            gone = containers.close(db, key, about, names)
            self._database.erased()
            return document_at(db, key), gone

        return await self._with_files(work)

    async def fail(self, document_id: str, content_hash: str, failure: Failure, state: State = "failed") -> Document | None:
        """Say why a document has no passages, and drop those, and the parts, that it had."""

        def work(db: apsw.Connection) -> tuple[Document, set[str]] | None:
            key = entries.current(db, document_id, content_hash)
            if key is None:
                return None
            gone = self._replace(db, key, [])
            db.execute(
                "UPDATE documents SET state = ?, indexed_hash = NULL, passages = 0, error_code = ?, error_message = ?, "
                "kind = ?, queued = NULL, updated = ? WHERE key = ?",
                (state, failure.code, failure.message, failure.kind, time.time(), key),
            )
            published.refresh(db, key)
            return document_at(db, key), gone

        return await self._with_files(work)

    async def _prepared(self, passages: Sequence[NewPassage]) -> list[Prepared]:
        """Return the passages' rows, made outside of the transaction and of the event loop: hashing takes its time."""
        return await asyncio.to_thread(texts.prepared, passages)

    async def _with_files(self, work: Work[tuple[T, set[str]] | None]) -> T | None:
        """Do work that returns something and the contents that went with it."""
        done = await self._database.write(work)
        if done is None:
            return None
        await self.forget_files(done[1])
        return done[0]

    def _replace(self, db: apsw.Connection, key: int, passages: Sequence[Prepared]) -> set[str]:
        """Make these a document's passages, and it no container. Returns the hashes of contents that went."""
        gone = containers.dissolve(db, key)
        if texts.replace(db, key, passages) or gone:
            self._database.erased()
        return gone

    async def forget_files(self, contents: set[str]) -> None:
        """Remove originals that no row names any more: after the commit, as a missing file is worse than one too many."""

        def work(db: apsw.Connection) -> None:
            for content in contents:
                if not rows(db, "SELECT 1 FROM documents WHERE content_hash = ? LIMIT 1", content):
                    self._files.remove(content)

        if contents:
            await self._database.alone(work)
