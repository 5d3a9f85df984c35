"""The roles, each an owner's own.

Invariants (`tests/store/test_roles.py`): no method sees or changes another owner's role, whatever ids they share; a name and
a uuid are taken once for an owner; an owner is given first roles once, also when all of them were deleted since.
"""
# ruff: noqa: S608 -- the SQL is put together from this module's own texts alone; every value is bound

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import apsw
import orjson

from mecum.errors import InvalidRequest, NameTaken
from mecum.store.sqlite.database import Database
from mecum.store.sqlite.rows import Row, marks, row, rows, value
from mecum.store.values import MAX_ROLES, NewRole, StoredRole

_FLAGS: Final = ("is_active", "enable_l0_retrieval", "enable_l1_retrieval")
_FIELDS: Final = (
    *("owner", "uuid", "name", "description", "system_prompt", "icon", *_FLAGS),
    *("collections", "model", "temperature"),
)
_COLUMNS: Final = ", ".join((*_FIELDS, "number", "created", "updated"))
_FACT: Final = "first_roles:"  # and the owner's name


class SqliteRoles:
    """`Roles` over one SQLite file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, new: NewRole) -> StoredRole:
        """Add a role; see `Roles.add`."""
        return await self._database.write(lambda db: _insert(db, new))

    async def get(self, owner: str, uuid: str) -> StoredRole | None:
        """Return a role."""
        return await self._database.read(lambda db: _find(db, owner, uuid))

    async def list(self, owner: str) -> tuple[StoredRole, ...]:
        """Return all of an owner's roles, the oldest first."""
        sql = f"SELECT {_COLUMNS} FROM roles WHERE owner = ? ORDER BY number"
        found = await self._database.read(lambda db: rows(db, sql, owner))
        return tuple(map(_role_of, found))

    async def change(self, owner: str, uuid: str, changes: Mapping[str, Any]) -> StoredRole | None:
        """Change what the mapping names; see `Roles.change`."""

        def work(db: apsw.Connection) -> StoredRole | None:
            role = _find(db, owner, uuid)
            if role is None:
                return None
            changed = replace(role, **changes, updated=time.time())
            if changed.name != role.name:
                _check_name(db, owner, changed.name)
            sql = f"UPDATE roles SET ({_COLUMNS}) = ({marks(len(_FIELDS) + 3)}) WHERE owner = ? AND uuid = ?"
            db.execute(sql, (*_values(changed), role.number, role.created, changed.updated, owner, uuid))
            self._database.erased()
            return changed

        return await self._database.write(work)

    async def delete(self, owner: str, uuid: str) -> StoredRole | None:
        """Delete a role, and return what it was."""

        def work(db: apsw.Connection) -> StoredRole | None:
            role = _find(db, owner, uuid)
            if role is not None:
                db.execute("DELETE FROM roles WHERE owner = ? AND uuid = ?", (owner, uuid))
                self._database.erased()
            return role

        return await self._database.write(work)

    async def begin(self, owner: str, first: Sequence[NewRole]) -> bool:
        """Give an owner its first roles, once; see `Roles.begin`."""

        def work(db: apsw.Connection) -> bool:
            if row(db, "SELECT 1 FROM facts WHERE name = ?", _FACT + owner):
                return False
            db.execute("INSERT INTO facts (name, value) VALUES (?, ?)", (_FACT + owner, str(len(first))))
            for role in first:
                if not _taken(db, owner, role.name):
                    _insert(db, replace(role, owner=owner))
            return True

        return await self._database.write(work)


def _insert(db: apsw.Connection, new: NewRole) -> StoredRole:
    held = value(db, "SELECT count(*) FROM roles WHERE owner = ?", new.owner)
    if held >= MAX_ROLES:
        raise InvalidRequest(f"There are {held} roles already, and no room for more. Delete one first.")
    _check_name(db, new.owner, new.name)
    if _find(db, new.owner, new.uuid):
        raise NameTaken("There is a role with this uuid already. Change that one, or leave the uuid out.", param="uuid")
    number = value(db, "SELECT 1 + coalesce(max(number), 0) FROM roles WHERE owner = ?", new.owner)
    now = time.time()
    db.execute(f"INSERT INTO roles ({_COLUMNS}) VALUES ({marks(len(_FIELDS) + 3)})", (*_values(new), number, now, now))
    return _role_of(rows(db, f"SELECT {_COLUMNS} FROM roles WHERE key = ?", db.last_insert_rowid())[0])


def _taken(db: apsw.Connection, owner: str, name: str) -> bool:
    return row(db, "SELECT 1 FROM roles WHERE owner = ? AND name = ?", owner, name) is not None


def _check_name(db: apsw.Connection, owner: str, name: str) -> None:
    if _taken(db, owner, name):
        raise NameTaken("There is a role of this name already. Choose another name.", param="name")


def _find(db: apsw.Connection, owner: str, uuid: str) -> StoredRole | None:
    found = row(db, f"SELECT {_COLUMNS} FROM roles WHERE owner = ? AND uuid = ?", owner, uuid)
    return None if found is None else _role_of(found)


def _values(role: NewRole) -> tuple[Any, ...]:
    fields = {name: getattr(role, name) for name in _FIELDS}
    return tuple((fields | {"collections": orjson.dumps(role.collections).decode()}).values())


def _role_of(columns: Row) -> StoredRole:
    *plain, number, created, updated = columns
    fields = dict(zip(_FIELDS, plain, strict=True))
    fields["collections"] = tuple(orjson.loads(fields["collections"]))
    fields |= {name: bool(fields[name]) for name in _FLAGS}
    return StoredRole(**fields, number=number, created=created, updated=updated)
