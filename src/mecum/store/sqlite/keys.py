"""The API keys.

Invariants (`tests/store/test_keys.py`): a key and the word that keys are asked for from now on are one transaction, so no
kill leaves a key that nobody asks for; a key that was revoked never becomes good again; no key's text is in the file.
"""
# ruff: noqa: S608 -- the SQL is put together from this module's own texts alone; every value is bound

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

import apsw

from mecum.errors import InvalidRequest, NameTaken
from mecum.store.people import MAX_KEYS, NewKey, StoredKey
from mecum.store.sqlite.database import Database
from mecum.store.sqlite.rows import Row, marks, row, rows, value

_FIELDS: Final = ("id", "name", "owner", "hash", "hint", "scopes", "expires", "rate", "concurrency")
COLUMNS: Final = ", ".join((*_FIELDS, "created", "revoked", "last_used"))
GOOD: Final = "revoked IS NULL AND (expires IS NULL OR expires > ?)"
_CLOSED: Final = "keys_closed"  # the fact that a key is asked for


class SqliteKeys:
    """`Keys` over one SQLite file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, new: NewKey) -> StoredKey:
        """Add a key, and close the store; see `Keys.add`."""
        now = time.time()

        def work(db: apsw.Connection) -> StoredKey:
            if value(db, "SELECT count(*) FROM keys WHERE revoked IS NULL") >= MAX_KEYS:
                raise InvalidRequest(f"There are {MAX_KEYS} keys already, and no room for more. Revoke one first.")
            if row(db, f"SELECT 1 FROM keys WHERE name = ? AND {GOOD}", new.name, now):
                raise NameTaken("There is a key of this name already. Choose another name, or revoke it.", param="name")
            sql = f"INSERT INTO keys ({', '.join(_FIELDS)}, created) VALUES ({marks(len(_FIELDS) + 1)})"
            db.execute(sql, (*_values(new), now))
            db.execute("INSERT OR IGNORE INTO facts (name, value) VALUES (?, '1')", (_CLOSED,))
            return _found(db, new.id)

        return await self._database.write(work)

    async def list(self) -> tuple[StoredKey, ...]:
        """Return all keys, the oldest first."""
        found = await self._database.read(lambda db: rows(db, f"SELECT {COLUMNS} FROM keys ORDER BY number"))
        return tuple(map(key_of, found))

    async def revoke(self, key_id: str) -> StoredKey | None:
        """Say that a key is good no more; see `Keys.revoke`."""
        now = time.time()

        def work(db: apsw.Connection) -> StoredKey | None:
            if not row(db, "SELECT 1 FROM keys WHERE id = ?", key_id):
                return None
            db.execute("UPDATE keys SET revoked = ? WHERE id = ? AND revoked IS NULL", (now, key_id))
            return _found(db, key_id)

        return await self._database.write(work)

    async def open(self) -> tuple[StoredKey, ...]:
        """Ask for no key any more; see `Keys.open`."""
        now = time.time()

        def work(db: apsw.Connection) -> tuple[StoredKey, ...]:
            ids = [ident for (ident,) in rows(db, f"SELECT id FROM keys WHERE {GOOD} ORDER BY number", now)]
            db.execute("UPDATE keys SET revoked = ? WHERE revoked IS NULL", (now,))
            db.execute("DELETE FROM facts WHERE name = ?", (_CLOSED,))
            return tuple(_found(db, ident) for ident in ids)

        return await self._database.write(work)

    async def closed(self) -> bool:
        """Return whether a key is asked for."""
        found = await self._database.read(lambda db: row(db, "SELECT 1 FROM facts WHERE name = ?", _CLOSED))
        return found is not None

    async def used(self, times: Mapping[str, float]) -> None:
        """Note when keys were last used."""
        last = [(when, ident, when) for ident, when in times.items()]
        sql = "UPDATE keys SET last_used = ? WHERE id = ? AND (last_used IS NULL OR last_used < ?)"
        await self._database.write(lambda db: db.executemany(sql, last).fetchall())

    async def prune(self, before: float) -> int:
        """Forget keys that are long no longer good."""

        def work(db: apsw.Connection) -> int:
            sql = "DELETE FROM keys WHERE min(coalesce(revoked, expires), coalesce(expires, revoked)) < ? RETURNING 1"
            return len(rows(db, sql, before))

        return await self._database.write(work)


def key_of(columns: Row) -> StoredKey:
    """Return the value of a row of COLUMNS."""
    *plain, created, revoked, last_used = columns
    fields = dict(zip(_FIELDS, plain, strict=True))
    fields["scopes"] = frozenset(fields["scopes"].split())
    return StoredKey(**fields, created=created, revoked=revoked, last_used=last_used)


def _found(db: apsw.Connection, key_id: str) -> StoredKey:
    return key_of(rows(db, f"SELECT {COLUMNS} FROM keys WHERE id = ?", key_id)[0])


def _values(key: NewKey) -> tuple[Any, ...]:
    fields = {name: getattr(key, name) for name in _FIELDS}
    return tuple((fields | {"scopes": " ".join(sorted(key.scopes))}).values())
