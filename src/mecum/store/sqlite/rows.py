"""From rows to values, and from a Filter to SQL. Every text of SQL that takes part in a filter is made here.

A name with an accent has several spellings in Unicode. A document keeps the one that it was given, and a filter finds all of
them; one in ASCII has no other, and is compared without a call for each row.
"""
# ruff: noqa: S608 -- the SQL is put together from this room's own texts alone; every value is bound

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import apsw
import orjson

from mecum.store.values import Document, Failure, Filter, Found, Passage
from mecum.types import Json, spelt

Row = tuple[Any, ...]
_FIELDS: Final = (
    *("id", "owner", "collection", "path", "title", "kind", "size", "state", "content_hash", "passages"),
    *("metadata", "date", "created", "updated", "container"),
)
_PASSAGES: Final = (
    "CASE WHEN d.container THEN (SELECT coalesce(sum(c.passages), 0) FROM documents c WHERE c.parent = d.key) "
    "ELSE d.passages END"
)
_PARENT: Final = "(SELECT c.id FROM documents c WHERE c.key = d.parent)"
DOCUMENT: Final = ", ".join(
    (*(_PASSAGES if name == "passages" else f"d.{name}" for name in _FIELDS), _PARENT, "d.error_code", "d.error_message")
)
PASSAGE: Final = "p.id, d.id, p.position, p.text, p.context, p.place, p.date"
FOUND: Final = f"p.key, d.collection, d.path, d.title, d.kind, coalesce(p.date, d.date), {PASSAGE}"
JOINED: Final = "passages p CROSS JOIN documents d ON d.key = p.document"  # never by way of all of an owner's documents


def rows(db: apsw.Connection, sql: str, *values: Any) -> list[Row]:
    """Return all rows of a query."""
    return db.execute(sql, values).fetchall()


def row(db: apsw.Connection, sql: str, *values: Any) -> Row | None:
    """Return a query's first row."""
    found: Row | None = db.execute(sql, values).fetchone()
    return found


def value(db: apsw.Connection, sql: str, *values: Any) -> Any:
    """Return the one value of a query that always has a row."""
    return rows(db, sql, *values)[0][0]


def document_of(columns: Row) -> Document:
    """Return the value of a row of DOCUMENT's columns."""
    *plain, parent, code, message = columns
    fields: Json = dict(zip(_FIELDS, plain, strict=True)) | {"parent": parent}
    fields |= {"metadata": orjson.loads(fields["metadata"]), "container": bool(fields["container"])}
    return Document(**fields, error=None if code is None else Failure(code, message))


def passage_of(columns: Row) -> Passage:
    """Return the value of a row of PASSAGE's columns."""
    passage_id, document_id, position, text, context, place, date = columns
    return Passage(passage_id, document_id, position, text, context, orjson.loads(place), date)


def found_of(columns: Row) -> Found:
    """Return the value of a row of FOUND's columns."""
    key, collection, path, title, kind, date, *passage = columns
    return Found(key, passage_of(tuple(passage)), collection, path, title, kind, date)


def document_key(db: apsw.Connection, owner: str, document_id: str) -> int | None:
    """Return the key of an owner's document."""
    found = row(db, "SELECT key FROM documents WHERE id = ? AND owner = ?", document_id, owner)
    return None if found is None else int(found[0])


def document_at(db: apsw.Connection, key: int) -> Document:
    """Return the document with a key that exists."""
    return document_of(rows(db, f"SELECT {DOCUMENT} FROM documents d WHERE d.key = ?", key)[0])


def condition(where: Filter, *, date: str | None) -> tuple[str, list[Any]]:
    """Return the filter as SQL over `d` (and `p`) with its values. `date` is what its dates bound, None: they do not."""
    parts, values = ["d.owner = ?"], list[Any]([where.owner])
    if where.collections:
        column, names = compared("d.collection", where.collections, exact=where.exact)
        parts.append(f"{column} IN ({marks(len(names))})")
        values += names
    if where.kinds:
        parts.append(f"d.kind IN ({marks(len(where.kinds))})")
        values += where.kinds
    if where.path_prefix:
        path, (prefix,) = compared("d.path", [where.path_prefix], exact=where.exact)
        parts.append(f"{path} >= ? AND substr({path}, 1, length(?)) = ?")
        values += [prefix] * 3
    for bound, limit in ((">=", where.since), ("<=", where.until)):
        if date is not None and limit is not None:
            parts.append(f"{date} {bound} ?")
            values.append(limit)
    return " AND ".join(parts), values


def teach(db: apsw.Connection) -> None:
    """Give a connection the function that names are compared by."""

    def function(*name: Any) -> str:
        return spelt(*name)

    db.create_scalar_function("spelt", function, 1, deterministic=True)


def compared(column: str, names: Sequence[str], *, exact: bool = False) -> tuple[str, Sequence[str]]:
    """Return a column and names as they compare: in any spelling, or (`exact`) as they are."""
    if exact or all(map(str.isascii, names)):
        return column, names
    return f"spelt({column})", [spelt(name) for name in names]


def marks(number: int) -> str:
    """Return so many question marks, for a list of bound values."""
    return ",".join("?" * number)
