"""Containers, files that hold several documents, changed inside somebody's transaction.

Invariants (`tests/store/test_containers.py`): a part is a document like any other, whole or not there; it goes with its
container, takes its path from it, and stays the same document while the container holds a part of that name.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import apsw

from mecum.store.sqlite import entries, published
from mecum.store.sqlite import passages as texts
from mecum.store.sqlite.passages import Prepared
from mecum.store.sqlite.rows import document_at, rows
from mecum.store.values import About, Document, NewDocument, NewPart


def add_part(
    db: apsw.Connection, container: Document, key: int, part: NewPart, passages: Sequence[Prepared], *, gone: set[str]
) -> int:
    """Put a document into a container of that key, or give the one of that name its new passages. Returns its key.

    `gone` gets the hashes of contents that went.
    """
    there = _at(db, container, key, part, gone)
    entries.learn(db, there, part.about)
    texts.replace(db, there, passages)
    entries.settle(db, there, "searchable" if passages else "no_text", len(passages))
    published.refresh(db, there)
    return there


def close(db: apsw.Connection, container: int, about: About, names: Collection[str]) -> set[str]:
    """Say that a container has these parts and no others. Returns the hashes of contents that went."""
    base = document_at(db, container).path
    kept = {f"{base}#{name}" for name in names}
    parts = rows(db, "SELECT key, path FROM documents WHERE parent = ?", container)
    gone = entries.delete(db, [key for key, path in parts if path not in kept])
    texts.replace(db, container, [])  # those of a time when it was a document of its own
    db.execute("UPDATE documents SET container = 1 WHERE key = ?", (container,))
    entries.learn(db, container, about)
    entries.settle(db, container, "searchable", 0)
    published.changed(db, container)
    published.settle_container(db, container)
    return gone


def dissolve(db: apsw.Connection, key: int) -> set[str]:
    """Make a document none that holds others. Returns the hashes of contents that went."""
    parts = [part for (part,) in rows(db, "SELECT key FROM documents WHERE parent = ?", key)]
    db.execute("UPDATE documents SET container = 0 WHERE key = ?", (key,))
    return entries.delete(db, parts)


def leave(db: apsw.Connection, key: int) -> None:
    """Make a part, which somebody gave a content of its own, a document of its own."""
    for (parent,) in rows(db, "SELECT parent FROM documents WHERE key = ? AND parent IS NOT NULL", key):
        db.execute("UPDATE documents SET parent = NULL WHERE key = ?", (key,))
        published.settle_container(db, parent)


def rename(db: apsw.Connection, container: Document, key: int, path: str) -> set[str]:
    """Let a container's parts follow it to its new path. Returns the hashes of contents that went."""
    gone: set[str] = set()
    for part, old in rows(db, "SELECT key, path FROM documents WHERE parent = ?", key):
        there = entries.at_path(db, container.owner, container.collection, path + old[len(container.path) :])
        if there is not None:
            gone |= entries.delete(db, [there])
        db.execute("UPDATE documents SET path = ? || substr(path, ?) WHERE key = ?", (path, len(container.path) + 1, part))
        published.changed(db, part)
    return gone


def _at(db: apsw.Connection, container: Document, key: int, part: NewPart, gone: set[str]) -> int:
    """Return the key of the document of a part, made where there is none."""
    path = f"{container.path}#{part.name}"
    there = entries.at_path(db, container.owner, container.collection, path)
    if there is not None and not rows(db, "SELECT 1 FROM documents WHERE key = ? AND parent = ?", there, key):
        gone |= entries.delete(db, [there])  # somebody's own document under that name
        there = None
    new = NewDocument(container.owner, path, part.content_hash, size=part.size, collection=container.collection)
    if there is None:
        there = entries.insert(db, new)
        # Nobody claims it: it is settled in this very transaction.
        db.execute("UPDATE documents SET parent = ? WHERE key = ?", (key, there))
    else:
        entries.update(db, there, new, changed=True, again=False)
    db.execute("UPDATE documents SET container = 1 WHERE key = ?", (key,))
    return there
