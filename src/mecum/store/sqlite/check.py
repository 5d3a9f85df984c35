"""What must never be true of the store, as questions to the database."""

from __future__ import annotations

from typing import Final

import apsw

from mecum.store.sqlite.files import Files
from mecum.store.sqlite.rows import rows, value

# Each returns the number of rows that should not be.
_RULES: Final = {
    "passages without a document": "SELECT count(*) FROM passages WHERE document NOT IN (SELECT key FROM documents)",
    "passages without keywords": "SELECT count(*) FROM passages WHERE key NOT IN (SELECT id FROM keywords_docsize)",
    "keywords without a passage": "SELECT count(*) FROM keywords_docsize WHERE id NOT IN (SELECT key FROM passages)",
    "documents with another number of passages than they say": (
        "SELECT count(*) FROM documents d WHERE passages != (SELECT count(*) FROM passages p WHERE p.document = d.key)"
    ),
    "documents whose passages are not numbered from 0": (
        "SELECT count(*) FROM documents d WHERE passages > 0 AND passages != "
        "(SELECT 1 + max(position) FROM passages p WHERE p.document = d.key)"
    ),
    "documents that say they answer, without passages": (
        "SELECT count(*) FROM documents WHERE state IN ('searchable', 'ready') AND "
        "(indexed_hash != content_hash OR passages = 0 AND NOT container)"
    ),
    "containers that say they are ready before their parts, or have passages": (
        "SELECT count(*) FROM documents d WHERE container AND (passages > 0 OR state = 'ready' AND EXISTS "
        "(SELECT 1 FROM documents p WHERE p.parent = d.key AND p.state = 'searchable'))"
    ),
    "parts of a document that is no container, or of another owner's": (
        "SELECT count(*) FROM documents p JOIN documents d ON d.key = p.parent WHERE NOT d.container OR d.owner != p.owner"
    ),
    "failed documents with passages": "SELECT count(*) FROM documents WHERE state IN ('failed', 'no_text') AND passages > 0",
    "ready documents whose vectors are not published": (
        "SELECT count(*) FROM documents d WHERE state = 'ready' AND NOT container AND NOT EXISTS "
        "(SELECT 1 FROM published b JOIN embedders e ON e.key = b.embedder WHERE b.document = d.key AND e.state = 'active')"
    ),
    "published passages without a vector": (
        "SELECT count(*) FROM published b JOIN passages p ON p.document = b.document WHERE NOT EXISTS "
        "(SELECT 1 FROM vectors v WHERE v.embedder = b.embedder AND v.hash = p.hash)"
    ),
    "vectors without a passage": "SELECT count(*) FROM vectors WHERE hash NOT IN (SELECT hash FROM passages)",
    "vectors of another size than their embedder's": (
        "SELECT count(*) FROM vectors v JOIN embedders e ON e.key = v.embedder WHERE length(v.vector) != 2 * e.dimension"
    ),
}


def faults(db: apsw.Connection, files: Files, *, originals: bool) -> tuple[str, ...]:
    """Return what is wrong, a sentence each; nothing when all is well. With `originals` each document must have one."""
    # FTS5's own check trusts what this connection remembers of the index; a query makes it look at the index anew.
    rows(db, "SELECT rowid FROM keywords WHERE keywords MATCH 'x' LIMIT 1")
    found = [f"SQLite: {line}" for (line,) in rows(db, "PRAGMA integrity_check") if line != "ok"]
    found += [
        f"a row of {row[0]} points to a row of {row[2]} that is missing" for row in rows(db, "PRAGMA foreign_key_check")
    ]
    for name, sql in _RULES.items():
        if number := value(db, sql):
            found.append(f"{number} {name}")
    there = set(files.all())
    if orphans := there - {content for (content,) in rows(db, "SELECT DISTINCT content_hash FROM documents")}:
        found.append(f"{len(orphans)} originals without a document")
    needed = {content for (content,) in rows(db, "SELECT DISTINCT content_hash FROM documents WHERE parent IS NULL")}
    if originals and (lost := needed - there):
        found.append(f"{len(lost)} originals are missing")
    return tuple(found)
