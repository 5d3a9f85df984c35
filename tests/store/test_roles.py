"""What `mecum.store.base` promises of roles, on the store that is built in."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from mecum.errors import InvalidRequest, NameTaken
from mecum.store import values
from mecum.store.sqlite import Sqlite, roles
from mecum.store.values import NewRole

FULL = NewRole(
    owner="ann",
    uuid="u1",
    name="Librarian",
    description="what",
    system_prompt="You are … \x00 '; DROP TABLE roles; --",
    icon="📚",
    is_active=False,
    enable_l0_retrieval=False,
    enable_l1_retrieval=False,
    collections=("work", "b,c"),
    model="tiny",
    temperature=0.5,
)


def new(name: str, owner: str = "ann", **fields: object) -> NewRole:
    return NewRole(**{"owner": owner, "uuid": f"uuid of {name}", "name": name, **fields})  # type: ignore[arg-type]


async def test_a_role_comes_back_as_it_was_given(store: Sqlite) -> None:
    began = time.time()
    role = await store.roles.add(FULL)
    assert {name: getattr(role, name) for name in FULL.__slots__} == {name: getattr(FULL, name) for name in FULL.__slots__}
    assert (role.number, role.created) == (1, role.updated)
    assert began <= role.created <= time.time()
    assert await store.roles.get("ann", "u1") == role
    plain = await store.roles.add(new("Plain"))
    assert (plain.is_active, plain.enable_l0_retrieval, plain.collections, plain.model, plain.temperature, plain.number) == (
        *(True, True, (), None, None),
        2,
    )
    assert await store.roles.list("ann") == (role, plain)


async def test_it_survives_a_restart(tmp_path: Path) -> None:
    first = Sqlite(tmp_path)
    await first.start()
    role = await first.roles.add(FULL)
    await first.aclose()
    second = Sqlite(tmp_path)
    await second.start()
    assert await second.roles.list("ann") == (role,)
    await second.aclose()


async def test_a_name_and_a_uuid_are_taken_once(store: Sqlite) -> None:
    role = await store.roles.add(new("A"))
    other = await store.roles.add(new("B"))
    for clash, param in ((new("A", uuid="x"), "name"), (new("C", uuid=role.uuid), "uuid")):
        with pytest.raises(NameTaken) as caught:
            await store.roles.add(clash)
        assert caught.value.param == param
    with pytest.raises(NameTaken):
        await store.roles.change("ann", other.uuid, {"name": "A", "icon": "x"})
    assert await store.roles.list("ann") == (role, other)  # a refused change changes nothing
    assert await store.roles.change("ann", role.uuid, {"name": "A"}) is not None  # one's own name is no clash
    assert (await store.roles.add(new("a"))).number == 3  # another name


async def test_a_change_touches_what_it_names(store: Sqlite) -> None:
    role = await store.roles.add(FULL)
    changed = await store.roles.change("ann", "u1", {"model": None, "collections": (), "is_active": True})
    assert changed is not None
    assert changed == replace(role, model=None, collections=(), is_active=True, updated=changed.updated)
    assert changed.updated >= role.updated
    assert await store.roles.get("ann", "u1") == changed
    assert await store.roles.change("ann", "nobody", {"icon": "x"}) is None


async def test_deleted_is_deleted(store: Sqlite) -> None:
    role = await store.roles.add(FULL)
    assert await store.roles.delete("ann", "u1") == role
    assert await store.roles.delete("ann", "u1") is None
    assert await store.roles.list("ann") == ()
    assert await store.roles.add(FULL)  # name and uuid are free again


async def test_two_owners_never_see_each_others_roles(store: Sqlite) -> None:
    """Also where both moved over from Second Me with the same ids and names."""
    anns = await store.roles.add(new("A"))
    assert await store.roles.get("eve", anns.uuid) is None
    assert await store.roles.list("eve") == ()
    assert await store.roles.change("eve", anns.uuid, {"name": "mine"}) is None
    assert await store.roles.delete("eve", anns.uuid) is None
    eves = await store.roles.add(new("A", owner="eve"))
    assert (eves.uuid, eves.name, eves.number) == (anns.uuid, anns.name, 1)
    changed = await store.roles.change("eve", anns.uuid, {"icon": "x"})
    assert changed is not None
    assert await store.roles.list("ann") == (anns,)
    assert await store.roles.delete("eve", anns.uuid) == changed
    assert await store.roles.list("ann") == (anns,)


async def test_first_roles_come_once(store: Sqlite) -> None:
    first = [new("A", owner=""), new("B", owner="")]
    assert await store.roles.begin("ann", first)
    assert [role.name for role in await store.roles.list("ann")] == ["A", "B"]
    assert not await store.roles.begin("ann", first)
    for role in await store.roles.list("ann"):
        await store.roles.delete("ann", role.uuid)
    assert not await store.roles.begin("ann", first)
    assert await store.roles.list("ann") == ()
    assert await store.roles.begin("eve", first)


async def test_first_roles_do_not_touch_what_is_there(store: Sqlite) -> None:
    mine = await store.roles.add(new("A"))
    assert await store.roles.begin("ann", [new("A", uuid="x"), new("B")])
    assert [role.uuid for role in await store.roles.list("ann")] == [mine.uuid, "uuid of B"]


async def test_there_is_a_most(store: Sqlite, monkeypatch: pytest.MonkeyPatch) -> None:
    assert roles.MAX_ROLES == values.MAX_ROLES
    monkeypatch.setattr(roles, "MAX_ROLES", 2)
    await store.roles.add(new("A"))
    await store.roles.add(new("B"))
    with pytest.raises(InvalidRequest, match="2 roles"):
        await store.roles.add(new("C"))
    assert await store.roles.add(new("C", owner="eve"))


async def test_no_trace_of_a_deleted_prompt_stays(store: Sqlite, tmp_path: Path) -> None:
    await store.roles.add(new("A", system_prompt="canary one"))
    await store.roles.change("ann", "uuid of A", {"system_prompt": "canary two"})
    await store.roles.delete("ann", "uuid of A")
    await store.compact()
    assert b"canary" not in written(tmp_path)


def written(home: Path) -> bytes:
    return b"".join(file.read_bytes() for file in home.glob("mecum.db*"))
