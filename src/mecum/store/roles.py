"""What every store promises of roles. `base` says what holds for all methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from mecum.store.values import NewRole, StoredRole


class Roles(Protocol):
    """The roles. Whatever is asked by a uuid is asked for one owner: two may have a role of the same uuid."""

    async def add(self, new: NewRole) -> StoredRole:
        """Add a role.

        Raises:
            NameTaken: the owner has a role of that name, or uuid.
            InvalidRequest: the owner has as many roles as there may be.
        """
        ...

    async def get(self, owner: str, uuid: str) -> StoredRole | None:
        """Return a role."""
        ...

    async def list(self, owner: str) -> tuple[StoredRole, ...]:
        """Return all of an owner's roles, the oldest first."""
        ...

    async def change(self, owner: str, uuid: str, changes: Mapping[str, Any]) -> StoredRole | None:
        """Change the fields that the mapping names (of NewRole; not `owner` or `uuid`), and return the role.

        Raises:
            NameTaken: the owner has another role of that name.
        """
        ...

    async def delete(self, owner: str, uuid: str) -> StoredRole | None:
        """Delete a role, and return what it was."""
        ...

    async def begin(self, owner: str, first: Sequence[NewRole]) -> bool:
        """Give an owner its first roles, if it never had any; names that are taken are left out. Returns whether it did."""
        ...
