from __future__ import annotations

import re

import pytest

from mecum.api.personas import RoleBody, role_body
from mecum.errors import NameTaken, RoleNotFound
from mecum.roles.stored import StoredRoles
from mecum.store.values import NewRole
from mecum.types import Principal, Role

ANN, EVE, LOCAL = Principal("ann"), Principal("eve"), Principal()
UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")  # 122 random bits


async def test_a_chat_gets_what_it_needs(roles: StoredRoles) -> None:
    new = NewRole(name="A", system_prompt="p", enable_l0_retrieval=False, collections=("c",), model="m", temperature=0.5)
    made = await roles.create(new, ANN)
    assert await roles.get(made.uuid, ANN) == Role(
        uuid=made.uuid,
        name="A",
        system_prompt="p",
        enable_l0_retrieval=False,
        collections=("c",),
        model="m",
        temperature=0.5,
    )


async def test_ids_are_made_for_nobody_to_guess_and_kept_where_they_come_along(roles: StoredRoles) -> None:
    ids = {(await roles.create(NewRole(name=str(number)), ANN)).uuid for number in range(20)}
    assert len(ids) == 20
    assert all(UUID4.fullmatch(one) for one in ids)
    assert (await roles.create(NewRole(name="B", uuid="role_a1b2c3"), ANN)).uuid == "role_a1b2c3"


async def test_the_owner_is_who_asks(roles: StoredRoles) -> None:
    assert (await roles.create(NewRole(name="A", owner="eve"), ANN)).owner == "ann"


async def test_unknown_inactive_and_anothers_are_one_to_a_chat(roles: StoredRoles) -> None:
    made = await roles.create(NewRole(name="A", is_active=False), ANN)
    theirs = await roles.create(NewRole(name="A"), EVE)
    for role_id in ("nobody", made.uuid, theirs.uuid, "", "x" * 5000, "'; --", "\x00"):
        with pytest.raises(RoleNotFound) as caught:
            await roles.get(role_id, ANN)
        assert (caught.value.message, caught.value.param) == (
            "There is no active role with this role_id.",
            "metadata.role_id",
        )
    await roles.change(made.uuid, {"is_active": True}, ANN)
    assert (await roles.get(made.uuid, ANN)).name == "A"


async def test_anothers_role_is_unknown_to_every_call(roles: StoredRoles) -> None:
    made = await roles.create(NewRole(name="A", system_prompt="secret"), ANN)
    for call in (
        lambda: roles.get(made.uuid, EVE),
        lambda: roles.find(made.uuid, EVE),
        lambda: roles.change(made.uuid, {"name": "mine"}, EVE),
        lambda: roles.remove(made.uuid, EVE),
    ):
        with pytest.raises(RoleNotFound):
            await call()
    assert await roles.list(EVE) == ()
    assert await roles.list(ANN) == (made,)


async def test_a_name_is_taken_once(roles: StoredRoles) -> None:
    await roles.create(NewRole(name="A"), ANN)
    other = await roles.create(NewRole(name="B"), ANN)
    with pytest.raises(NameTaken):
        await roles.create(NewRole(name="A"), ANN)
    with pytest.raises(NameTaken):
        await roles.change(other.uuid, {"name": "A"}, ANN)


async def test_removed_roles_speak_no_more(roles: StoredRoles) -> None:
    made = await roles.create(NewRole(name="A"), ANN)
    assert await roles.remove(made.uuid, ANN) == made
    with pytest.raises(RoleNotFound):
        await roles.get(made.uuid, ANN)


async def test_the_first_roles_come_once_and_stay_deleted(roles: StoredRoles) -> None:
    await roles.start()
    found = await roles.list(LOCAL)
    assert [role.name for role in found] == ["Librarian", "Editor", "Tutor"]
    assert all(UUID4.fullmatch(role.uuid) and role.system_prompt and role.description and role.icon for role in found)
    assert [role.enable_l0_retrieval for role in found] == [True, False, False]
    await roles.remove(found[0].uuid, LOCAL)
    await roles.change(found[1].uuid, {"name": "Writer"}, LOCAL)
    await roles.start()
    assert [role.name for role in await roles.list(LOCAL)] == ["Writer", "Tutor"]


async def test_first_roles_fit_what_the_api_takes(roles: StoredRoles) -> None:
    """Whoever exports one can import it again."""
    await roles.start()
    for role in await roles.list(LOCAL):
        assert (
            RoleBody.model_validate({**role_body(role), "collections": []}).changes()["system_prompt"] == role.system_prompt
        )
        assert len(role.system_prompt) < 1200  # every chat pays for it
