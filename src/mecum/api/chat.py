"""The three chat routes: one answer, streamed or whole.

Invariants: what can be refused within `header_wait` seconds has a true status; after that a stream has 200, comments and at
last an error event; a client that leaves cancels the answer at whatever point it is, which frees the engine's slot
(`tests/api/test_chat.py`, `tests/api/test_leaving.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import Any
from urllib.parse import quote

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mecum.api.access import principal_of
from mecum.api.errors import reported
from mecum.api.leaving import end, gone, unless
from mecum.api.links import passage_url
from mecum.api.parse import Dialect, parse_chat, read_json, to_request
from mecum.api.sources import UrlOf
from mecum.api.sse import KEEP_ALIVE, Frames, Whole, error_event
from mecum.api.wire import ChatBody
from mecum.chat.answer import Answer, Chat
from mecum.errors import MecumError
from mecum.settings.schema import ServerSettings
from mecum.types import Principal

log = logging.getLogger(__name__)
MAX_ASKED_MODEL = 256  # bytes of the x-model-requested header


def endpoint(chat: Chat, settings: ServerSettings, dialect: Dialect) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """Return the handler of a chat route that speaks `dialect`."""

    async def answer_chat(request: Request) -> Response:
        content = await read_json(request, limit=int(settings.max_body_mb * 1024 * 1024), timeout=settings.body_timeout)
        body = parse_chat(content)
        opening = _Opening(chat, body, dialect, partial(passage_url, request, settings), principal_of(request))
        wants_stream = body.stream if body.stream is not None else dialect.stream
        if wants_stream:
            return StreamedAnswer(opening, header_wait=settings.header_wait, keepalive=settings.keepalive)
        return WholeAnswer(opening)

    return answer_chat


@dataclass(frozen=True, slots=True)
class _Opening:
    """A request that is ready to be asked."""

    chat: Chat
    body: ChatBody
    dialect: Dialect
    url_of: UrlOf
    principal: Principal

    async def __call__(self) -> Answer:
        return await self.chat.answer(to_request(self.body, self.dialect), self.principal)


class _Leavable(Response):
    """A response whose work stops when the client leaves."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 # ASGI's own signature
        """Answer, unless the client leaves before."""
        work = await unless(self._work(send), gone(receive))
        if work.cancelled():
            log.info("client left")
        else:
            work.result()

    async def _work(self, send: Send) -> None:
        raise NotImplementedError


class WholeAnswer(_Leavable):
    """A plain answer: one JSON body."""

    def __init__(self, opening: _Opening) -> None:
        super().__init__()
        self._opening = opening

    async def _work(self, send: Send) -> None:
        answer = await self._opening()
        async with contextlib.aclosing(answer):
            whole = Whole(answer, self._opening.url_of, choices=self._opening.body.n or 1)
            async for batch in answer:
                whole.add(batch)
        content = orjson.dumps(whole.body())
        headers = [*_headers(answer, b"application/json"), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})


class StreamedAnswer(_Leavable):
    """A streamed answer: Server-Sent Events. Times are in seconds."""

    def __init__(self, opening: _Opening, *, header_wait: float, keepalive: float) -> None:
        super().__init__()
        self._opening = opening
        self._header_wait = header_wait
        self._keepalive = keepalive
        self._last_sent = 0.0

    async def _work(self, send: Send) -> None:
        opening = asyncio.create_task(self._opening())
        try:
            await asyncio.wait({opening}, timeout=self._header_wait)
            if opening.done():
                opening.result()  # what is refused by now is a true status
            await self._stream(opening, send)
        finally:
            # A task that nobody cancels: a client may leave just now, and what the answer holds has to be given back.
            await asyncio.shield(asyncio.create_task(_close(opening)))
        # Last of all, because who has seen the end may ask again and shall find the slot free.
        await send({"type": "http.response.body", "body": b""})

    async def _stream(self, opening: asyncio.Task[Answer], send: Send) -> None:
        answer = opening.result() if opening.done() else None
        headers = [*_headers(answer, b"text/event-stream; charset=utf-8"), *_STREAM_HEADERS]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        heart = asyncio.create_task(self._beat(send))
        try:
            await reported(self._events(opening, send), lambda error: self._report(error, send))
        finally:
            await end(heart)

    async def _events(self, opening: asyncio.Task[Answer], send: Send) -> None:
        answer = await opening
        body = self._opening.body
        include_usage = bool(body.stream_options and body.stream_options.include_usage)
        frames = Frames(answer, self._opening.url_of, include_usage=include_usage, choices=body.n or 1)
        await self._send(send, frames.first())
        async for batch in answer:
            if events := frames.batch(batch):
                await self._send(send, events)
        await self._send(send, frames.last())

    async def _report(self, error: MecumError, send: Send) -> None:
        await self._send(send, error_event(error, has_choices=self._opening.dialect.error_has_choices))

    async def _send(self, send: Send, events: bytes) -> None:
        self._last_sent = asyncio.get_running_loop().time()
        await send({"type": "http.response.body", "body": events, "more_body": True})

    async def _beat(self, send: Send) -> None:
        """Fill every `keepalive` seconds of silence with a comment."""
        loop = asyncio.get_running_loop()
        self._last_sent = loop.time()
        while True:
            silent = loop.time() - self._last_sent
            if silent >= self._keepalive:
                await self._send(send, KEEP_ALIVE)
            else:
                await asyncio.sleep(self._keepalive - silent)


_STREAM_HEADERS = [(b"cache-control", b"no-cache, no-transform"), (b"x-accel-buffering", b"no")]


def _headers(answer: Answer | None, kind: bytes) -> list[tuple[bytes, bytes]]:
    headers = [(b"content-type", kind)]
    if answer and answer.fell_back_from:
        headers.append((b"x-model-requested", _quoted(answer.fell_back_from)))
    return headers


def _quoted(model: str) -> bytes:
    """Return as many whole characters as fit the header, percent-encoded."""
    pieces = [quote(character, safe=" /:@._-~") for character in model]
    lengths = accumulate(map(len, pieces))
    return "".join(piece for piece, length in zip(pieces, lengths, strict=True) if length <= MAX_ASKED_MODEL).encode()


async def _close(opening: asyncio.Task[Answer]) -> None:
    await end(opening)
    if not opening.cancelled() and opening.exception() is None:
        await opening.result().aclose()
