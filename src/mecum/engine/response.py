"""One HTTP/1.1 answer as it arrives: bytes in; status, headers and body out. llhttp (httptools) reads the protocol.

Invariants (`tests/engine/test_response.py` cuts answers anywhere and breaks them everywhere): what has arrived is handed on
at once and all together, and before the error that came behind it; a reader that does not read stops the server after
`HIGH` bytes; whatever a server sends ends in the body's end or in an error of ours, at the latest `silence` seconds after
its last byte, and in bounded memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from mecum.errors import EngineBroke, EngineDown, MecumError

MAX_HEAD: Final = 64 * 1024  # bytes of status line and headers, and of whatever else brings nothing of a body
HIGH: Final = 256 * 1024  # bytes that wait for a reader; more is not taken from the server before they are read


class Response(asyncio.Protocol):
    """An answer, and the connection that it comes over. `silence` is in seconds; None waits for ever.

    `status` is 0 and `headers` are empty until `opened`; their names are in lower case, the last of equal ones counts.
    `done` is called once, when the connection is not needed any more: `reusable` says whether for another request.
    """

    def __init__(self, *, silence: float | None, done: Callable[[Response], None]) -> None:
        loop = asyncio.get_running_loop()
        self.status = 0
        self.headers: dict[str, str] = {}
        self.transport: asyncio.Transport | None = None
        self._silence = silence
        self._done = done
        self._loop = loop
        self._now = loop.time
        self._heard = 0.0  # when anything last came
        self._timer: asyncio.TimerHandle | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._body: list[bytes] = []
        self._unread = 0  # bytes that came since the reader last read, with what HTTP adds to them
        self._barren = 0  # bytes that came since the last ones of a body
        self._paused = False
        self._whole = False
        self._closed = False
        self._error: MecumError | None = None
        self._keep_alive = False
        self.on_body = self._body.append  # the parser's, for each chunk of HTTP: no code of ours runs then
        self._parser = HttpResponseParser(self)

    @property
    def encoded(self) -> bool:
        """Whether the body is compressed, which we never ask for."""
        coded, sent = self.headers.get("content-encoding", ""), self.headers.get("transfer-encoding", "")
        return coded.lower() not in ("", "identity") or sent.lower() not in ("", "identity", "chunked")

    @property
    def reusable(self) -> bool:
        """Whether another request may be sent over the connection."""
        return self._keep_alive and self.transport is not None and not self.transport.is_closing()

    def send(self, request: bytes) -> None:
        """Write the request. The server has `silence` seconds from now."""
        if self.transport is None or self._closed:
            return
        self._heard = self._now()
        if self._silence is not None:
            self._timer = self._loop.call_later(self._silence, self._listen)
        self.transport.write(request)

    async def opened(self) -> None:
        """Return when the head is there.

        Raises:
            EngineDown: the connection broke, or fell silent.
            EngineBroke: what came is not HTTP.
        """
        while not self.status:
            await self._more()

    async def read(self) -> bytes:
        """Return all of the body that has arrived since, at least something; nothing at its end. Errors as with `opened`."""
        body = self._body
        while not body:
            if self._whole:
                return b""
            await self._more()
        data = body[0] if len(body) == 1 else b"".join(body)
        body.clear()
        self._unread = 0
        if self._paused:
            self._resume()
        return data

    def fail(self, error: MecumError) -> None:
        """End with an error, behind what has arrived, and with the connection. An answer that is whole stays so."""
        if not self._whole and self._error is None:
            self._error = error
        self.close()

    def close(self) -> None:
        """Have done with the connection. Of an answer that is not whole, it is closed at once: the server stops its work."""
        if self._closed:
            return
        self._closed = True
        if not self._whole and self._error is None:
            self._error = EngineDown("The connection to the engine was closed.")
        if self._timer:
            self._timer.cancel()
        self._done(self)
        self._wake()

    async def _more(self) -> None:
        """Wait until anything happened."""
        if self._error:
            raise self._error
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _listen(self) -> None:
        """Look whether the server has been silent for too long. One timer serves the whole answer."""
        assert self._silence is not None  # noqa: S101 -- else there is no timer
        quiet = 0.0 if self._paused else self._now() - self._heard
        if quiet >= self._silence:
            self.fail(EngineDown("The engine does not answer."))
        else:
            self._timer = self._loop.call_later(self._silence - quiet, self._listen)

    def _pause(self) -> None:
        if self.transport and not self._closed:
            self._paused = True
            self.transport.pause_reading()

    def _resume(self) -> None:
        self._paused = False
        self._heard = self._now()
        if self.transport and not self._closed:
            self.transport.resume_reading()

    # What the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, unless nobody waits for it any more."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        if self._closed:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        if self._closed:  # nothing more was due: a connection that says something unasked is not used again
            self.transport.abort() if self.transport else None
            return
        self._heard = self._now()
        try:
            if self.status:
                self._parser.feed_data(data)
            else:
                self._parse_head(data)
        except (HttpParserError, HttpParserUpgrade):
            if not self._whole:
                self.fail(EngineBroke("The engine sent an answer that is not HTTP."))
        if self._whole:
            self.close()
        self._unread += len(data)
        if self._unread > HIGH or not self._body:
            self._bound(len(data))
        else:
            self._barren = 0
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note that nothing more comes, which is how an answer of no stated length ends."""
        if exc is None and self.status and not self._delimited():
            self._whole = True
        self.fail(EngineDown("The connection to the engine broke."))

    def _parse_head(self, data: bytes) -> None:
        room = MAX_HEAD - self._barren
        self._parser.feed_data(data[:room])
        if self.status and len(data) > room:
            self._parser.feed_data(data[room:])

    def _bound(self, size: int) -> None:
        """Bound what is kept: by us for the reader, by the parser of headers and trailers."""
        self._barren = 0 if self._body else self._barren + size
        if self._barren > MAX_HEAD:
            self.fail(EngineBroke("The engine sent an answer with headers of more than 64 KiB."))
        elif self._unread > HIGH and not self._paused:
            self._pause()

    def _delimited(self) -> bool:
        return "chunked" in self.headers.get("transfer-encoding", "").lower() or "content-length" in self.headers

    # What the parser calls

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a header; trailers are read over."""
        if not self.status:
            self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Note the status; what comes before the answer proper (100 Continue, 103 Early Hints) is read over."""
        status = self._parser.get_status_code()
        if status >= 200:
            self.status = status
        else:
            self.headers.clear()

    def on_message_complete(self) -> None:
        """Note the end, and stop the parser: what stands behind it is no part of the answer."""
        if self.status:
            self._whole = True
            self._keep_alive = self._parser.should_keep_alive()
            raise _Stop


class _Stop(Exception):
    """Ends the parsing."""
