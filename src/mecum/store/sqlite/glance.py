"""A look at a store that nobody has open: what is in it, without changing anything of it.

Invariant (`tests/store/sqlite/test_glance.py`): no file appears, goes or changes, whatever is found.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final, TypeVar

import apsw

from mecum.errors import StoreError, StoreStartError
from mecum.store.sqlite import published
from mecum.store.sqlite.database import APPLICATION, migrations
from mecum.store.sqlite.faults import translated
from mecum.store.sqlite.keys import GOOD
from mecum.store.sqlite.rows import rows, value
from mecum.store.sqlite.store import FILE
from mecum.store.values import Counts

T = TypeVar("T")
_WITH_KEYS: Final = 4  # the schema from which on there are keys


def glance(home: Path, owner: str) -> Counts | None:
    """Return how far an owner's library is; None where there is no store yet.

    Raises:
        StoreStartError: it is damaged, another program's or of a newer mecum.
    """
    return _look(home, lambda db: _counts(db, owner))


def key_owners(home: Path) -> frozenset[str]:
    """Return whose keys are good now; errors as `glance`."""
    return _look(home, _owners) or frozenset()


def _look(home: Path, work: Callable[[apsw.Connection], T]) -> T | None:
    file = home / FILE
    if not file.exists() or file.stat().st_size == 0:
        return None
    # Without the flag SQLite would make files of its own beside it; with it, it would not see what a kill left in the WAL.
    immutable = "" if Path(f"{file}-wal").exists() else "&immutable=1"
    try:
        with translated(), closing(_open(f"{file.absolute().as_uri()}?mode=ro{immutable}")) as db:
            _check(db, file)
            return work(db)
    except StoreStartError:
        raise
    except StoreError as error:
        raise StoreStartError(f"{file} cannot be read. {error.message}") from error


def _open(uri: str) -> apsw.Connection:
    return apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)


def _check(db: apsw.Connection, file: Path) -> None:
    if db.pragma("application_id") != APPLICATION:
        raise StoreStartError(f"{file} is not a database of mecum. Move it away, or name another data directory.")
    if db.pragma("user_version") > len(migrations()):
        raise StoreStartError(f"{file} was written by a newer mecum. Install that version, or name another data directory.")


def _counts(db: apsw.Connection, owner: str) -> Counts:
    states = rows(db, "SELECT state, count(*) FROM documents WHERE owner = ? GROUP BY state", owner)
    passages = value(db, "SELECT coalesce(sum(passages), 0) FROM documents WHERE owner = ?", owner)
    by_state = {str(state): int(number) for state, number in states}
    return Counts(by_state, int(passages), published.without_vector(db, owner), published.rebuilding(db))


def _owners(db: apsw.Connection) -> frozenset[str]:
    if db.pragma("user_version") < _WITH_KEYS:
        return frozenset()
    return frozenset(owner for (owner,) in rows(db, f"SELECT DISTINCT owner FROM keys WHERE {GOOD}", time.time()))  # noqa: S608 # our own text
