"""The audit log.

Invariants (`tests/store/test_audit.py`): a deed is never changed, but for the count of those that are counted; what is
listed page by page is listed once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import apsw
import orjson

from mecum.store.people import Deed, LoggedDeed
from mecum.store.sqlite.database import Database
from mecum.store.sqlite.rows import Row, rows

_VALUE: Final = "value:"  # and its name: a fact that `changed` keeps
_KEPT: Final = "SELECT name, value FROM facts WHERE substr(name, 1, ?) = ?"
_INSERT: Final = "INSERT INTO audit (time, what, owner, key, targets, outcome, count) VALUES (?, ?, ?, ?, ?, ?, ?)"
_SAME: Final = "time = ? AND what = ? AND owner = ? AND key IS ? AND targets = ? AND outcome = ?"
_COUNT: Final = f"UPDATE audit SET count = count + ? WHERE {_SAME}"  # noqa: S608 # our own text; every value is bound
_LIST: Final = (
    "SELECT a.number, a.time, a.what, a.owner, a.key, a.targets, a.count, a.outcome, k.name "
    "FROM audit a LEFT JOIN keys k ON k.id = a.key "
    "WHERE a.time >= coalesce(?, a.time) AND a.time <= coalesce(?, a.time) AND a.number < coalesce(?, a.number + 1) "
    "ORDER BY a.number DESC LIMIT ?"
)


class SqliteAudit:
    """`Audit` over one SQLite file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, deed: Deed) -> None:
        """Add a deed."""
        await self._database.write(lambda db: db.execute(_INSERT, (*_values(deed), deed.count)).fetchall())

    async def count(self, deeds: Sequence[Deed]) -> None:
        """Add deeds to those that differ from them in nothing but their `count`."""

        def work(db: apsw.Connection) -> None:
            for deed in deeds:
                db.execute(_COUNT, (deed.count, *_values(deed)))
                if not db.changes():
                    db.execute(_INSERT, (*_values(deed), deed.count))

        await self._database.write(work)

    async def list(
        self, *, since: float | None = None, until: float | None = None, limit: int = 100, before: int | None = None
    ) -> tuple[LoggedDeed, ...]:
        """Return deeds, the last first; see `Audit.list`."""
        found = await self._database.read(lambda db: rows(db, _LIST, since, until, before, limit))
        return tuple(map(_deed_of, found))

    async def prune(self, before: float) -> int:
        """Forget what was done before a time."""
        return len(await self._database.write(lambda db: rows(db, "DELETE FROM audit WHERE time < ? RETURNING 1", before)))

    async def changed(self, values: Mapping[str, str]) -> tuple[str, ...]:
        """Keep named values; see `Audit.changed`."""

        def work(db: apsw.Connection) -> tuple[str, ...]:
            kept = {name.removeprefix(_VALUE): text for name, text in rows(db, _KEPT, len(_VALUE), _VALUE)}
            changed = tuple(sorted(name for name in kept.keys() & values.keys() if kept[name] != values[name]))
            if kept != values:
                db.execute("DELETE FROM facts WHERE substr(name, 1, ?) = ?", (len(_VALUE), _VALUE))
                new = [(_VALUE + name, text) for name, text in values.items()]
                db.executemany("INSERT INTO facts (name, value) VALUES (?, ?)", new)
            return changed

        return await self._database.write(work)


def _values(deed: Deed) -> tuple[float | str | None, ...]:
    targets = orjson.dumps(deed.targets).decode()
    return deed.time, deed.what, deed.owner, deed.key, targets, deed.outcome


def _deed_of(columns: Row) -> LoggedDeed:
    number, time, what, owner, key, targets, count, outcome, name = columns
    return LoggedDeed(
        number=number,
        time=time,
        what=what,
        owner=owner,
        key=key,
        key_name=name,
        targets=tuple(orjson.loads(targets)),
        count=count,
        outcome=outcome,
    )
