"""The routes of roles, with the names that Second Me's role API has, so that its callers keep working.

Invariants (`tests/api/test_roles.py`): PUT and PATCH are one, and change only what they are sent; another owner's role is
answered as an unknown one. `docs/roles.md` says what each field means.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

import orjson
from fastapi import FastAPI
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from mecum.api.access import principal_of
from mecum.api.faults import invalid
from mecum.api.openapi import answered
from mecum.api.parse import read_json
from mecum.api.personas import RoleBody, RoleChanges, ref, role_body, schemas
from mecum.api.status import envelope
from mecum.audit.log import AuditLog
from mecum.roles.stored import StoredRoles
from mecum.settings.schema import ServerSettings
from mecum.types import Json

PATH: Final = "/api/kernel2/roles"
Body = TypeVar("Body", bound=RoleChanges)


def install(app: FastAPI, roles: StoredRoles, audit: AuditLog, settings: ServerSettings) -> None:
    """Add the routes, and what `/openapi.json` says of them."""
    routes = _Routes(roles, audit, settings)
    one = PATH + "/{uuid}"
    for path, method, handler, name, summary, body in (
        (PATH, "GET", routes.all, "list_roles", "List the roles, the oldest first", None),
        (PATH, "POST", routes.create, "create_role", "Make a role", "RoleBody"),
        (one, "GET", routes.get, "get_role", "Tell of one role", None),
        (one, "PUT", routes.change, "update_role", "Change what is sent of a role", "RoleChanges"),
        (one, "PATCH", routes.change, "patch_role", "Change what is sent of a role, as PUT does", "RoleChanges"),
        (one, "DELETE", routes.remove, "delete_role", "Delete a role, and return what it was", None),
    ):
        app.add_api_route(
            path, handler, methods=[method], tags=["roles"], summary=summary, operation_id=name, response_model=None,
            responses=answered("RoleListAnswer" if name == "list_roles" else "RoleAnswer"),
            openapi_extra=_request(body) if body else None,
        )  # fmt: skip
    add_schemas(app, schemas())


class _Routes:
    """The handlers."""

    def __init__(self, roles: StoredRoles, audit: AuditLog, settings: ServerSettings) -> None:
        self._roles = roles
        self._audit = audit
        self._settings = settings

    async def all(self, request: Request) -> Response:
        return _answer([role_body(role) for role in await self._roles.list(principal_of(request))])

    async def create(self, request: Request) -> Response:
        principal = principal_of(request)
        new = (await self._read(request, RoleBody)).new()
        async with self._audit.doing(principal, "role.created") as note:
            role = await self._roles.create(new, principal)
            note.targets = [role.uuid]
        return _answer(role_body(role))

    async def get(self, uuid: str, request: Request) -> Response:
        return _answer(role_body(await self._roles.find(uuid, principal_of(request))))

    async def change(self, uuid: str, request: Request) -> Response:
        principal = principal_of(request)
        changes = (await self._read(request, RoleChanges)).changes()
        async with self._audit.doing(principal, "role.changed", uuid):
            return _answer(role_body(await self._roles.change(uuid, changes, principal)))

    async def remove(self, uuid: str, request: Request) -> Response:
        principal = principal_of(request)
        async with self._audit.doing(principal, "role.deleted", uuid):
            return _answer(role_body(await self._roles.remove(uuid, principal)))

    async def _read(self, request: Request, model: type[Body]) -> Body:
        limit = int(self._settings.max_body_mb * 1024 * 1024)
        content = await read_json(request, limit=limit, timeout=self._settings.body_timeout)
        try:
            return model.model_validate(content)
        except ValidationError as error:
            raise invalid(error, model) from None


def _answer(data: Any) -> Response:
    return Response(orjson.dumps(envelope(data)), media_type="application/json")


def _request(schema: str) -> Json:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": ref(schema)}}}}


def add_schemas(app: FastAPI, more: Json) -> None:
    """Add schemas to what `/openapi.json` holds."""
    generate = app.openapi

    def openapi() -> Json:
        document = generate()
        document.setdefault("components", {}).setdefault("schemas", {}).update(more)
        return document

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way to extend it
