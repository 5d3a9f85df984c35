"""A client of HTTP/1.1 for one server: requests out, `Response`s back.

Invariants: no redirect is followed, no cookie kept, no proxy variable read (a request can never be led elsewhere); closing
ends every answer that is still under way (`tests/engine/test_connection.py`). llama.cpp answers only the first POST of a
connection reliably, so each request takes a new one, save over TLS, where a new one is dear.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Final

from mecum import __version__
from mecum.engine.address import Address, Dialer
from mecum.engine.response import Response
from mecum.errors import EngineDown, EngineRefused

IDLE: Final = 15  # seconds after which a connection is not trusted to be open any more
_KEY: Final = re.compile(r"[\x21-\x7e]+( [\x21-\x7e]+)*")


class Http:
    """The way to the server at `base_url`, which paths are relative to."""

    def __init__(self, base_url: str, *, api_key: str | None = None, unix_socket: Path | None = None) -> None:
        self._base_url = base_url
        self._api_key = api_key
        self._unix_socket = unix_socket
        self._route: _Route | None = None
        self._live: set[Response] = set()
        self._idle: list[tuple[float, asyncio.Transport]] = []
        self._closed = False

    async def request(self, method: str, path: str, body: bytes | None = None, *, silence: float | None = None) -> Response:
        """Send a request and return the answer when its head is there. Close it in any case.

        Raises:
            EngineDown: the server is not there, falls silent or breaks off.
            EngineBroke: it does not speak HTTP.
            EngineRefused: its address or our key is none.
        """
        route = self._route = self._route or _Route(self._base_url, self._api_key, self._unix_socket)
        response = self._reused(silence) or await self._dialled(route, silence)
        try:
            response.send(route.head(method, path, body) + (body or b""))
            await response.opened()
        except BaseException:  # a cancellation too must close the connection, or the server works on
            response.close()
            raise
        return response

    async def aclose(self) -> None:
        """Close every connection. Answers under way end with `EngineDown`, and so does what is asked afterwards."""
        self._closed = True
        for response in tuple(self._live):
            response.fail(_closed())
        for _, transport in self._idle:
            transport.abort()
        await asyncio.sleep(0)  # transports close in the loop's next turn

    def _response(self, silence: float | None) -> Response:
        response = Response(silence=silence, done=self._done)
        self._live.add(response)
        return response

    async def _dialled(self, route: _Route, silence: float | None) -> Response:
        if self._closed:
            raise _closed()
        tried: list[Response] = []

        def try_another() -> Response:
            tried.append(self._response(silence))
            return tried[-1]

        try:
            response = await route.dialer.dial(try_another)
            tried.remove(response)
        finally:
            for other in tried:  # a connection may still open that nobody waits for any more
                other.close()
        return response

    def _reused(self, silence: float | None) -> Response | None:
        while self._idle:
            since, transport = self._idle.pop()
            if transport.is_closing() or asyncio.get_running_loop().time() - since > IDLE:
                transport.abort()
                continue
            response = self._response(silence)
            transport.set_protocol(response)
            response.connection_made(transport)
            return response
        return None

    def _done(self, response: Response) -> None:
        self._live.discard(response)
        if response.transport is None:
            return
        if self._route and self._route.address.tls and response.reusable and not self._closed:
            self._idle.append((asyncio.get_running_loop().time(), response.transport))
        else:
            response.transport.abort()


class _Route:
    """What every request to a server begins with, and the way there."""

    def __init__(self, base_url: str, api_key: str | None, unix_socket: Path | None) -> None:
        self.address = address = Address.parse(base_url)
        self.dialer = Dialer(address, unix_socket)
        if api_key and not _KEY.fullmatch(api_key):
            raise EngineRefused("The engine's key cannot be sent. Check engine.api_key (MECUM_ENGINE_API_KEY).")
        fields = {
            "Host": address.header,
            "User-Agent": f"mecum/{__version__}",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
        }
        if authorization := f"Bearer {api_key}" if api_key else address.login:
            fields["Authorization"] = authorization
        if not address.tls:
            fields["Connection"] = "close"
        self._fields = "".join(f"{name}: {value}\r\n" for name, value in fields.items())

    def head(self, method: str, path: str, body: bytes | None) -> bytes:
        """Return the head of a request."""
        length = "" if body is None else f"Content-Length: {len(body)}\r\n"
        return f"{method} {self.address.path}{path} HTTP/1.1\r\n{self._fields}{length}\r\n".encode("ascii")


def _closed() -> EngineDown:
    return EngineDown("The connection to the engine was closed.")
