"""The rows of documents, changed inside somebody's transaction: coming, being read, going.

Invariant: a row says of its content, kind and title what is known by now; what was given when it was added comes before
what reading it told (`tests/store/test_contract.py`).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable

import apsw
import orjson

from mecum.store.sqlite import passages as parts
from mecum.store.sqlite import published
from mecum.store.sqlite.rows import document_at, row, rows
from mecum.store.values import About, NewDocument, file_name


def at_path(db: apsw.Connection, owner: str, collection: str, path: str) -> int | None:
    """Return the key of the document of that identity."""
    sql = "SELECT key FROM documents WHERE owner = ? AND collection = ? AND path = ?"
    found = row(db, sql, owner, collection, path)
    return None if found is None else int(found[0])


def current(db: apsw.Connection, document_id: str, content_hash: str) -> int | None:
    """Return the key of the document that still has that content."""
    found = row(db, "SELECT key FROM documents WHERE id = ? AND content_hash = ?", document_id, content_hash)
    return None if found is None else int(found[0])


def insert(db: apsw.Connection, new: NewDocument) -> int:
    """Add a document, queued."""
    now = time.time()
    db.execute(
        "INSERT INTO documents (id, owner, collection, path, title, named, kind, size, state, content_hash, metadata, date, "
        "created, updated, queued) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?)",
        (
            *(secrets.token_hex(16), new.owner, new.collection, new.path, new.title or file_name(new.path)),
            *(bool(new.title), new.kind, new.size, new.content_hash, orjson.dumps(new.metadata).decode(), new.date),
            *(now, now, now),
        ),
    )
    return db.last_insert_rowid()


def update(db: apsw.Connection, key: int, new: NewDocument, *, changed: bool, again: bool) -> None:
    """Give a document what was newly given with it. `changed`: it has other content; `again`: it is to be read anew."""
    now = time.time()
    old = document_at(db, key)
    metadata = new.metadata if changed else {**old.metadata, **new.metadata}
    date = new.date if changed or again or old.date is None else old.date
    db.execute(
        "UPDATE documents SET title = ?, named = named OR ?, kind = ?, size = ?, content_hash = ?, metadata = ?, date = ?, "
        "updated = ? WHERE key = ?",
        (
            *(new.title or old.title, bool(new.title), new.kind or old.kind, new.size, new.content_hash),
            *(orjson.dumps(metadata).decode(), date, now, key),
        ),
    )
    if again:
        db.execute(
            "UPDATE documents SET state = 'queued', queued = ?, error_code = NULL, error_message = NULL WHERE key = ?",
            (now, key),
        )
    published.changed(db, key)


def learn(db: apsw.Connection, key: int, about: About) -> None:
    """Write down what reading a document has told of it."""
    old = document_at(db, key)
    title = about.title or file_name(old.path)
    db.execute(
        "UPDATE documents SET kind = ?, title = CASE WHEN named THEN title ELSE ? END, date = coalesce(?, date), "
        "metadata = ? WHERE key = ?",
        (about.kind, title, about.date, orjson.dumps({**about.metadata, **old.metadata}).decode(), key),
    )


def settle(db: apsw.Connection, key: int, state: str, passages: int) -> None:
    """Say that a document's passages are those of its content now."""
    db.execute(
        "UPDATE documents SET state = ?, indexed_hash = content_hash, passages = ?, error_code = NULL, "
        "error_message = NULL, queued = NULL, updated = ? WHERE key = ?",
        (state, passages, time.time(), key),
    )


def delete(db: apsw.Connection, keys: Iterable[int]) -> set[str]:
    """Delete documents with their parts, and return the hashes of their contents."""
    contents: set[str] = set()
    for key in dict.fromkeys(keys):
        contents |= delete(db, (part for (part,) in rows(db, "SELECT key FROM documents WHERE parent = ?", key)))
        found = row(db, "SELECT content_hash, parent FROM documents WHERE key = ?", key)
        if found is None:
            continue  # it went with its container
        contents.add(found[0])
        parts.replace(db, key, [])
        db.execute("DELETE FROM documents WHERE key = ?", (key,))
        published.changed(db, key)
        if found[1] is not None:
            published.settle_container(db, found[1])
    return contents
