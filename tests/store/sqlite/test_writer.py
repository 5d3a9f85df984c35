"""The thread that writes: who shares a commit with whom, and what becomes of what fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import apsw
import pytest

from mecum.errors import StoreError, StoreFull
from mecum.store.sqlite.writer import Writer


@pytest.fixture
def db(tmp_path: Path) -> Iterator[apsw.Connection]:
    connection = apsw.Connection(str(tmp_path / "test.db"))
    connection.pragma("journal_mode", "wal")
    connection.execute("CREATE TABLE t (x UNIQUE)")
    yield connection
    connection.close()


@pytest.fixture
def writer(db: apsw.Connection) -> Iterator[Writer]:
    made = Writer(db, lambda _: None)
    yield made
    made.close()


def hold(writer: Writer) -> threading.Event:
    """Keep the writer busy until the event is set, so that what is submitted meanwhile shares a commit."""
    release, begun = threading.Event(), threading.Event()
    writer.submit(lambda _: (begun.set(), release.wait(10)), alone=True)
    assert begun.wait(10)
    return release


def insert(writer: Writer, value: object) -> Future[int]:
    def work(db: apsw.Connection) -> int:
        db.execute("INSERT INTO t VALUES (?)", (value,))  # type: ignore[arg-type]
        return db.last_insert_rowid()

    return writer.submit(work)


def stored(db: apsw.Connection) -> list[object]:
    return [row[0] for row in db.execute("SELECT x FROM t ORDER BY rowid")]


def test_what_waits_shares_one_commit(writer: Writer, db: apsw.Connection) -> None:
    commits = []
    db.set_commit_hook(lambda: bool(commits.append(1)))
    release = hold(writer)
    waiting = [insert(writer, number) for number in range(20)]
    release.set()
    assert [future.result(10) for future in waiting] == list(range(1, 21))
    assert len(commits) == 1


def test_a_failure_leaves_nothing_and_spares_the_others(writer: Writer, db: apsw.Connection) -> None:
    def half(db: apsw.Connection) -> None:
        db.execute("INSERT INTO t VALUES ('half')")
        raise KeyError("ours")

    release = hold(writer)
    first, failing, last = insert(writer, "a"), writer.submit(half), insert(writer, "b")
    release.set()
    first.result(10)
    last.result(10)
    with pytest.raises(KeyError):
        failing.result(10)
    assert stored(db) == ["a", "b"]


def test_when_the_shared_commit_does_not_fit_each_is_tried_alone(writer: Writer, db: apsw.Connection) -> None:
    insert(writer, "before").result(10)
    db.pragma("max_page_count", db.pragma("page_count") + 4)
    release = hold(writer)
    small, large, also_small = insert(writer, "s"), insert(writer, "x" * 100_000), insert(writer, "t")
    release.set()
    small.result(10)
    also_small.result(10)
    with pytest.raises(StoreFull):
        large.result(10)
    assert stored(db) == ["before", "s", "t"]


def test_work_that_was_cancelled_while_it_waited_is_not_done(writer: Writer, db: apsw.Connection) -> None:
    release = hold(writer)
    cancelled = insert(writer, "never")
    assert cancelled.cancel()
    release.set()
    insert(writer, "after").result(10)
    assert stored(db) == ["after"]


def test_closing_finishes_what_was_submitted(db: apsw.Connection) -> None:
    writer = Writer(db, lambda _: None)
    release = hold(writer)
    pending = [insert(writer, number) for number in range(5)]
    threading.Timer(0.05, release.set).start()
    writer.close()
    assert all(future.done() for future in pending)
    assert stored(db) == list(range(5))
    with pytest.raises(StoreError):
        insert(writer, "late")


def test_upkeep_comes_after_work_and_again_when_it_says_so(db: apsw.Connection) -> None:
    calls: list[list[object]] = []
    stumbled, done = threading.Event(), threading.Event()

    def upkeep(connection: apsw.Connection) -> float | None:
        calls.append(stored(connection))
        if len(calls) == 1:
            stumbled.set()
            raise apsw.IOError("the disk stumbles")
        if len(calls) > 2:
            done.set()
            return None
        return 0.0

    writer = Writer(db, upkeep)
    insert(writer, 1).result(10)
    for stumbling in (True, False):
        writer.submit(lambda _: writer.ask_upkeep()).result(10)
        assert (stumbled if stumbling else done).wait(10)
    writer.close()
    assert calls[-1] == [1]
    assert len(calls) == 3
