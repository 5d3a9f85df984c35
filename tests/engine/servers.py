"""Small HTTP servers on loopback that behave as a test tells them, badly if need be.

Invariant: leaving `serving` closes the port and every connection, whatever the handlers do.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from tests.engine.chunks import USAGE, chunk, encoded, say

from mecum.engine.connection import Connection
from mecum.types import Delta, Message, Prompt, Sampling, Usage

Handler = Callable[["Exchange"], Awaitable[None]]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclass
class Exchange:
    """One request, and the way to answer it byte by byte."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Send a whole answer. Underscores in the names of headers stand for hyphens."""
        fields = {"Content-Length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
        lines = [f"HTTP/1.1 {status} Some Reason", *(f"{name}: {value}" for name, value in fields.items())]
        await self.send("\r\n".join([*lines, "", ""]).encode() + body)

    async def begin(self) -> None:
        """Send the head of a stream."""
        await self.send(HEAD)

    async def chunk(self, data: bytes) -> None:
        """Send one chunk of a stream; an empty one ends it."""
        await self.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    async def event(self, payload: object) -> None:
        """Send one event: JSON, or the bytes as they are."""
        await self.chunk(event(payload))

    async def gone(self) -> None:
        """Return when the client has closed its side."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65536):
                pass


@dataclass
class Server:
    """A server: where it is, and what it was asked."""

    url: str
    port: int
    requests: list[Exchange] = field(default_factory=list)

    def asked(self, path: str) -> list[Exchange]:
        return [request for request in self.requests if request.path == path]


@contextlib.asynccontextmanager
async def serving(handler: Handler, *, port: int = 0) -> AsyncIterator[Server]:
    """Run a server that answers one request a connection with `handler`, then closes it. Port 0 takes a free one."""
    connections: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        connections.add(task)
        try:
            exchange = await _read(reader, writer)
            server.requests.append(exchange)
            await handler(exchange)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:  # the test is over; asyncio's server logs a task that ends cancelled
            pass
        finally:
            connections.discard(task)
            writer.close()

    listener = await asyncio.start_server(connected, "127.0.0.1", port)
    port = listener.sockets[0].getsockname()[1]
    server = Server(f"http://127.0.0.1:{port}", port)
    try:
        yield server
    finally:
        listener.close()
        for task in tuple(connections):
            task.cancel()
        if connections:
            await asyncio.wait(connections)


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Exchange:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, path, _ = head[0].split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Exchange(method, path, headers, body, reader, writer)


def event(payload: object) -> bytes:
    """Return one server-sent event: JSON, or the bytes as they are."""
    return b"data: " + encoded(payload) + b"\n\n"


async def hello(exchange: Exchange) -> None:
    """Answer as a good server does: two models, and "Hello." to every chat."""
    if exchange.path.endswith("/models"):
        await exchange.answer(200, json.dumps({"data": [{"id": "one", "max_model_len": 100}, {"id": "two"}]}).encode())
    elif exchange.path.endswith("/chat/completions"):
        await exchange.begin()
        for piece in (say("Hel"), say("lo."), chunk({}, "stop", usage=USAGE), b"[DONE]"):
            await exchange.event(piece)
        await exchange.chunk(b"")
    else:
        await exchange.answer(404, b'{"detail":"Not Found"}')


# Handlers


async def silent(exchange: Exchange) -> None:
    """Say nothing until the client goes."""
    await exchange.gone()


async def closes(exchange: Exchange) -> None:
    """Close the connection."""


async def resets(exchange: Exchange) -> None:
    """Break the connection."""
    exchange.writer.transport.abort()


def sends(data: bytes, *, then: Handler = closes) -> Handler:
    """Send bytes as they are, then do as `then`."""

    async def handler(exchange: Exchange) -> None:
        await exchange.send(data)
        await then(exchange)

    return handler


def answers(status: int, body: bytes = b"", **headers: str) -> Handler:
    """Send a whole answer."""

    async def handler(exchange: Exchange) -> None:
        await exchange.answer(status, body, **headers)

    return handler


def streams(*payloads: object, then: Handler = closes) -> Handler:
    """Send events, then do as `then`."""

    async def handler(exchange: Exchange) -> None:
        await exchange.begin()
        for payload in payloads:
            await exchange.event(payload)
        await asyncio.sleep(0.02)  # what comes now comes in another read
        await then(exchange)

    return handler


async def ends(exchange: Exchange) -> None:
    """End a stream as HTTP has it."""
    await exchange.chunk(b"")


# Talking to them

PROMPT = Prompt("one", (Message("user", "hi"),), Sampling())
HELLO = [Delta("Hel"), Delta("lo."), Delta(finish_reason="stop"), Delta(usage=Usage(5, 2))]
SOON = 5  # seconds within which whatever a server does must have been dealt with


@contextlib.asynccontextmanager
async def connected(url: str, *, silence: float = 30, **options: Any) -> AsyncIterator[Connection]:
    """Return a connection to a server that is closed at the end. `silence` is in seconds."""
    connection = Connection(url, silence_timeout=silence, **options)
    try:
        yield connection
    finally:
        await connection.aclose()


async def talk(connection: Connection) -> list[Delta]:
    """Ask and return the whole answer."""
    async with contextlib.aclosing(await connection.chat(PROMPT)) as reply:
        return [delta async for batch in reply for delta in batch]
