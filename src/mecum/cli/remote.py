"""The API of one mecum server, for the commands on documents: one session, and one place where failures become errors.

Invariants (`tests/cli/test_remote.py`): whatever the server refuses is the error of `mecum.errors` that it names; a file or
a stream that breaks off is an error, never taken for a whole one; what is sent is read as it goes out, never held whole.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson

from mecum.app.home import Running
from mecum.app.local import Address
from mecum.cli import client
from mecum.errors import EngineBroke, InvalidRequest, MecumError
from mecum.types import Json

SILENCE = 120.0  # seconds; the longest wait for a next byte where nothing else is said
_CONNECT = 5  # seconds, on this machine
_CHUNK = 256 * 1024  # bytes of one read

Value = str | int | float
Query = Mapping[str, Value | Sequence[str] | None]


class Api:
    """One server. `here` says that it is this very process, which ends with the command."""

    def __init__(self, session: aiohttp.ClientSession, url: str, gone: str, *, here: bool) -> None:
        self.url = url
        self.here = here
        self._session = session
        self._gone = gone

    async def get(self, path: str, query: Query | None = None, *, patience: float = SILENCE) -> Any:
        """Return the `data` of what is at a path.

        Raises:
            MecumError: the server refuses, or is gone.
        """
        return await self._data("GET", path, query=query, patience=patience)

    async def post(self, path: str, body: Any, query: Query | None = None, *, patience: float = SILENCE) -> Any:
        """Send JSON, and return the answer's `data`; errors as `get`."""
        data = _dumped(body)
        return await self._data("POST", path, query=query, data=data, kind="application/json", patience=patience)

    async def patch(self, path: str, body: Any) -> Any:
        """Send JSON that changes something, and return the answer's `data`; errors as `get`."""
        return await self._data("PATCH", path, data=_dumped(body), kind="application/json")

    async def delete(self, path: str, query: Query | None = None) -> Any:
        """Delete what is at a path, and return the answer's `data`; errors as `get`."""
        return await self._data("DELETE", path, query=query)

    async def upload(self, path: str, parts: AsyncIterator[bytes], kind: str, query: Query | None = None) -> Any:
        """Send a body of this content type piece by piece, and return the answer's `data`; errors as `get`."""
        return await self._data("POST", path, query=query, data=parts, kind=kind)

    @asynccontextmanager
    async def stream(self, path: str, *, patience: float = SILENCE) -> AsyncIterator[AsyncIterator[bytes]]:
        """Yield the bytes of what is at a path, piece by piece; errors as `get`, also in the middle."""
        async with self._request("GET", path, patience=patience) as response:
            yield self._pieces(response)

    async def events(self, path: str) -> AsyncIterator[Json]:
        """Yield the events of a stream of events until the server ends it; errors as `get`."""
        rest = b""
        async with self.stream(path) as pieces:
            async for piece in pieces:
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    if line.startswith(b"data: "):
                        yield client.parsed(line.removeprefix(b"data: "))

    async def _data(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        data: Any = None,
        kind: str | None = None,
        patience: float = SILENCE,
    ) -> Any:
        async with self._request(method, path, query=query, data=data, kind=kind, patience=patience) as response:
            body = b"".join([piece async for piece in self._pieces(response)])
        try:
            return client.parsed(body)["data"]
        except (EngineBroke, KeyError):
            raise MecumError(f"What answers at {self.url} is not mecum.") from None

    @asynccontextmanager
    async def _request(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        data: Any = None,
        kind: str | None = None,
        patience: float,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Yield an answer that is no refusal."""
        timeout = aiohttp.ClientTimeout(total=None, connect=_CONNECT, sock_read=patience)
        headers = {"Content-Type": kind} if kind else None
        try:
            async with self._session.request(
                method,
                self.url + path,
                params=_given(query),
                data=data,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                if response.status // 100 != 2:
                    raise client.refusal(response.status, await response.read())
                yield response
        except (aiohttp.ClientConnectionError, TimeoutError) as error:
            raise MecumError(self._gone) from error
        except aiohttp.ClientPayloadError as error:
            raise MecumError("The server broke off in the middle of its answer.") from error

    async def _pieces(self, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        """Yield what comes. Its errors are `_request`'s, inside of which it is read."""
        while piece := await response.content.read(_CHUNK):
            yield piece


def _given(query: Query | None) -> list[tuple[str, str]]:
    """Return the parameters that are set, as they stand in a URL; a list is sent as several."""
    given: list[tuple[str, str]] = []
    for name, value in (query or {}).items():
        several = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        given += [(name, str(one)) for one in several if one is not None]
    return given


@asynccontextmanager
async def to_server(server: Running) -> AsyncIterator[Api]:
    """Speak to the server that runs on the data directory."""
    async with aiohttp.ClientSession(headers=_bearing(server.token)) as session:
        yield Api(session, server.url, client.gone(server).message, here=False)


@asynccontextmanager
async def to_address(address: Address) -> AsyncIterator[Api]:
    """Speak to the API that this process serves to itself."""
    connector = aiohttp.UnixConnector(str(address.unix_socket)) if address.unix_socket else None
    async with aiohttp.ClientSession(connector=connector, headers=_bearing(address.token)) as session:
        yield Api(session, address.url, "The library stopped working in the middle.", here=True)


def _bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _dumped(body: Any) -> bytes:
    try:
        return orjson.dumps(body)
    except TypeError:  # what a terminal in another encoding gives: nothing else that commands send is no JSON
        raise InvalidRequest("What was given is no text in UTF-8. Look at the encoding of the terminal.") from None
