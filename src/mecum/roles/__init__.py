"""Personas. `stored` keeps them; `Roles` is what a chat needs of it."""

from __future__ import annotations

from typing import Protocol

from mecum.errors import RoleNotFound
from mecum.types import Principal, Role


class Roles(Protocol):
    """Where roles are looked up."""

    async def get(self, role_id: str, principal: Principal) -> Role:
        """Return the owner's active role of that id.

        Raises:
            RoleNotFound: there is none.
        """
        ...


class NoRoles:
    """The roles of an installation that has none."""

    async def get(self, role_id: str, principal: Principal) -> Role:
        """Refuse every id."""
        del role_id, principal
        raise no_active_role()


def no_active_role() -> RoleNotFound:
    """Return what an unknown id is answered with, and just so the id of an inactive role, or of another owner's."""
    return RoleNotFound("There is no active role with this role_id.", param="metadata.role_id")
