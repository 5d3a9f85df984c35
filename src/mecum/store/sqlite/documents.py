"""The documents: their identity, their states, and what happens to their rows and files when they come and go."""
# ruff: noqa: S608 -- the SQL is put together from this room's own texts alone; every value is bound

from __future__ import annotations

import base64
import binascii
import secrets
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import apsw
import orjson

from mecum.errors import InvalidRequest, StoreError
from mecum.store.sqlite import passages as parts
from mecum.store.sqlite import published
from mecum.store.sqlite.database import Database
from mecum.store.sqlite.files import Files
from mecum.store.sqlite.rows import (
    DOCUMENT,
    PASSAGE,
    Row,
    condition,
    document_at,
    document_key,
    document_of,
    marks,
    passage_of,
    row,
    rows,
    value,
)
from mecum.store.values import Counts, Document, Failure, Filter, NewDocument, NewPassage, Page, Passage, State


class SqliteDocuments:
    """`Documents` over one SQLite file and a folder of originals."""

    def __init__(self, database: Database, files: Files) -> None:
        self._database = database
        self._files = files

    async def put(self, new: NewDocument, content: Path | None = None) -> Document:
        """Add a document, or give the one of that identity new content; see `Documents.put`."""

        def work(db: apsw.Connection) -> tuple[Document, str | None]:
            if content is not None and content.exists():  # it is gone where the work is done a second time
                self._files.take(content, new.content_hash)
            old = _at_path(db, new.owner, new.collection, new.path)
            if old is None:
                return document_at(db, _insert(db, new)), None
            before = document_at(db, old)
            _update(db, old, new, again=before.content_hash != new.content_hash or before.state == "failed")
            return document_at(db, old), before.content_hash

        try:
            document, before = await self._database.write(work)
        except StoreError:
            await self._forget_files({new.content_hash})  # a full disk must not be filled further
            raise
        if before is not None and before != new.content_hash:
            await self._forget_files({before})
        return document

    async def get(self, owner: str, document_id: str) -> Document | None:
        """Return a document."""

        def work(db: apsw.Connection) -> Document | None:
            key = document_key(db, owner, document_id)
            return None if key is None else document_at(db, key)

        return await self._database.read(work)

    async def find(self, owner: str, collection: str, path: str) -> Document | None:
        """Return the document of that identity."""

        def work(db: apsw.Connection) -> Document | None:
            key = _at_path(db, owner, collection, path)
            return None if key is None else document_at(db, key)

        return await self._database.read(work)

    async def list(
        self, where: Filter, *, states: Sequence[State] = (), limit: int = 100, cursor: str | None = None
    ) -> Page:
        """Return documents, ordered by path; see `Documents.list`."""
        matching, values = condition(where, date="d.date")
        if states:
            matching += f" AND d.state IN ({marks(len(states))})"
            values += states
        after = _read_cursor(cursor) if cursor else ("", 0)

        def work(db: apsw.Connection) -> tuple[list[Row], int]:
            found = rows(
                db,
                f"SELECT d.key, {DOCUMENT} FROM documents d WHERE {matching} AND (d.path, d.key) > (?, ?) "
                "ORDER BY d.path, d.key LIMIT ?",
                *values,
                *after,
                limit + 1,
            )
            return found, int(value(db, f"SELECT count(*) FROM documents d WHERE {matching}", *values))

        found, total = await self._database.read(work)
        items = tuple(document_of(columns[1:]) for columns in found[:limit])
        more = _cursor(items[-1].path, found[limit - 1][0]) if len(found) > limit else None
        return Page(items, more, total)

    async def claim(self, limit: int = 1) -> tuple[Document, ...]:
        """Return the documents that have waited longest, which are `processing` from now on."""

        def work(db: apsw.Connection) -> tuple[Document, ...]:
            keys = rows(db, "SELECT key FROM documents WHERE state = 'queued' ORDER BY queued, key LIMIT ?", limit)
            db.executemany("UPDATE documents SET state = 'processing', queued = NULL WHERE key = ?", keys)
            return tuple(document_at(db, key) for (key,) in keys)

        return await self._database.write(work)

    async def unclaim(self) -> int:
        """Queue again what is `processing`."""

        def work(db: apsw.Connection) -> int:
            db.execute("UPDATE documents SET state = 'queued', queued = updated WHERE state = 'processing'")
            return db.changes()

        return await self._database.write(work)

    async def index(self, document_id: str, content_hash: str, passages: Sequence[NewPassage]) -> Document | None:
        """Replace a document's passages and keywords, all at once; see `Documents.index`."""
        new = parts.prepared(passages)  # outside of the transaction: hashing and ids take their time

        def work(db: apsw.Connection) -> Document | None:
            key = _current(db, document_id, content_hash)
            if key is None:
                return None
            if parts.replace(db, key, new):
                self._database.erased()
            db.execute(
                "UPDATE documents SET state = ?, indexed_hash = content_hash, passages = ?, error_code = NULL, "
                "error_message = NULL, updated = ? WHERE key = ?",
                ("searchable" if new else "no_text", len(new), time.time(), key),
            )
            published.refresh(db, key)
            return document_at(db, key)

        return await self._database.write(work)

    async def fail(self, document_id: str, content_hash: str, failure: Failure, state: State = "failed") -> Document | None:
        """Say why a document has no passages, and drop those it had."""

        def work(db: apsw.Connection) -> Document | None:
            key = _current(db, document_id, content_hash)
            if key is None:
                return None
            if parts.replace(db, key, []):
                self._database.erased()
            db.execute(
                "UPDATE documents SET state = ?, indexed_hash = NULL, passages = 0, error_code = ?, error_message = ?, "
                "queued = NULL, updated = ? WHERE key = ?",
                (state, failure.code, failure.message, time.time(), key),
            )
            published.refresh(db, key)
            return document_at(db, key)

        return await self._database.write(work)

    async def rename(self, owner: str, document_id: str, path: str) -> Document | None:
        """Give a document another path; a document that was there is replaced."""

        def work(db: apsw.Connection) -> tuple[Document, set[str]] | None:
            key = document_key(db, owner, document_id)
            if key is None:
                return None
            there = _at_path(db, owner, document_at(db, key).collection, path)
            gone = self._delete(db, [there]) if there not in (None, key) else set[str]()
            db.execute("UPDATE documents SET path = ?, updated = ? WHERE key = ?", (path, time.time(), key))
            published.changed(db, key)
            return document_at(db, key), gone

        done = await self._database.write(work)
        if done is None:
            return None
        await self._forget_files(done[1])
        return done[0]

    async def delete(self, owner: str, document_ids: Iterable[str]) -> int:
        """Delete documents with all that belongs to them. Returns how many there were."""
        ids = tuple(document_ids)

        def work(db: apsw.Connection) -> tuple[int, set[str]]:
            keys = [key for one in dict.fromkeys(ids) if (key := document_key(db, owner, one)) is not None]
            return len(keys), self._delete(db, keys)

        number, contents = await self._database.write(work)
        await self._forget_files(contents)
        return number

    async def passages(self, owner: str, document_id: str, *, start: int = 0, limit: int = 100) -> tuple[Passage, ...]:
        """Return a document's passages from a position on, in order."""
        sql = (
            f"SELECT {PASSAGE} FROM documents d JOIN passages p ON p.document = d.key "
            "WHERE d.id = ? AND d.owner = ? AND p.position >= ? ORDER BY p.position LIMIT ?"
        )
        found = await self._database.read(lambda db: rows(db, sql, document_id, owner, start, limit))
        return tuple(map(passage_of, found))

    async def passage(self, owner: str, passage_id: str) -> Passage | None:
        """Return one passage."""
        sql = f"SELECT {PASSAGE} FROM passages p JOIN documents d ON d.key = p.document WHERE p.id = ? AND d.owner = ?"
        found = await self._database.read(lambda db: row(db, sql, passage_id, owner))
        return None if found is None else passage_of(found)

    async def original(self, owner: str, document_id: str) -> Path | None:
        """Return the file that holds the document's bytes, where the store has it."""
        document = await self.get(owner, document_id)
        if document is None or not self._files.has(document.content_hash):
            return None
        return self._files.path(document.content_hash)

    async def counts(self, owner: str) -> Counts:
        """Return how far the owner's library is."""

        def work(db: apsw.Connection) -> Counts:
            states = rows(db, "SELECT state, count(*) FROM documents WHERE owner = ? GROUP BY state", owner)
            passages = value(db, "SELECT coalesce(sum(passages), 0) FROM documents WHERE owner = ?", owner)
            return Counts(
                {str(state): int(number) for state, number in states}, int(passages), published.without_vector(db, owner)
            )

        return await self._database.read(work)

    def _delete(self, db: apsw.Connection, keys: Sequence[int | None]) -> set[str]:
        """Delete documents, and return their contents' hashes."""
        contents: set[str] = set()
        for key in keys:
            if key is not None:
                contents.add(document_at(db, key).content_hash)
                parts.replace(db, key, [])
                db.execute("DELETE FROM documents WHERE key = ?", (key,))
                published.changed(db, key)
        if contents:
            self._database.erased()
        return contents

    async def _forget_files(self, contents: set[str]) -> None:
        """Remove originals that no row names any more: after the commit, as a missing file is worse than one too many."""

        def work(db: apsw.Connection) -> None:
            for content in contents:
                if not rows(db, "SELECT 1 FROM documents WHERE content_hash = ? LIMIT 1", content):
                    self._files.remove(content)

        if contents:
            await self._database.alone(work)


def _at_path(db: apsw.Connection, owner: str, collection: str, path: str) -> int | None:
    sql = "SELECT key FROM documents WHERE owner = ? AND collection = ? AND path = ?"
    found = row(db, sql, owner, collection, path)
    return None if found is None else int(found[0])


def _current(db: apsw.Connection, document_id: str, content_hash: str) -> int | None:
    """Return the key of the document that still has that content."""
    found = row(db, "SELECT key FROM documents WHERE id = ? AND content_hash = ?", document_id, content_hash)
    return None if found is None else int(found[0])


def _insert(db: apsw.Connection, new: NewDocument) -> int:
    now = time.time()
    db.execute(
        "INSERT INTO documents (id, owner, collection, path, title, kind, size, state, content_hash, metadata, date, "
        "created, updated, queued) VALUES (?, ?, ?, ?, ?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?)",
        (
            *(secrets.token_hex(16), new.owner, new.collection, new.path, new.title, new.kind, new.size),
            *(new.content_hash, orjson.dumps(new.metadata).decode(), new.date, now, now, now),
        ),
    )
    return db.last_insert_rowid()


def _update(db: apsw.Connection, key: int, new: NewDocument, *, again: bool) -> None:
    now = time.time()
    db.execute(
        "UPDATE documents SET title = ?, kind = ?, size = ?, content_hash = ?, metadata = ?, date = ?, "
        "updated = ? WHERE key = ?",
        (new.title, new.kind, new.size, new.content_hash, orjson.dumps(new.metadata).decode(), new.date, now, key),
    )
    if again:
        db.execute(
            "UPDATE documents SET state = 'queued', queued = ?, error_code = NULL, error_message = NULL WHERE key = ?",
            (now, key),
        )
    published.changed(db, key)


def _cursor(path: str, key: int) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([path, key])).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[str, int]:
    try:
        path, key = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return str(path), int(key)
    except (binascii.Error, ValueError, TypeError):
        raise InvalidRequest("The cursor is not one that this list gave.", param="cursor") from None
