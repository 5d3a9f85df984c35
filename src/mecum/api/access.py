"""Who asks, and whether they may: the one place that looks at a key (`security.md` row 4).

Invariants (`tests/api/test_access.py`): a request without a good key is answered before anything of its body is read, and
its connection closes; whoever is let in is who the handlers find with `principal_of`, and there is no other way to be
somebody. What has no end of its own ends with its key: `let_in_no_more` (`tests/security/test_row_04_one_check_of_keys.py`).
Pure ASGI: nothing is buffered.
"""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mecum.api.errors import response_of
from mecum.api.linger import answer_first
from mecum.api.needs import ANY_KEY, NOTHING, Need, need_of
from mecum.audit.log import NOBODY, AuditLog
from mecum.errors import RateLimited, ScopeMissing, Unauthorized
from mecum.keys.limits import Limit
from mecum.keys.ring import Keyring
from mecum.types import Principal

AGAIN: Final = 0.5  # seconds between two looks whether a key is still good: a second after its end it opens nothing
_PRINCIPAL: Final = "mecum.principal"
_STILL: Final = "mecum.still"


class Access:
    """Lets requests in by their key. `may_open` False asks for one in any case: not only this machine reaches the server."""

    def __init__(self, app: ASGIApp, *, keys: Keyring, audit: AuditLog, may_open: bool) -> None:
        self._app = app
        self._keys = keys
        self._audit = audit
        self._may_open = may_open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        need = need_of(scope["path"])
        try:
            principal = self._who(scope)
        except Unauthorized as error:
            if need != NOTHING:
                self._audit.count(Principal(NOBODY, frozenset(), error.key_id), "sign_in.failed", outcome=error.reason)
                await answer_first(response_of(error), scope, receive, send)
                return
            principal = None
        known = {**scope, _PRINCIPAL: principal, _STILL: partial(self._is_still, scope, principal)}
        if principal is None or need == NOTHING:
            await self._app(known, receive, send)
            return
        limit = self._keys.limit(principal)
        told = _telling(send, limit) if limit else send
        try:
            self._check(principal, need)
            with limit or nullcontext():
                await self._app(known, receive, told)
        except (ScopeMissing, RateLimited) as error:
            await response_of(error)(scope, receive, told)

    def _check(self, principal: Principal, need: Need) -> None:
        if need != ANY_KEY and need not in principal.scopes:
            self._audit.count(principal, "access.refused", outcome=ScopeMissing.code)
            raise ScopeMissing(f"This API key is not for this: it lacks the scope '{need}'.")

    def _who(self, scope: Scope) -> Principal:
        if self._keys.is_open and self._may_open:
            return Principal()
        sent = [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]
        if len(sent) > 1:
            raise Unauthorized("Send one Authorization header.", reason="malformed")
        return self._keys.resolve(sent[0] if sent else None)

    def _is_still(self, scope: Scope, principal: Principal | None) -> bool:
        try:
            return self._who(scope) == principal
        except Unauthorized:
            return False


def _telling(send: Send, limit: Limit) -> Send:
    """Return a `send` that tells how the limit stands, in the headers of whatever is answered."""

    async def tell(message: Message) -> None:
        if message["type"] == "http.response.start":
            now = [(name.encode(), value.encode()) for name, value in limit.headers().items()]
            message["headers"] = [*message["headers"], *now]
        await send(message)

    return tell


def principal_of(request: Request) -> Principal:
    """Return who asks, on a route that nobody enters without a key."""
    principal: Principal | None = request.scope[_PRINCIPAL]
    assert principal is not None, "this route is open to anybody"  # noqa: S101 # a mistake of ours, never a client's
    return principal


def is_known(request: Request) -> bool:
    """Return whether somebody asks who may, on a route that is open to anybody."""
    return request.scope[_PRINCIPAL] is not None


async def let_in_no_more(request: Request) -> None:
    """Return when whoever asks would not be let in again as who they are: their key was revoked, or has expired."""
    while request.scope[_STILL]():  # noqa: ASYNC110 # a key that expires does so without an event
        await asyncio.sleep(AGAIN)
