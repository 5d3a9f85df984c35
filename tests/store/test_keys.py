"""What `mecum.store.base` promises of keys, on the store that is built in."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mecum.errors import InvalidRequest, NameTaken
from mecum.store import people
from mecum.store.people import NewKey
from mecum.store.sqlite import Sqlite, keys


def new(name: str, **fields: object) -> NewKey:
    given = {
        "id": f"id of {name}",
        "name": name,
        "owner": "ann",
        "hash": name.encode().ljust(32),
        "hint": "wxyz",
        "scopes": frozenset({"chat"}),
    }
    return NewKey(**{**given, **fields})  # type: ignore[arg-type]


FULL = new(
    "'; DROP TABLE keys; --",
    scopes=frozenset({"chat", "documents", "admin"}),
    expires=time.time() + 1000,
    rate=5,
    concurrency=2,
)


async def test_a_key_comes_back_as_it_was_given(store: Sqlite) -> None:
    began = time.time()
    key = await store.keys.add(FULL)
    assert {name: getattr(key, name) for name in FULL.__slots__} == {name: getattr(FULL, name) for name in FULL.__slots__}
    assert began <= key.created <= time.time()
    assert (key.revoked, key.last_used, key.is_good(time.time())) == (None, None, True)
    plain = await store.keys.add(new("plain"))
    assert (plain.expires, plain.rate, plain.concurrency) == (None, None, None)
    assert await store.keys.list() == (key, plain)


async def test_it_survives_a_restart(tmp_path: Path) -> None:
    first = Sqlite(tmp_path)
    await first.start()
    key = await first.keys.add(FULL)
    await first.aclose()
    second = Sqlite(tmp_path)
    await second.start()
    assert await second.keys.list() == (key,)
    assert await second.keys.closed()
    await second.aclose()


async def test_closed_from_the_first_key_on_until_it_is_opened(store: Sqlite) -> None:
    assert not await store.keys.closed()
    first, second = await store.keys.add(new("a")), await store.keys.add(new("b"))
    assert await store.keys.closed()
    await store.keys.revoke(first.id)
    await store.keys.revoke(second.id)
    assert await store.keys.closed()
    assert await store.keys.open() == ()
    assert not await store.keys.closed()
    third = await store.keys.add(new("c"))
    assert await store.keys.closed()
    (revoked,) = await store.keys.open()
    assert (revoked.id, revoked.revoked is None) == (third.id, False)
    assert not any(key.is_good(time.time()) for key in await store.keys.list())


async def test_revoked_is_revoked(store: Sqlite) -> None:
    key = await store.keys.add(new("a"))
    revoked = await store.keys.revoke(key.id)
    assert revoked is not None
    assert revoked.revoked is not None
    assert not revoked.is_good(time.time())
    assert await store.keys.revoke(key.id) == revoked  # and not a second later
    assert await store.keys.revoke("nobody") is None
    assert await store.keys.list() == (revoked,)


async def test_a_name_is_taken_while_its_key_is_good(store: Sqlite) -> None:
    key = await store.keys.add(new("a"))
    with pytest.raises(NameTaken):
        await store.keys.add(new("a", id="2", hash=b"2", owner="eve"))
    await store.keys.revoke(key.id)
    await store.keys.add(new("a", id="3", hash=b"3", expires=time.time() - 1))
    await store.keys.add(new("a", id="4", hash=b"4"))


async def test_when_it_was_used(store: Sqlite) -> None:
    first, second = await store.keys.add(new("a")), await store.keys.add(new("b"))
    await store.keys.used({first.id: 100.0, second.id: 50.0, "nobody": 1.0})
    await store.keys.used({first.id: 90.0, second.id: 60.0})
    assert [key.last_used for key in await store.keys.list()] == [100.0, 60.0]


async def test_what_is_long_no_longer_good_is_forgotten(store: Sqlite) -> None:
    now = time.time()
    await store.keys.add(new("good"))
    await store.keys.add(new("old", expires=now - 100))
    await store.keys.add(new("late", expires=now + 100))
    await store.keys.revoke("id of late")
    assert await store.keys.prune(now - 200) == 0
    assert await store.keys.prune(now - 50) == 1
    assert await store.keys.prune(time.time() + 1) == 1
    assert [key.name for key in await store.keys.list()] == ["good"]
    assert await store.keys.closed()


async def test_there_is_a_most(store: Sqlite, monkeypatch: pytest.MonkeyPatch) -> None:
    assert keys.MAX_KEYS == people.MAX_KEYS
    monkeypatch.setattr(keys, "MAX_KEYS", 2)
    first = await store.keys.add(new("a"))
    await store.keys.add(new("b"))
    with pytest.raises(InvalidRequest, match="2 keys"):
        await store.keys.add(new("c"))
    await store.keys.revoke(first.id)
    await store.keys.add(new("c"))


def test_a_kill_leaves_no_key_that_nobody_asks_for(tmp_path: Path) -> None:
    """What was acknowledged is there, and a store with a key is closed, wherever it was killed."""
    program = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom mecum.store.sqlite import Sqlite\n"
        "from tests.store.test_keys import new\n"
        "async def main():\n    store = Sqlite(Path(sys.argv[1]))\n    await store.start()\n"
        "    for number in range(10_000):\n        await store.keys.open()\n"
        "        key = await store.keys.add(new(str(number)))\n        print(key.id, flush=True)\n"
        "asyncio.run(main())\n"
    )
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=root, env={**os.environ, "PYTHONPATH": "."}
    ) as run:
        assert run.stdout
        said = [run.stdout.readline().strip() for _ in range(20)]
        run.send_signal(signal.SIGKILL)
        said += run.stdout.read().split("\n")
    there, closed, good = _left(tmp_path)
    assert {line for line in said if line in there} >= set(said[:20])
    assert closed or not good


def _left(home: Path) -> tuple[set[str], bool, list[str]]:
    async def look() -> tuple[set[str], bool, list[str]]:
        store = Sqlite(home)
        await store.start()
        found = await store.keys.list()
        closed = await store.keys.closed()
        assert await store.check() == ()
        await store.aclose()
        return {key.id for key in found}, closed, [key.id for key in found if key.is_good(time.time())]

    return asyncio.run(look())
