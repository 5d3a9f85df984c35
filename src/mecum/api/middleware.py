"""What every request passes first: an id, the Host and Origin checks, security headers, one line in the log.

Invariants (`security.md` rows 1 and 2; `tests/api/test_middleware.py`): a Host or Origin that is not ours is refused before
anything of the request is read, on every route and method; no answer lacks its id and its line in the log, not even that of
a crash, and every one its policy: a page that is reached by another way than `/` is a page, too
(`tests/security/test_row_17_18_the_page.py`). Pure ASGI: nothing is buffered.
"""

from __future__ import annotations

import ipaddress
import re
import time
import uuid
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mecum.api.errors import reported, response_of
from mecum.errors import InvalidRequest, MecumError, Refused
from mecum.observe.request import access, request_id

_HEAD = "mecum.head"
_LIMITS = [f"x-ratelimit-{name}-requests" for name in ("limit", "remaining", "reset")]
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_.-]+))(?::[0-9]{0,5})?")
_WORD = re.compile(r"(?!mk-)[A-Za-z0-9._~:@+-]{0,64}")
_BY_NAME = "/api/memories/file/"  # and a document's name
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
CSP = (
    "default-src 'self'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; object-src 'none'; "
    "base-uri 'none'; form-action 'none'"
)
_POLICY = b"content-security-policy"  # what is to be stored, not shown, has a stricter one of its own
_SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


class RequestLog:
    """Gives a request its id (the client's, if it sent a proper one) and writes one line when it ends, never its text.

    An error that nothing inside expected ends here: an answer that has begun breaks off, any other is a 500.
    """

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
                policy = [] if any(name == _POLICY for name, _ in message["headers"]) else [(_POLICY, CSP.encode())]
                own = [(b"x-request-id", ident.encode()), *_SECURITY_HEADERS, *policy]
                message["headers"] = [*message["headers"], *own]
            await send(message)

        async def crash(error: MecumError) -> None:
            if not status:
                await response_of(error)(scope, receive, mark)

        try:
            await reported(self._app(scope, receive, mark), crash)
        finally:
            seconds = time.perf_counter() - began
            access(method=scope["method"], path=_loggable(scope["path"]), status=status, seconds=seconds)
            request_id.reset(token)


class OnlyOurs:
    """Refuses a Host that is not this machine's (DNS rebinding) and an Origin that is not listed (other web sites).

    The address that the connection came to is a Host of ours: no name leads there but those that we know.
    """

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str], origins: Iterable[str]) -> None:
        self._app = app
        self._hosts = _LOCAL_NAMES | {name for host in hosts if (name := host_name(host) or host_name(f"[{host}]"))}
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "http" and (error := self._fault(scope)):
            await response_of(error)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _fault(self, scope: Scope) -> Refused | None:
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        name = host_name(hosts[0]) if len(hosts) == 1 else None
        if name is None or (name not in self._hosts and name != _address(scope)):
            return Refused("This Host is not served here. Add it to server.allowed_hosts if it is yours.")
        origins = [value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"]
        for origin in origins:
            own = {f"http://{hosts[0]}".lower(), f"https://{hosts[0]}".lower()}  # a page of this very server asks
            if origin.lower() not in own and origin not in self._origins:
                return Refused("This Origin may not call the API. Add it to server.allowed_origins if it is yours.")
        if not origins and _embedded(scope):
            return Refused("A page of another site may link here, and embed nothing of ours.")
        return None


class HeadAsGet:
    """Answers HEAD as GET: the server that runs this sends the headers and keeps the body to itself.

    A route whose body is long work, or has no end, asks `asks_for_head` and leaves it out.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        head = {"method": "GET", _HEAD: True} if scope.get("method") == "HEAD" else {}
        await self._app({**scope, **head}, receive, send)


def asks_for_head(scope: Scope) -> bool:
    """Return whether a GET was a HEAD before `HeadAsGet`."""
    return _HEAD in scope


class Cors(CORSMiddleware):
    """Lets pages of the listed origins send requests and read the answers."""

    def __init__(self, app: ASGIApp, *, origins: Iterable[str]) -> None:
        super().__init__(
            app,
            allow_origins=frozenset(origins),
            allow_methods=["*"],
            allow_headers=["*"],
            allow_private_network=True,
            expose_headers=["x-request-id", "x-model-requested", "x-should-retry", "retry-after", *_LIMITS],
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer a browser that asks whether it may ask; a refusal has the body that all errors have."""
        response = super().preflight_response(request_headers)
        if response.status_code == 200:
            return response
        return response_of(InvalidRequest("This preflight names a method that there is not, or comes from no other origin."))


def _embedded(scope: Scope) -> bool:
    """Return whether another site's page loads this as a part of itself: it sends no Origin with an image or a script."""
    told = {name: value for name, value in scope["headers"] if name in (b"sec-fetch-site", b"sec-fetch-mode")}
    return told.get(b"sec-fetch-site") in (b"cross-site", b"same-site") and told.get(b"sec-fetch-mode") != b"navigate"


def _address(scope: Scope) -> str | None:
    """Return the address of ours that a connection came to, None where it came another way than by one."""
    try:
        return str(ipaddress.ip_address((scope.get("server") or ("",))[0]))
    except ValueError:
        return None


def host_name(host: str) -> str | None:
    """Return the name in a Host header, in lower case, without port, brackets and last dot; None if it is malformed."""
    parts = _HOST.fullmatch(host)
    if not parts:
        return None
    try:
        return str(ipaddress.IPv6Address(parts[1])) if parts[1] else parts[2].lower().removesuffix(".")
    except ValueError:
        return None


def origin_name(origin: str) -> str:
    """Return a configured origin as browsers write it: in lower case, without a slash at the end."""
    return origin.rstrip("/").lower()


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value, "ascii")
    return uuid.uuid4().hex


def _loggable(path: str) -> str:
    """Return a path as far as it is words and ids. What somebody may have written, a name or a key, is "*" in a log."""
    if path.startswith(_BY_NAME):
        return f"{_BY_NAME}*"
    return "/".join(part if _WORD.fullmatch(part) else "*" for part in path[:200].split("/"))
