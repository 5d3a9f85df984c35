"""The roles of the store: the one way to them for `chat`, `api` and `cli`.

Invariants (`tests/roles/test_stored.py`): whatever takes a Principal sees that owner's roles and no others, and answers
another's as it answers an unknown one; a new role's uuid has 122 random bits, unless whoever made it chose one; the first
roles come once.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mecum.errors import RoleNotFound
from mecum.roles import no_active_role
from mecum.roles.first import FIRST
from mecum.store.roles import Roles as Store
from mecum.store.values import NewRole, StoredRole
from mecum.types import Principal, Role


class StoredRoles:
    """The roles in a store, which is open from `start` on."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def start(self) -> None:
        """Give the owner of this machine the first roles, if that was never done.

        Raises:
            StoreError: the disk is at fault.
        """
        await self.begin(Principal())

    async def begin(self, principal: Principal) -> None:
        """Give an owner the first roles, if that was never done."""
        await self._store.begin(principal.owner, [replace(role, uuid=new_uuid()) for role in FIRST])

    async def get(self, role_id: str, principal: Principal) -> Role:
        """Return the owner's active role of that id, as a chat speaks it.

        Raises:
            RoleNotFound: there is none.
        """
        role = await self._store.get(principal.owner, role_id)
        if role is None or not role.is_active:
            raise no_active_role()
        return Role(
            uuid=role.uuid,
            name=role.name,
            system_prompt=role.system_prompt,
            enable_l0_retrieval=role.enable_l0_retrieval,
            collections=role.collections,
            model=role.model,
            temperature=role.temperature,
        )

    async def list(self, principal: Principal) -> tuple[StoredRole, ...]:
        """Return all of the owner's roles, the oldest first."""
        return await self._store.list(principal.owner)

    async def find(self, role_uuid: str, principal: Principal) -> StoredRole:
        """Return a role, active or not.

        Raises:
            RoleNotFound: there is none of that uuid.
        """
        return _known(await self._store.get(principal.owner, role_uuid))

    async def create(self, new: NewRole, principal: Principal) -> StoredRole:
        """Add a role to the owner's; without a uuid (`""`) it gets one.

        Raises:
            NameTaken: there is one of that name, or uuid.
            InvalidRequest: there are as many as there may be.
        """
        return await self._store.add(replace(new, owner=principal.owner, uuid=new.uuid or new_uuid()))

    async def change(self, role_uuid: str, changes: Mapping[str, Any], principal: Principal) -> StoredRole:
        """Change the fields of a role that the mapping names.

        Raises:
            RoleNotFound: there is none of that uuid.
            NameTaken: there is another of that name.
        """
        return _known(await self._store.change(principal.owner, role_uuid, changes))

    async def remove(self, role_uuid: str, principal: Principal) -> StoredRole:
        """Remove a role: no chat speaks as it any more. Returns what it was.

        Raises:
            RoleNotFound: there is none of that uuid.
        """
        return _known(await self._store.delete(principal.owner, role_uuid))


def new_uuid() -> str:
    """Return an id that nobody guesses."""
    return str(uuid.uuid4())


def _known(role: StoredRole | None) -> StoredRole:
    if role is None:
        raise RoleNotFound("There is no role with this uuid.", param="uuid")
    return role
