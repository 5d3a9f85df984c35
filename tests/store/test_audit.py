"""What `mecum.store.base` promises of the audit log, on the store that is built in."""

from __future__ import annotations

from tests.store.test_keys import new

from mecum.store.people import Deed
from mecum.store.sqlite import Sqlite


def deed(time: float, **fields: object) -> Deed:
    return Deed(**{"time": time, "what": "document.renamed", "owner": "ann", **fields})  # type: ignore[arg-type]


async def test_a_deed_comes_back_as_it_was_given(store: Sqlite) -> None:
    key = await store.keys.add(new("laptop"))
    full = deed(5.5, key=key.id, targets=("a", "b"), count=7, outcome="not_found")
    await store.audit.add(full)
    await store.audit.add(deed(6.0, key="one that is gone"))
    last, first = await store.audit.list()
    assert {name: getattr(first, name) for name in full.__slots__} == {name: getattr(full, name) for name in full.__slots__}
    assert (first.key_name, last.key_name, last.key) == ("laptop", None, "one that is gone")
    assert last.number > first.number


async def test_the_last_come_first_and_page_by_page(store: Sqlite) -> None:
    for number in range(10):
        await store.audit.add(deed(float(number)))
    assert [one.time for one in await store.audit.list()] == [float(number) for number in reversed(range(10))]
    page = await store.audit.list(limit=4)
    await store.audit.add(deed(100.0))
    rest = await store.audit.list(limit=100, before=page[-1].number)
    assert [one.time for one in (*page, *rest)] == [float(number) for number in reversed(range(10))]
    assert [one.time for one in await store.audit.list(since=3, until=5)] == [5.0, 4.0, 3.0]


async def test_counted_deeds_share_a_row(store: Sqlite) -> None:
    failed = deed(60.0, what="sign_in.failed", owner="", outcome="unknown", count=3)
    other = deed(60.0, what="sign_in.failed", owner="", outcome="expired", key="k", count=1)
    await store.audit.count([failed, other])
    await store.audit.count([failed])
    await store.audit.count([deed(120.0, what="sign_in.failed", owner="", outcome="unknown", count=1)])
    found = [(one.time, one.key, one.outcome, one.count) for one in await store.audit.list()]
    assert found == [(120.0, None, "unknown", 1), (60.0, "k", "expired", 1), (60.0, None, "unknown", 6)]


async def test_old_deeds_are_forgotten(store: Sqlite) -> None:
    for number in range(5):
        await store.audit.add(deed(float(number)))
    assert await store.audit.prune(3.0) == 3
    assert [one.time for one in await store.audit.list()] == [4.0, 3.0]


async def test_values_that_changed_are_named(store: Sqlite) -> None:
    assert await store.audit.changed({"a": "1", "b": "1"}) == ()
    assert await store.audit.changed({"a": "1", "b": "1"}) == ()
    assert await store.audit.changed({"a": "2", "b": "1", "new": "1"}) == ("a",)
    assert await store.audit.changed({"b": "2", "new": "2"}) == ("b", "new")
    assert await store.audit.changed({"b": "2", "new": "2"}) == ()
