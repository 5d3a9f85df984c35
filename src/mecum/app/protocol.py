"""uvicorn's HTTP protocol with what it leaves out: bounds on a request's head, and our own words for a malformed one.

Invariants (`tests/app/test_protocol.py`): a connection that does not finish a head within `head_timeout` is closed, also
one that says nothing, or that goes on with a body which has its answer; a head larger than `MAX_HEAD` is refused, and so are
more than `MAX_AHEAD` requests that do not wait for their answers; what is no HTTP gets the error body of the API.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from mecum.api.errors import body_of
from mecum.errors import InvalidRequest

MAX_HEAD = 256 * 1024  # bytes of request line and headers
MAX_AHEAD = 32  # requests of a connection: one read may bring thousands, and the loop would stand while they are parsed


class Protocol(HttpToolsProtocol):
    """One connection. `head_timeout` is in seconds."""

    def __init__(self, *args: Any, head_timeout: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_timeout = head_timeout
        self._head_size = 0
        self._in_head = True
        self._in_body = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Give the first head its time."""
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the time."""
        self._disarm()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Note that a head begins."""
        self._in_head, self._head_size = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that the head is there."""
        self._in_head, self._in_body = False, True
        super().on_headers_complete()
        if len(self.pipeline) > MAX_AHEAD:
            raise RuntimeError("too many requests ahead of their answers")  # the parser makes it its own error

    def on_message_complete(self) -> None:
        """Note that the request is there."""
        self._in_body = False
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Parse; an unfinished head has its time and its size."""
        super().data_received(data)
        if not self._in_head:
            if self._in_body and self._is_answered():  # a byte now and then would keep it open for ever
                self._arm()
            else:
                self._disarm()
            return
        self._head_size += len(data)
        self._arm()
        if self._head_size > MAX_HEAD:
            self.send_400_response(f"The request's headers are larger than {MAX_HEAD // 1024} KiB.")

    def send_400_response(self, msg: str) -> None:
        """Answer a request that never became one, and close."""
        if self.transport.is_closing():
            return
        body = orjson.dumps(body_of(InvalidRequest(msg)))
        fields = [*self.server_state.default_headers, (b"content-type", b"application/json"), (b"connection", b"close")]
        fields.append((b"content-length", str(len(body)).encode()))
        head = b"".join(name + b": " + value + b"\r\n" for name, value in fields)
        self.transport.write(STATUS_LINE[400] + head + b"\r\n" + body)
        self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: a client that offers HTTP/2 is answered in HTTP/1.1, as the protocol has it."""

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self._head_timeout, self._late)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        if self._is_answered():  # an answer at work goes on: what is late is the head of a next request behind it
            self.transport.close()

    def _is_answered(self) -> bool:
        # uvicorn's annotation hides that there is no cycle before the first request.
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]


def protocol_factory(head_timeout: float) -> Callable[..., Protocol]:
    """Return what uvicorn calls for each connection."""

    def create(*args: Any, **kwargs: Any) -> Protocol:
        return Protocol(*args, head_timeout=head_timeout, **kwargs)

    return create
