"""The documents: their identity, their states, and what happens to their rows and files when they come and go."""
# ruff: noqa: S608 -- the SQL is put together from this room's own texts alone; every value is bound

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import apsw
import orjson

from mecum.errors import InvalidRequest, StoreError
from mecum.store.sqlite import containers, entries, published
from mecum.store.sqlite.reading import Reading
from mecum.store.sqlite.rows import (
    DOCUMENT,
    PASSAGE,
    Row,
    compared,
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
from mecum.store.values import (
    Counts,
    Document,
    Facets,
    Filter,
    NewDocument,
    Page,
    Passage,
    State,
    file_name,
)


class SqliteDocuments(Reading):
    """`Documents` over one SQLite file and a folder of originals."""

    async def put(self, new: NewDocument, content: Path | None = None) -> Document:
        """Add a document, or give the one of that identity new content; see `Documents.put`."""

        def work(db: apsw.Connection) -> tuple[Document, str | None]:
            if content is not None and content.exists():  # it is gone where the work is done a second time
                self._files.take(content, new.content_hash)
            old = entries.at_path(db, new.owner, new.collection, new.path)
            if old is None:
                return document_at(db, entries.insert(db, new)), None
            before = document_at(db, old)
            changed = before.content_hash != new.content_hash
            entries.update(db, old, new, changed=changed, again=changed or before.state == "failed")
            if changed:
                containers.leave(db, old)
            return document_at(db, old), before.content_hash

        try:
            document, before = await self._database.write(work)
        except StoreError:
            await self.forget_files({new.content_hash})  # a full disk must not be filled further
            raise
        if before is not None and before != new.content_hash:
            await self.forget_files({before})
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
            key = entries.at_path(db, owner, collection, path)
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

    def temporary(self) -> Path:
        """Return a name on the store's disk for a file that `put` is to take over."""
        return self._files.temporary()

    async def rename(self, owner: str, document_id: str, path: str) -> Document | None:
        """Give a document another path; see `Documents.rename`."""

        def work(db: apsw.Connection) -> tuple[Document, set[str]] | None:
            key = document_key(db, owner, document_id)
            if key is None:
                return None
            old = document_at(db, key)
            if old.parent is not None:
                raise InvalidRequest("This document is a part of a file, which gives it its path. Rename the file.")
            there = entries.at_path(db, owner, old.collection, path)
            gone = self._delete(db, [there]) if there not in (None, key) else set[str]()
            db.execute(
                "UPDATE documents SET path = ?, title = CASE title WHEN ? THEN ? ELSE title END, updated = ? WHERE key = ?",
                (path, file_name(old.path), file_name(path), time.time(), key),
            )
            gone |= containers.rename(db, old, key, path)
            published.changed(db, key)
            return document_at(db, key), gone

        return await self._with_files(work)

    async def delete(self, owner: str, document_ids: Iterable[str]) -> int:
        """Delete documents with all that belongs to them. Returns how many there were."""
        ids = tuple(document_ids)

        def work(db: apsw.Connection) -> tuple[int, set[str]]:
            keys = [key for one in dict.fromkeys(ids) if (key := document_key(db, owner, one)) is not None]
            return len(keys), self._delete(db, keys)

        number, contents = await self._database.write(work)
        await self.forget_files(contents)
        return number

    async def under(self, owner: str, path: str, collection: str | None = None) -> tuple[str, ...]:
        """Return the ids of the document of that path and of all in its folder, parts left out; see `Documents.under`."""

        def work(db: apsw.Connection) -> list[Row]:
            return _under(db, owner, path, collection, exact=True) or _under(db, owner, path, collection, exact=False)

        return tuple(str(document_id) for (document_id,) in await self._database.read(work))

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
        """Return the file that holds the document's bytes, or its container's, where the store has it."""
        sql = (
            "SELECT coalesce(c.content_hash, d.content_hash) FROM documents d LEFT JOIN documents c ON c.key = d.parent "
            "WHERE d.id = ? AND d.owner = ?"
        )
        found = await self._database.read(lambda db: row(db, sql, document_id, owner))
        return self._files.path(found[0]) if found and self._files.has(found[0]) else None

    async def counts(self, owner: str) -> Counts:
        """Return how far the owner's library is."""

        def work(db: apsw.Connection) -> Counts:
            states = rows(db, "SELECT state, count(*) FROM documents WHERE owner = ? GROUP BY state", owner)
            passages = value(db, "SELECT coalesce(sum(passages), 0) FROM documents WHERE owner = ?", owner)
            by_state = {str(state): int(number) for state, number in states}
            return Counts(by_state, int(passages), published.without_vector(db, owner), published.rebuilding(db))

        return await self._database.read(work)

    async def facets(self, owner: str) -> Facets:
        """Return what collections and kinds the owner's documents are of."""

        def by(db: apsw.Connection, column: str) -> dict[str, int]:
            sql = f"SELECT {column}, count(*) FROM documents WHERE owner = ? GROUP BY {column} ORDER BY {column}"
            return {str(name): int(number) for name, number in rows(db, sql, owner)}

        return await self._database.read(lambda db: Facets(by(db, "collection"), by(db, "kind")))

    def _delete(self, db: apsw.Connection, keys: Iterable[int | None]) -> set[str]:
        """Delete documents, and return their contents' hashes."""
        contents = entries.delete(db, [key for key in keys if key is not None])
        if contents:
            self._database.erased()
        return contents


def _under(db: apsw.Connection, owner: str, path: str, collection: str | None, *, exact: bool) -> list[Row]:
    where = Filter(owner, (collection,) if collection is not None else (), exact=exact)
    matching, values = condition(where, date=None)
    column, (name,) = compared("d.path", [path], exact=exact)
    folder = name.rstrip("/") + "/"
    sql = (
        f"SELECT d.id FROM documents d WHERE {matching} AND ({column} = ? OR substr({column}, 1, ?) = ?) "
        f"AND (d.parent IS NULL OR {column} = ?) ORDER BY d.path, d.key"
    )
    return rows(db, sql, *values, name, len(folder), folder, name)


def _cursor(path: str, key: int) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([path, key])).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[str, int]:
    try:
        path, key = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if isinstance(path, str) and isinstance(key, int) and 0 < key < 2**63:
            return path, key
    except (binascii.Error, ValueError, TypeError):
        pass
    raise InvalidRequest("The cursor is not one that this list gave.", param="cursor") from None
