"""The routes of API keys and of the audit log: the administrator's.

Invariants (`tests/api/test_keys.py`, `tests/audit/test_log.py`): every change is in the audit log, also one that failed; an
owner who is new gets the first roles; a server that not only this machine reaches is not opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from mecum.api import keyring, query
from mecum.api.access import principal_of
from mecum.api.bodies import answer
from mecum.api.keyring import key_asked, key_body
from mecum.api.openapi import answered, takes
from mecum.api.parse import read_json
from mecum.api.personas import enveloped
from mecum.api.query import SINCE, UNTIL, Parameter, between
from mecum.api.roles import add_schemas
from mecum.audit.log import AuditLog
from mecum.errors import InvalidRequest
from mecum.keys.ring import Keyring
from mecum.roles.stored import StoredRoles
from mecum.settings.schema import ServerSettings
from mecum.store.people import LoggedDeed
from mecum.types import Json, Principal

PATH: Final = "/api/keys"
AUDIT: Final = "/api/audit"
LIST: Final = (
    Parameter("limit", between(1, 1000), "most entries in one answer", default=100),
    Parameter("cursor", between(1, 2**53), "next_cursor of the answer before"),
    SINCE,
    UNTIL,
)


def install(
    app: FastAPI, keys: Keyring, audit: AuditLog, roles: StoredRoles, settings: ServerSettings, *, may_open: bool
) -> None:
    """Add the routes, and what `/openapi.json` says of them."""
    routes = _Routes(keys, audit, roles, settings, may_open)
    for path, method, handler, name, summary, shape, extra in (
        (PATH, "GET", routes.all, "list_keys", "List the API keys", "KeyList", takes()),
        (PATH, "POST", routes.create, "create_key", "Make an API key", "NewKeyAnswer", takes("KeyBody")),
        (f"{PATH}/open", "POST", routes.open, "open_server", "Ask for no key any more; all are revoked", "KeyList", takes()),
        (f"{PATH}/{{key_id}}", "DELETE", routes.revoke, "revoke_key", "Revoke an API key", "KeyAnswer", takes()),
        (AUDIT, "GET", routes.audit_log, "list_audit", "Show who did what", "AuditPage", takes(parameters=LIST)),
    ):
        app.add_api_route(
            path, handler, methods=[method], tags=["keys"], summary=summary, operation_id=name, response_model=None,
            responses=answered(shape), openapi_extra=extra,
        )  # fmt: skip
    add_schemas(app, {**keyring.schemas(), **_audit_schemas()})


@dataclass(frozen=True, slots=True)
class _Routes:
    """The handlers."""

    keys: Keyring
    audit: AuditLog
    roles: StoredRoles
    settings: ServerSettings
    may_open: bool

    async def all(self) -> Response:
        return answer([key_body(key) for key in await self.keys.list()])

    async def create(self, request: Request) -> Response:
        limit, timeout = int(self.settings.max_body_mb * 1024 * 1024), self.settings.body_timeout
        asked = key_asked(await read_json(request, limit=limit, timeout=timeout))
        async with self.audit.doing(principal_of(request), "key.created") as note:
            await self.roles.begin(Principal(asked.owner))
            key, text = await self.keys.create(
                asked.name,
                owner=asked.owner,
                scopes=asked.scopes,
                expires=asked.expires,
                rate=asked.rate,
                concurrency=asked.concurrency,
            )
            note.targets = [key.id]
        made = answer({**key_body(key), "key": text})
        made.headers["cache-control"] = "no-store"
        return made

    async def revoke(self, key_id: str, request: Request) -> Response:
        async with self.audit.doing(principal_of(request), "key.revoked", key_id):
            return answer(key_body(await self.keys.revoke(key_id)))

    async def open(self, request: Request) -> Response:
        async with self.audit.doing(principal_of(request), "keys.opened") as note:
            if not self.may_open:
                raise InvalidRequest(
                    f"The server listens on {self.settings.host}, where not only this machine reaches it. "
                    "Start it on localhost, or with --allow-open-network."
                )
            revoked = await self.keys.open()
            note.targets = [key.id for key in revoked]
        return answer(list(map(key_body, revoked)))

    async def audit_log(self, request: Request) -> Response:
        given = query.read(request, LIST)
        found = await self.audit.list(
            since=given["since"], until=given["until"], limit=given["limit"], before=given["cursor"]
        )
        more = found[-1].number if len(found) == given["limit"] else None
        return answer({"items": list(map(_deed_body, found)), "next_cursor": more})


def _deed_body(deed: LoggedDeed) -> Json:
    key = None if deed.key is None else {"id": deed.key, "name": deed.key_name}
    return {
        "time": deed.time,
        "what": deed.what,
        "owner": deed.owner or None,
        "key": key,
        "targets": deed.targets,
        "count": deed.count,
        "outcome": deed.outcome,
    }


def _audit_schemas() -> Json:
    text: Json = {"type": "string"}
    key: Json = {
        "type": ["object", "null"],
        "required": ["id", "name"],
        "properties": {"id": text, "name": {"type": ["string", "null"]}},
        "description": "null: this machine, without a key",
    }
    fields: Json = {
        "time": {"type": "number", "description": "seconds since 1970; of what is counted, of its minute's beginning"},
        "what": {"type": "string", "description": "such as documents.added, key.revoked, sign_in.failed"},
        "owner": {"type": ["string", "null"], "description": "null: nobody knows"},
        "key": key,
        "targets": {"type": "array", "items": text, "description": "ids, the first 100"},
        "count": {"type": "integer", "minimum": 0},
        "outcome": {"type": "string", "description": "ok, or an error's code"},
    }
    deed: Json = {"type": "object", "required": list(fields), "properties": fields}
    page: Json = {
        "type": "object",
        "required": ["items", "next_cursor"],
        "properties": {"items": {"type": "array", "items": deed}, "next_cursor": {"type": ["integer", "null"]}},
    }
    return {"AuditPage": enveloped(page)}
