"""What happens to the documents, as Server-Sent Events: how far the library is, then every change.

A container's removal or new path stands for that of its parts.

Invariants (`tests/api/test_events.py`): nothing that happens after the first event is missed, save states that a newer one
of the same document followed at once; the stream is never silent for longer than `server.keepalive`; it ends when the client
leaves, when the server begins to shut down, and within a second of its key.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mecum.api.access import let_in_no_more, principal_of
from mecum.api.bodies import counts_body, document_body
from mecum.api.leaving import end, gone, unless
from mecum.api.middleware import asks_for_head
from mecum.api.sse import KEEP_ALIVE
from mecum.chat.gate import Gate
from mecum.knowledge.library import Library
from mecum.knowledge.progress import Event
from mecum.types import Json

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]


class EventStream(Response):
    """The answer to whoever asks. `keepalive` is in seconds."""

    def __init__(self, library: Library, gate: Gate, request: Request, *, keepalive: float) -> None:
        super().__init__()
        self._library = library
        self._gate = gate
        self._request = request
        self._principal = principal_of(request)
        self._keepalive = keepalive

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until somebody ends it."""
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        if not asks_for_head(scope):
            work = await unless(self._stream(send), gone(receive), self._gate.closed(), let_in_no_more(self._request))
            if not work.cancelled():
                work.result()
        await send({"type": "http.response.body", "body": b""})

    async def _stream(self, send: Send) -> None:
        events = self._library.follow(self._principal)
        coming = asyncio.ensure_future(anext(events, None))  # it listens before the counts are taken: nothing is between
        try:
            counts = await self._library.counts(self._principal)
            await _send(send, {"type": "counts", "counts": counts_body(counts, self._library.embedder)})
            while True:
                await asyncio.wait({coming}, timeout=self._keepalive)
                if not coming.done():
                    await send({"type": "http.response.body", "body": KEEP_ALIVE, "more_body": True})
                    continue
                if (event := coming.result()) is None:
                    return
                await _send(send, _body(event))
                coming = asyncio.ensure_future(anext(events, None))
        finally:
            await end(coming)
            await _close(events)


def _body(event: Event) -> Json:
    document = None if event.document is None else document_body(event.document)
    return {"type": event.kind, "document_id": event.document_id, "document": document}


async def _send(send: Send, body: Json) -> None:
    text = json.dumps(body, separators=(",", ":"))  # in ASCII: some readers take Unicode's own line ends for an event's
    await send({"type": "http.response.body", "body": f"data: {text}\n\n".encode(), "more_body": True})


async def _close(events: AsyncIterator[Event]) -> None:
    if hasattr(events, "aclose"):
        await events.aclose()
