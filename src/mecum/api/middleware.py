"""What every request passes first: an id, the Host and Origin checks, security headers, one line in the log.

Invariant: a Host or Origin that is not ours is refused before anything of the request is read, on every route and method
(`security.md` rows 1 and 2; `tests/api/test_middleware.py`). Pure ASGI: nothing is buffered.
"""

from __future__ import annotations

import ipaddress
import re
import time
import uuid
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mecum.api.errors import response_of
from mecum.errors import Refused
from mecum.observe.request import access, request_id

_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


class RequestLog:
    """Gives a request its id (the client's, if it sent a proper one) and writes one line when it ends, never its text."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        ident = _request_id(scope)
        token = request_id.set(ident)
        began, status = time.perf_counter(), 0

        async def mark(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", ident.encode()), *_SECURITY_HEADERS]
            await send(message)

        try:
            await self._app(scope, receive, mark)
        finally:
            seconds = time.perf_counter() - began
            access(method=scope["method"], path=_loggable(scope["path"]), status=status, seconds=seconds)
            request_id.reset(token)


class OnlyOurs:
    """Refuses a Host that is not this machine's (DNS rebinding) and an Origin that is not listed (other web sites)."""

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str], origins: Iterable[str]) -> None:
        self._app = app
        self._hosts = _LOCAL_NAMES | {host.lower() for host in hosts}
        self._origins = {origin.rstrip("/").lower() for origin in origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "http" and (error := self._fault(scope)):
            await response_of(error)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _fault(self, scope: Scope) -> Refused | None:
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1 or host_name(hosts[0]) not in self._hosts:
            return Refused("This Host is not served here. Add it to server.allowed_hosts if it is yours.")
        origins = [value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"]
        for origin in origins:
            if not self._own(origin, hosts[0]) and origin.lower() not in self._origins:
                return Refused("This Origin may not call the API. Add it to server.allowed_origins if it is yours.")
        return None

    def _own(self, origin: str, host: str) -> bool:
        """Return whether a page of this very server asks."""
        parts = urlsplit(origin)
        return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def host_name(host: str) -> str:
    """Return the name in a Host header, in lower case, without port and brackets; empty if it is malformed."""
    name, _, port = host.rpartition(":") if not host.endswith("]") and host.count(":") != 0 else (host, "", "")
    if port and not port.isdecimal():
        return ""
    if name.startswith("["):
        try:
            return str(ipaddress.IPv6Address(name.removeprefix("[").removesuffix("]")))
        except ValueError:
            return ""
    return name.lower().removesuffix(".")


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value, "ascii")
    return uuid.uuid4().hex


def _loggable(path: str) -> str:
    return path[:200].encode("unicode_escape").decode()
