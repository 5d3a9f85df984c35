"""What is done for each passage that comes or goes finds its rows by an index: no time grows with the whole library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest
from tests.store.library import OWNER, add, embed, texts_of

from mecum.store.sqlite import Sqlite

_LARGE = ("passages", "vectors", "published", "documents")


@pytest.fixture
def said() -> Iterator[dict[str, Any]]:
    """All SQL that connections made from now on are given, with values that it was given with."""
    statements: dict[str, Any] = {}

    def listen(connection: apsw.Connection) -> None:
        connection.set_exec_trace(lambda _cursor, sql, values: statements.update({sql: values}) is None)

    apsw.connection_hooks.append(listen)
    yield statements
    apsw.connection_hooks.remove(listen)


async def test_passages_and_vectors_that_go_are_looked_up(tmp_path: Path, said: dict[str, Any]) -> None:
    store = Sqlite(tmp_path)
    await store.start()
    document = await add(store, "a.txt", "one", "two")
    await embed(store)
    said.clear()
    await add(store, "a.txt", "one", "three")
    await store.documents.delete(OWNER, [document.id])
    assert await texts_of(store, "one") == []
    await store.aclose()
    with closing(apsw.Connection(str(tmp_path / "mecum.db"))) as db:
        changing = [sql for sql in said if sql.lstrip().startswith(("DELETE", "UPDATE"))]
        steps = {sql: [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", said[sql])] for sql in changing}
    assert any("vectors" in sql for sql in changing)
    assert {sql: found for sql, plan in steps.items() if (found := [step for step in plan if _scans(step)])} == {}


def _scans(step: str) -> bool:
    return step.startswith(tuple(f"SCAN {table}" for table in _LARGE))
