"""Which documents answer by vectors, inside somebody's transaction.

Invariant: a row of `published` stands only for a document each of whose passages has a vector of that embedder, and a
`ready` document is published for the active one (`check.py` looks for the opposite).
"""

from __future__ import annotations

import apsw

from mecum.store.sqlite.rows import rows, value

_LACKING = (
    "SELECT 1 FROM passages p WHERE p.document = ? AND NOT EXISTS "
    "(SELECT 1 FROM vectors v WHERE v.embedder = ? AND v.hash = p.hash) LIMIT 1"
)


def changed(db: apsw.Connection, document: int) -> None:
    """Note that what is derived from this document in memory is void."""
    db.execute(
        "INSERT INTO changes (document, seq) VALUES (?, (SELECT coalesce(max(seq), 0) + 1 FROM changes)) "
        "ON CONFLICT (document) DO UPDATE SET seq = excluded.seq",
        (document,),
    )


def refresh(db: apsw.Connection, document: int) -> None:
    """Publish the document for each embedder that has all its vectors, and for no other; set its state to match."""
    db.execute("DELETE FROM published WHERE document = ?", (document,))
    for embedder, in_use in rows(db, "SELECT key, state = 'active' FROM embedders"):
        publish(db, embedder, document, active=bool(in_use))
    changed(db, document)


def publish(db: apsw.Connection, embedder: int, document: int, *, active: bool) -> bool:
    """Publish a document for one embedder if all its vectors are there, and return whether they are."""
    state, passages = rows(db, "SELECT state, passages FROM documents WHERE key = ?", document)[0]
    if not passages or rows(db, _LACKING, document, embedder):
        return False
    db.execute("INSERT OR IGNORE INTO published (embedder, document) VALUES (?, ?)", (embedder, document))
    if active and state == "searchable":
        db.execute("UPDATE documents SET state = 'ready' WHERE key = ?", (document,))
        for (parent,) in rows(db, "SELECT parent FROM documents WHERE key = ? AND parent IS NOT NULL", document):
            settle_container(db, parent)
    changed(db, document)
    return True


def settle_container(db: apsw.Connection, container: int) -> None:
    """Let a container be ready once all its parts are."""
    db.execute(
        "UPDATE documents SET state = 'ready' WHERE key = ?1 AND container AND state = 'searchable' AND NOT EXISTS "
        "(SELECT 1 FROM documents p WHERE p.parent = ?1 AND p.state = 'searchable')",
        (container,),
    )


def without_vector(db: apsw.Connection, owner: str) -> int:
    """Return how many of an owner's passages have no vector of the embedder that works now."""
    sql = (
        "SELECT count(*) FROM documents d JOIN passages p ON p.document = d.key WHERE d.owner = ? AND NOT EXISTS "
        "(SELECT 1 FROM vectors v WHERE v.hash = p.hash AND v.embedder = "
        "(SELECT key FROM embedders ORDER BY state = 'building' DESC LIMIT 1))"
    )
    return int(value(db, sql, owner))


def rebuilding(db: apsw.Connection) -> bool:
    """Return whether another embedder's vectors are made beside those that answer."""
    return bool(rows(db, "SELECT 1 FROM embedders WHERE state = 'building'"))
