"""Who did what, and when: written down before it is told, and never with a word of a text."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mecum.audit.log import MOST_TARGETS, AuditLog
from mecum.errors import DocumentNotFound
from mecum.store.people import KEPT
from mecum.store.sqlite import Sqlite
from mecum.types import Principal

ANN = Principal("ann", frozenset(), "key-of-ann")


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Sqlite]:
    store = Sqlite(tmp_path)
    await store.start()
    yield store
    await store.aclose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def audit(store: Sqlite, clock: Clock) -> AsyncIterator[AuditLog]:
    audit = AuditLog(store.audit, clock)
    await audit.start()
    yield audit
    await audit.aclose()


async def test_what_was_done(audit: AuditLog, clock: Clock) -> None:
    async with audit.doing(ANN, "documents.added") as note:
        note.targets = ["a", "b"]
    async with audit.doing(Principal(), "documents.forgotten") as note:
        note.count = 7
    last, first = await audit.list()
    assert (first.time, first.what, first.owner, first.key, first.targets, first.count, first.outcome) == (
        *(clock.now, "documents.added", "ann", "key-of-ann", ("a", "b"), 2, "ok"),
    )
    assert (last.owner, last.key, last.targets, last.count) == ("local", None, (), 7)


async def test_what_failed_and_why(audit: AuditLog) -> None:
    with pytest.raises(DocumentNotFound):
        async with audit.doing(ANN, "document.renamed", "id"):
            raise DocumentNotFound("There is none.")
    with pytest.raises(ZeroDivisionError):
        async with audit.doing(ANN, "document.renamed", "id"):
            1 / 0  # noqa: B018
    work = asyncio.create_task(_forever(audit))
    await asyncio.sleep(0.01)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    outcomes = [deed.outcome for deed in await audit.list()]
    assert outcomes == ["client_left", "internal_error", "document_not_found"]


async def _forever(audit: AuditLog) -> None:
    async with audit.doing(ANN, "documents.removed", "id"):
        await asyncio.sleep(60)


async def test_only_ids_are_kept_and_not_all_of_many(audit: AuditLog) -> None:
    await audit.record(ANN, "documents.removed", ["ok-1", "My secret title", "x" * 129, "../..", ""])
    await audit.record(ANN, "documents.removed", [str(number) for number in range(1000)])
    many, odd = await audit.list()
    assert odd.targets == ("ok-1", "no id", "no id", "no id", "no id")
    assert (len(many.targets), many.count) == (MOST_TARGETS, 1000)


async def test_what_is_counted_is_a_row_a_minute(store: Sqlite, audit: AuditLog, clock: Clock) -> None:
    clock.now = 600.0
    for second in range(90):
        for reason in ("unknown", "unknown", "missing"):
            audit.count(Principal("", frozenset()), "sign_in.failed", outcome=reason)
        if second == 30:
            await audit.list()  # what is written in between is one row all the same
        clock.now += 1
    rows = sorted((deed.time, deed.outcome, deed.count) for deed in await audit.list())
    assert rows == [(600.0, "missing", 60), (600.0, "unknown", 120), (660.0, "missing", 30), (660.0, "unknown", 60)]


async def test_counts_are_written_at_the_end(store: Sqlite, clock: Clock) -> None:
    audit = AuditLog(store.audit, clock)
    await audit.start()
    audit.count(ANN, "access.refused", outcome="insufficient_scope")
    assert await store.audit.list() == ()
    await audit.aclose()
    (deed,) = await store.audit.list()
    assert (deed.what, deed.owner, deed.key, deed.count) == ("access.refused", "ann", "key-of-ann", 1)


async def test_ninety_days(store: Sqlite, clock: Clock) -> None:
    audit = AuditLog(store.audit, clock)
    await audit.record(ANN, "role.created", ["old"])
    clock.now += 10
    await audit.record(ANN, "role.created", ["new"])
    clock.now += KEPT - 5
    await audit.start()
    assert [deed.targets for deed in await audit.list()] == [("new",)]
    await audit.aclose()


async def test_a_log_that_cannot_be_written_stops_nobody(
    store: Sqlite, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    audit = AuditLog(store.audit, clock)
    await store.aclose()
    async with audit.doing(ANN, "role.deleted", "id"):
        pass
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "audit log" in record.message


async def test_settings_are_named_when_they_differ_and_their_values_are_not_kept(audit: AuditLog, tmp_path: Path) -> None:
    values = {"engine.api_key": "canary", "server.port": "8002"}
    assert await audit.settings(values, b"secret") == ()
    assert await audit.settings(values, b"secret") == ()
    assert await audit.list() == ()
    assert await audit.settings({**values, "engine.api_key": "canary2"}, b"secret") == ("engine.api_key",)
    (deed,) = await audit.list()
    assert (deed.what, deed.targets, deed.owner) == ("settings.changed", ("engine.api_key",), "local")
    assert b"canary" not in written(tmp_path)


def written(home: Path) -> bytes:
    return b"".join(file.read_bytes() for file in home.glob("mecum.db*"))
