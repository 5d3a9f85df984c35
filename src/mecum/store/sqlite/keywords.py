"""Search by words, in FTS5.

FTS5 prunes nothing: what a query costs is how many rows hold its words. So a query goes first without its commonest words
and without looking at documents; both are done only where needed (docs/retrieval.md has the figures).
"""
# ruff: noqa: S608 -- the SQL is put together from this room's own texts alone; every value is bound

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import apsw

from mecum.store.sqlite.database import Database
from mecum.store.sqlite.rows import FOUND, JOINED, Row, condition, found_of, marks, row, rows, value
from mecum.store.values import Filter, Found, Key, Match

_SLACK: Final = 4  # so many times the wanted matches are asked for before a filter is joined to all rows
_REMEMBERED: Final = 50_000  # frequencies
_SYNTAX: Final = frozenset('"\0')  # what cannot stand inside a quoted word
_CHUNK: Final = 500  # bound values of one statement


class SqliteKeywords:
    """`Keywords` over FTS5."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._frequencies: dict[str, int] = {}
        self._counted_at = 0  # passages, when the frequencies were counted

    async def size(self) -> int:
        """Return how many passages there are."""
        return await self._database.read(_size)

    async def frequencies(self, tokens: Iterable[str]) -> Mapping[str, int]:
        """Return in how many passages each token stands, about; see `Keywords.frequencies`."""
        wanted = set(tokens)

        def work(db: apsw.Connection) -> dict[str, int]:
            size = _size(db)
            if abs(size - self._counted_at) * 10 > self._counted_at or len(self._frequencies) > _REMEMBERED:
                self._frequencies, self._counted_at = {}, size
            known = self._frequencies
            for token in wanted - known.keys():
                if found := row(db, "SELECT doc FROM terms WHERE term = ?", token):
                    known[token] = int(found[0])  # a word that is not there is not remembered: it may come at any time
            return {token: known.get(token, 0) for token in wanted}

        return await self._database.read(work)

    async def matching(self, tokens: Sequence[str], where: Filter, limit: int) -> tuple[Match, ...]:
        """Return the passages that hold any of the tokens, the best first."""
        query = " OR ".join(f'"{token}"' for token in dict.fromkeys(tokens) if not _SYNTAX.intersection(token))
        if not query:
            return ()

        def work(db: apsw.Connection) -> tuple[Match, ...]:
            best = rows(
                db, "SELECT rowid, rank FROM keywords WHERE keywords MATCH ? ORDER BY rank LIMIT ?", query, limit * _SLACK
            )
            kept: list[Row] = []
            for start in range(0, len(best), limit):  # most often the first part does
                part = best[start : start + limit]
                allowed = _allowed(db, [key for key, _ in part], where)
                kept += [found for found in part if found[0] in allowed]
                if len(kept) >= limit:
                    break
            if len(kept) < limit and len(best) == limit * _SLACK:
                kept = _joined(db, query, where, limit)
            return tuple(Match(key, -rank) for key, rank in kept[:limit])

        return await self._database.read(work)

    async def found(self, keys: Sequence[Key], where: Filter) -> tuple[Found, ...]:
        """Return those passages that exist and that the filter lets through, in the order of `keys`."""
        columns = await self._database.read(lambda db: _select(db, FOUND, keys, where))
        by_key = {one[0]: found_of(one) for one in columns}
        return tuple(by_key[key] for key in keys if key in by_key)

    async def around(self, places: Iterable[tuple[str, int]], where: Filter) -> tuple[Found, ...]:
        """Return the passages at (document id, position), as far as they exist and the filter lets them through."""
        matching, values = condition(where, date="coalesce(p.date, d.date)")
        sql = (
            f"SELECT {FOUND} FROM documents d "
            f"JOIN passages p ON p.document = d.key WHERE d.id = ? AND {matching} AND p.position = ?"
        )
        wanted = tuple(places)

        def work(db: apsw.Connection) -> list[Row]:
            return [one for document_id, position in wanted for one in rows(db, sql, document_id, *values, position)]

        return tuple(map(found_of, await self._database.read(work)))

    async def stamp(self) -> str | None:
        """Return the tokeniser's version that the keywords were made with."""
        found = await self._database.read(lambda db: row(db, "SELECT value FROM facts WHERE name = 'tokens'"))
        return None if found is None else str(found[0])

    async def rebuild(self, version: str, tokens: Callable[[str], str]) -> int:
        """Make all keywords anew, all at once."""

        def work(db: apsw.Connection) -> int:
            db.execute("INSERT INTO keywords (keywords) VALUES ('delete-all')")
            for key, context, text in db.execute("SELECT key, context, text FROM passages"):
                db.execute("INSERT INTO keywords (rowid, body) VALUES (?, ?)", (key, tokens(f"{context}\n{text}")))
            db.execute("INSERT OR REPLACE INTO facts VALUES ('tokens', ?)", (version,))
            self._frequencies = {}
            return _size(db)

        return await self._database.write(work)


def _size(db: apsw.Connection) -> int:
    return int(value(db, "SELECT count(*) FROM passages"))


def _allowed(db: apsw.Connection, keys: Sequence[Key], where: Filter) -> set[Key]:
    return {found[0] for found in _select(db, "p.key", keys, where)}


def _select(db: apsw.Connection, columns: str, keys: Sequence[Key], where: Filter) -> list[Row]:
    matching, values = condition(where, date="coalesce(p.date, d.date)")
    found: list[Row] = []
    for start in range(0, len(keys), _CHUNK):
        part = keys[start : start + _CHUNK]
        sql = f"SELECT {columns} FROM {JOINED} WHERE p.key IN ({marks(len(part))}) AND {matching}"
        found += rows(db, sql, *part, *values)
    return found


def _joined(db: apsw.Connection, query: str, where: Filter, limit: int) -> list[Row]:
    matching, values = condition(where, date="coalesce(p.date, d.date)")
    return rows(
        db,
        "SELECT k.rowid, k.rank FROM keywords k CROSS JOIN passages p ON p.key = k.rowid "
        "CROSS JOIN documents d ON d.key = p.document "
        f"WHERE keywords MATCH ? AND {matching} ORDER BY k.rank LIMIT ?",
        query,
        *values,
        limit,
    )
