"""A document's passages and their keywords, replaced as a whole inside somebody's transaction.

Invariant: a passage whose text did not change keeps its id, its keyword row and its vector; a vector goes with the last
passage of its text (`tests/store/test_contract.py`).
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import apsw
import orjson

from mecum.store.values import NewPassage


class Prepared(NamedTuple):
    """A passage as its row will be."""

    id: str
    position: int
    text: str
    context: str
    hash: bytes
    place: str
    date: float | None
    keywords: str


def prepared(passages: Sequence[NewPassage]) -> list[Prepared]:
    """Return the rows of a document's passages."""
    return [
        Prepared(
            *(secrets.token_hex(16), position, passage.text, passage.context, passage.hash),
            *(orjson.dumps(passage.place).decode(), passage.date, passage.keywords),
        )
        for position, passage in enumerate(passages)
    ]


def replace(db: apsw.Connection, document: int, rows: Sequence[Prepared]) -> bool:
    """Make these rows the document's passages, and return whether anything was deleted."""
    old: dict[bytes, list[int]] = defaultdict(list)
    for key, hashed in db.execute("SELECT key, hash FROM passages WHERE document = ? ORDER BY position", (document,)):
        old[hashed].append(key)
    new = []
    for row in rows:
        if old[row.hash]:
            _move(db, old[row.hash].pop(0), row)
        else:
            new.append(row)
    gone = [(key, hashed) for hashed, keys in old.items() for key in keys]
    _delete(db, gone)
    _insert(db, document, new)
    return bool(gone)


def _move(db: apsw.Connection, key: int, row: Prepared) -> None:
    db.execute(
        "UPDATE passages SET position = ?, place = ?, date = ? WHERE key = ?", (row.position, row.place, row.date, key)
    )


def _insert(db: apsw.Connection, document: int, rows: Sequence[Prepared]) -> None:
    for row in rows:
        db.execute(
            "INSERT INTO passages (id, document, position, text, context, hash, place, date) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (row.id, document, row.position, row.text, row.context, row.hash, row.place, row.date),
        )
        db.execute("INSERT INTO keywords (rowid, body) VALUES (?, ?)", (db.last_insert_rowid(), row.keywords))


def _delete(db: apsw.Connection, gone: Sequence[tuple[int, bytes]]) -> None:
    keys = [(key,) for key, _ in gone]
    db.executemany("DELETE FROM keywords WHERE rowid = ?", keys)
    db.executemany("DELETE FROM passages WHERE key = ?", keys)
    db.executemany(
        # The embedders are named because the table's key begins with them: else each row that goes would scan all vectors.
        "DELETE FROM vectors WHERE embedder IN (SELECT key FROM embedders) AND hash = ?1 "
        "AND NOT EXISTS (SELECT 1 FROM passages WHERE hash = ?1)",
        {(hashed,) for _, hashed in gone},
    )
