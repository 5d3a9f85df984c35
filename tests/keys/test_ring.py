"""Who comes with a key."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecum.errors import KeyNotFound, NameTaken, Unauthorized
from mecum.keys.ring import Keyring
from mecum.store.people import KEPT
from mecum.store.sqlite import Sqlite
from mecum.types import SCOPES, Principal

TOKEN = "the-token-of-run.json"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Sqlite]:
    store = Sqlite(tmp_path)
    await store.start()
    yield store
    await store.aclose()


@pytest.fixture
async def keys(store: Sqlite) -> AsyncIterator[Keyring]:
    keys = Keyring(store.keys, TOKEN)
    await keys.start()
    yield keys
    await keys.aclose()


def refused(keys: Keyring, header: str | None) -> str:
    with pytest.raises(Unauthorized) as caught:
        keys.resolve(header)
    assert caught.value.code == "invalid_api_key"
    return caught.value.reason


async def test_a_key_is_its_owner_with_its_scopes(keys: Keyring) -> None:
    key, text = await keys.create("laptop", owner="ann", scopes=["chat", "admin"])
    assert keys.resolve(f"Bearer {text}") == Principal("ann", frozenset({"chat", "admin"}), key.id)
    other, _ = await keys.create("phone", owner="eve")
    assert other.scopes == {"chat", "documents"}


async def test_the_token_is_the_owner_of_this_machine(keys: Keyring) -> None:
    await keys.create("laptop", owner="ann")
    assert keys.resolve(f"Bearer {TOKEN}") == Principal("local", frozenset(SCOPES), None)


async def test_each_fault_has_its_word(keys: Keyring) -> None:
    _, good = await keys.create("good", owner="ann")
    gone, revoked = await keys.create("revoked", owner="ann")
    await keys.revoke(gone.id)
    _, short = await keys.create("short", owner="ann", expires=time.time() + 0.05)
    await asyncio.sleep(0.1)
    told = {header: refused(keys, header) for header in (
        None, "", good, f"Basic {good}", f"Bearer {good[:-1]}", f"Bearer {good}x", f"Bearer {revoked}", f"Bearer {short}",
    )}  # fmt: skip
    assert list(told.values()) == [
        "missing",
        "malformed",
        "malformed",
        "malformed",
        "unknown",
        "unknown",
        "revoked",
        "expired",
    ]
    keys.resolve(f"Bearer {good}")


async def test_nobody_learns_of_other_keys(keys: Keyring) -> None:
    """What is said of a key that is not known is the same whatever keys there are."""

    def said(header: str) -> str:
        with pytest.raises(Unauthorized) as caught:
            keys.resolve(header)
        return caught.value.message

    before = said("Bearer mk-abc")
    key, text = await keys.create("abc", owner="abc")
    for near in ("mk-abc", text[:-4] + "zzzz", key.id, key.hash.hex(), key.name, text.lower()):
        assert said(f"Bearer {near}") == before
    assert "abc" not in before


@given(
    header=st.text(st.characters(max_codepoint=255), max_size=300) | st.sampled_from(["'", '"', "\0", "' OR 1=1 --", "%"])
)
async def test_whatever_is_sent_is_refused(keys_of_a_module: Keyring, header: str) -> None:
    for sent in (header, f"Bearer {header}"):
        refused(keys_of_a_module, sent)


@pytest.fixture(scope="module")
def keys_of_a_module(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    async def make() -> Keyring:
        store = Sqlite(tmp_path_factory.mktemp("keys"))
        await store.start()
        keys = Keyring(store.keys, TOKEN)
        await keys.create("laptop", owner="ann")
        await store.aclose()
        return keys

    return asyncio.run(make())


async def test_changes_hold_at_once_and_after_a_restart(store: Sqlite, keys: Keyring) -> None:
    assert keys.is_open
    key, text = await keys.create("laptop", owner="ann")
    assert not keys.is_open
    keys.resolve(f"Bearer {text}")
    again = Keyring(store.keys, TOKEN)
    assert not again.is_open  # before it has asked the store it lets nobody in
    await again.start()
    assert again.resolve(f"Bearer {text}").owner == "ann"
    await again.aclose()
    await keys.revoke(key.id)
    assert refused(keys, f"Bearer {text}") == "revoked"
    assert not keys.is_open
    assert await keys.open() == ()
    assert keys.is_open
    assert refused(keys, f"Bearer {text}") == "revoked"


async def test_opening_revokes_what_was_good(keys: Keyring) -> None:
    key, text = await keys.create("laptop", owner="ann")
    assert [one.id for one in await keys.open()] == [key.id]
    await keys.create("another", owner="ann")
    assert refused(keys, f"Bearer {text}") == "revoked"


async def test_a_change_is_whole_also_when_whoever_asked_has_left(store: Sqlite, keys: Keyring) -> None:
    work = asyncio.create_task(keys.create("laptop", owner="ann"))
    await asyncio.sleep(0)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    with pytest.raises(NameTaken):  # it waits for the change before
        await keys.create("laptop", owner="ann")
    assert not keys.is_open
    assert await store.keys.closed()


async def test_an_unknown_id_is_told(keys: Keyring) -> None:
    with pytest.raises(KeyNotFound):
        await keys.revoke("nobody")


async def test_limits_are_the_keys_own(keys: Keyring) -> None:
    await keys.create("free", owner="ann")
    key, text = await keys.create("bound", owner="ann", rate=1)
    bound = keys.limit(keys.resolve(f"Bearer {text}"))
    assert bound is not None
    assert keys.limit(keys.resolve(f"Bearer {text}")) is bound
    assert keys.limit(Principal()) is None
    await keys.revoke(key.id)
    assert keys.limit(Principal("ann", frozenset(), key.id)) is None


async def test_when_it_was_used_is_told_at_once_and_kept(store: Sqlite) -> None:
    keys = Keyring(store.keys, TOKEN)
    await keys.start()
    _, text = await keys.create("laptop", owner="ann")
    assert [key.last_used for key in await keys.list()] == [None]
    began = time.time()
    keys.resolve(f"Bearer {text}")
    (key,) = await keys.list()
    assert key.last_used is not None
    assert began <= key.last_used <= time.time()
    await keys.aclose()
    assert [key.last_used for key in await store.keys.list()] == [key.last_used]


async def test_no_text_of_a_key_is_kept(store: Sqlite, keys: Keyring, tmp_path: Path) -> None:
    key, text = await keys.create("laptop", owner="ann")
    keys.resolve(f"Bearer {text}")
    kept = written(tmp_path)
    assert key.hash in kept
    assert text.encode() not in kept
    assert text[3:-4].encode() not in kept
    assert text not in repr(vars(keys))


async def test_what_is_long_gone_is_forgotten_at_a_start(store: Sqlite) -> None:
    keys = Keyring(store.keys, TOKEN)
    await keys.start()
    await keys.create("old", owner="ann", expires=time.time() - KEPT - 1)
    await keys.create("lately", owner="ann", expires=time.time() - KEPT + 1000)
    await keys.aclose()
    again = Keyring(store.keys, TOKEN)
    await again.start()
    assert [key.name for key in await again.list()] == ["lately"]
    assert not again.is_open
    await again.aclose()


def written(home: Path) -> bytes:
    return b"".join(file.read_bytes() for file in home.glob("mecum.db*"))
