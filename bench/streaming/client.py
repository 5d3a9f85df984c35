"""The load: streams that are only recorded while they run, so that the client takes little of the machine.

Invariant: a request is one new connection, and its recording ends when the server closes it.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from bench.streaming.sse import Json, Read

TIMEOUT = 180.0  # seconds that one answer may take


@dataclass(frozen=True, slots=True)
class Target:
    """A server on 127.0.0.1 that speaks chat completions."""

    name: str
    port: int
    model: str = "synthetic"
    key: str | None = None
    path: str = "/v1/chat/completions"

    def request(self, body: Json) -> bytes:
        """Return the whole request for a streamed chat."""
        content = json.dumps({"model": self.model, "stream": True, **body}).encode()
        auth = f"Authorization: Bearer {self.key}\r\n" if self.key else ""
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nConnection: close\r\n{auth}"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        return head.encode() + content


@dataclass(slots=True)
class Recording:
    """An answer as it came. `started` is `time.monotonic()` just before connecting."""

    started: float
    reads: list[Read] = field(default_factory=list)


class _Recorder(asyncio.Protocol):
    def __init__(self, request: bytes, recording: Recording) -> None:
        self._request = request
        self._reads = recording.reads
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(self._request)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        self._reads.append((time.monotonic(), data))

    def connection_lost(self, exc: Exception | None) -> None:
        if self.ended.done():
            return
        if exc is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(exc)


@asynccontextmanager
async def open_stream(target: Target, body: Json) -> AsyncIterator[tuple[Recording, asyncio.Future[None]]]:
    """Send a request; gives its growing recording and a future that is done at its end. Leaving hangs up."""
    request, recording = target.request(body), Recording(time.monotonic())
    loop = asyncio.get_running_loop()
    transport, recorder = await loop.create_connection(lambda: _Recorder(request, recording), "127.0.0.1", target.port)
    try:
        yield recording, recorder.ended
    finally:
        transport.abort()


async def record(target: Target, body: Json) -> Recording:
    """Send a request and return the recording of its whole answer.

    Raises:
        TimeoutError: it took more than `TIMEOUT` seconds.
    """
    async with asyncio.timeout(TIMEOUT), open_stream(target, body) as (recording, ended):
        await ended
        return recording
