"""The vectors' rows: staged batch by batch, published document by document, rebuilt beside the old ones.

Invariants, proved by `tests/store/test_vectors.py` and `test_kill.py`: vectors of two embedders never mix; the old index
answers until `swap`, which is one transaction; a kill costs at most the batch that was not yet staged.
"""

from __future__ import annotations

from collections.abc import Sequence

import apsw
import numpy as np
from numpy.typing import NDArray

from mecum.errors import StoreError
from mecum.store.sqlite import published
from mecum.store.sqlite.database import Database
from mecum.store.sqlite.rows import Row, condition, document_at, row, rows, value
from mecum.store.values import Changes, Document, Filter, Key, Stamp, Unembedded, Vectors

_USUAL = "usual "  # what a fact is called that is kept of an embedder, before its identity
_ROWS = (
    "SELECT p.key, p.document, coalesce(p.date, d.date), d.owner, p.hash FROM published b "
    "JOIN documents d ON d.key = b.document JOIN passages p ON p.document = d.key WHERE b.embedder = ?"
)
_PART = _ROWS + " AND b.document = ?"


class SqliteVectors:
    """`VectorIndex` over rows of float16."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def stamp(self) -> Stamp:
        """Return whose vectors the index holds."""
        return await self._database.read(_stamp)

    async def use(self, identity: str, dimension: int) -> Stamp:
        """Say which embedder works from now on; see `VectorIndex.use`."""

        def work(db: apsw.Connection) -> Stamp:
            now = _stamp(db)
            if now.active == identity or now.building != identity:
                db.execute("DELETE FROM embedders WHERE state = 'building'")  # its vectors go with it
            if identity not in (now.active, now.building):
                state = "active" if now.active is None else "building"
                row = (identity, dimension, state)
                db.execute("INSERT INTO embedders (identity, dimension, state) VALUES (?, ?, ?)", row)
            return _stamp(db)

        return await self._database.write(work)

    async def missing(self, identity: str, limit: int) -> tuple[Unembedded, ...]:
        """Return texts that have no vector of this embedder, the oldest first, each text once."""
        sql = (
            "SELECT p.hash, p.context, p.text FROM documents d CROSS JOIN passages p ON p.document = d.key "
            "WHERE d.passages > 0 AND NOT EXISTS (SELECT 1 FROM published b WHERE b.embedder = ?1 AND b.document = d.key) "
            "AND NOT EXISTS (SELECT 1 FROM vectors v WHERE v.embedder = ?1 AND v.hash = p.hash) "
            "ORDER BY d.key, p.position LIMIT ?2"
        )

        def work(db: apsw.Connection) -> tuple[Unembedded, ...]:
            found = rows(db, sql, _embedder(db, identity)[0], limit)
            return tuple({hashed: Unembedded(hashed, context, text) for hashed, context, text in found}.values())

        return await self._database.read(work)

    async def stage(self, identity: str, hashes: Sequence[bytes], vectors: Vectors) -> int:
        """Keep the vectors of a batch, unpublished; texts that are gone meanwhile are left out. Returns how many."""
        blobs = [row.tobytes() for row in np.ascontiguousarray(vectors, dtype=np.float16)]
        sql = (
            "INSERT OR IGNORE INTO vectors (embedder, hash, vector) SELECT ?1, ?2, ?3 "
            "WHERE EXISTS (SELECT 1 FROM passages WHERE hash = ?2)"
        )

        def work(db: apsw.Connection) -> int:
            embedder, dimension = _embedder(db, identity)
            if vectors.shape != (len(hashes), dimension):
                raise ValueError(f"{len(hashes)} vectors of {dimension} numbers were expected, not {vectors.shape}")
            before = db.total_changes()
            db.executemany(sql, [(embedder, *pair) for pair in zip(hashes, blobs, strict=True)])
            return db.total_changes() - before

        return await self._database.write(work)

    async def publish(self, identity: str, hashes: Sequence[bytes] | None = None) -> tuple[Document, ...]:
        """Publish each document all of whose passages have a vector; see `VectorIndex.publish`."""

        def work(db: apsw.Connection) -> tuple[Document, ...]:
            embedder, _ = _embedder(db, identity)
            active = _stamp(db).active == identity
            found = _unpublished(db, embedder, hashes)
            done = [key for key in found if published.publish(db, embedder, key, active=active)]
            containers = [part.parent for part in (document_at(db, key) for key in done) if part.parent]
            keys = [*done, *(key for one in dict.fromkeys(containers) for key in _keys_of(db, one))]
            return tuple(document for key in keys if (document := document_at(db, key)).state == "ready")

        return await self._database.write(work)

    async def swap(self, identity: str) -> bool:
        """Let an embedder answer from now on, if every document is published for it; its predecessor's vectors go."""

        def work(db: apsw.Connection) -> bool:
            embedder, _ = _embedder(db, identity)
            if _stamp(db).active == identity:
                return True
            if _unpublished(db, embedder, None):
                return False
            db.execute("DELETE FROM embedders WHERE state = 'active'")
            db.execute("UPDATE embedders SET state = 'active' WHERE key = ?", (embedder,))
            db.execute("UPDATE documents SET state = 'ready' WHERE state = 'searchable' AND (passages > 0 OR container)")
            self._database.erased()
            return True

        return await self._database.write(work)

    async def usual(self, identity: str) -> tuple[float, float] | None:
        """Return the mean and the deviation that were kept for an embedder, None where none were."""
        sql = "SELECT value FROM facts WHERE name = ?"
        found = await self._database.read(lambda db: row(db, sql, f"{_USUAL}{identity}"))
        if found is None:
            return None
        mean, deviation = map(float, str(found[0]).split())
        return mean, deviation

    async def keep_usual(self, identity: str, mean: float, deviation: float) -> None:
        """Keep where an embedder's dot products of questions with passages about something else lie."""
        values = (f"{_USUAL}{identity}", f"{mean!r} {deviation!r}")

        def work(db: apsw.Connection) -> None:
            db.execute("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", values)

        await self._database.write(work)

    async def changes(self, identity: str | None, after: int) -> Changes:
        """Return what happened since `after` (0: everything) to the active index, which was `identity`'s."""
        return await self._database.read(lambda db: _changes(db, identity, after))

    async def keys(self, where: Filter) -> NDArray[np.int64]:
        """Return the keys of the documents that the filter lets through; its dates are not looked at."""
        matching, values = condition(where, date=None)
        sql = "SELECT d.key FROM documents d WHERE " + matching  # noqa: S608 # every value is bound
        found = await self._database.read(lambda db: rows(db, sql, *values))
        return np.array([key for (key,) in found], dtype=np.int64)


def _stamp(db: apsw.Connection) -> Stamp:
    found = rows(db, "SELECT state, identity, dimension FROM embedders")
    by_state = {state: (identity, dimension) for state, identity, dimension in found}
    active, dimension = by_state.get("active", (None, None))
    return Stamp(active, dimension, by_state.get("building", (None, None))[0])


def _keys_of(db: apsw.Connection, document_id: str) -> list[Key]:
    return [int(key) for (key,) in rows(db, "SELECT key FROM documents WHERE id = ?", document_id)]


def _unpublished(db: apsw.Connection, embedder: Key, hashes: Sequence[bytes] | None) -> list[Key]:
    """Return the documents with passages that are not published for an embedder, of all or of those with these texts."""
    sql = (
        "SELECT d.key FROM documents d WHERE d.passages > 0 AND NOT EXISTS "
        "(SELECT 1 FROM published b WHERE b.embedder = ? AND b.document = d.key)"
    )
    if hashes is None:
        return [int(key) for (key,) in rows(db, sql, embedder)]
    sql += " AND d.key IN (SELECT document FROM passages WHERE hash = ?)"
    return list({int(key): None for hashed in hashes for (key,) in rows(db, sql, embedder, hashed)})


def _embedder(db: apsw.Connection, identity: str) -> tuple[Key, int]:
    found = row(db, "SELECT key, dimension FROM embedders WHERE identity = ?", identity)
    if found is None:
        raise StoreError("The index was not made for this embedder. Restart mecum.")
    return int(found[0]), int(found[1])


def _changes(db: apsw.Connection, identity: str | None, after: int) -> Changes:
    stamp = _stamp(db)
    seq = int(value(db, "SELECT coalesce(max(seq), 0) FROM changes"))
    whole = after == 0 or stamp.active != identity
    dropped: tuple[Key, ...] = ()
    if not whole:
        dropped = tuple(key for (key,) in rows(db, "SELECT document FROM changes WHERE seq > ?", after))
    found, vectors = _published(db, stamp, None if whole else dropped)
    passages, documents, dates, owners = zip(*found, strict=True) if found else ((), (), (), ())
    return Changes(
        *(max(seq, 1), stamp.active, whole, dropped),
        passages=np.array(passages, dtype=np.int64),
        documents=np.array(documents, dtype=np.int64),
        dates=np.array(dates, dtype=np.float64),  # None becomes NaN
        owners=owners,
        vectors=vectors.reshape(len(found), stamp.dimension or 0),
    )


def _published(
    db: apsw.Connection, stamp: Stamp, documents: tuple[Key, ...] | None
) -> tuple[list[Row], NDArray[np.float16]]:
    """Return published passages' keys, documents, dates and owners, of all or of some documents; their vectors in a row."""
    if stamp.active is None:
        return [], np.zeros(0, np.float16)
    embedder, _ = _embedder(db, stamp.active)
    if documents is None:  # two scans from end to end: several times as fast as a look-up for each passage
        found = rows(db, _ROWS, embedder)
        held: dict[bytes, bytes] = dict(db.execute("SELECT hash, vector FROM vectors WHERE embedder = ?", (embedder,)))
        blobs = [held[hashed] for *_, hashed in found]
    else:
        found = [one for key in documents for one in rows(db, _PART, embedder, key)]
        sql = "SELECT vector FROM vectors WHERE embedder = ? AND hash = ?"
        blobs = [value(db, sql, embedder, hashed) for *_, hashed in found]
    return [columns[:-1] for columns in found], np.frombuffer(b"".join(blobs), dtype=np.float16)
