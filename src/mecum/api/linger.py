"""An answer that comes before the request has been read, and a connection that closes only when it may.

A client that still sends when its connection is torn down may never read the answer: OpenAI's asynchronous one then speaks
of a connection error where the key was wrong (tried). So the answer goes out first, and then what still comes is dropped
unread, for a moment and up to a few megabytes: it costs us a connection that an idle client could hold for longer.

Invariant (`tests/api/test_access.py`, `tests/clients/test_keys.py`): the answer waits for nothing.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

MOST: Final = 8 * 1024 * 1024  # bytes
SECONDS: Final = 2.0


async def answer_first(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Send a whole answer, and end when the request has ended, too, or has had its time."""

    async def hold(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "more_body": True}
        await send(message)

    await response(scope, receive, hold)
    headers = Headers(scope=scope)
    if "expect" not in headers and headers.get("content-length", "0" if "transfer-encoding" not in headers else "") != "0":
        with suppress(TimeoutError):
            async with asyncio.timeout(SECONDS):
                await _drop(receive)
    await send({"type": "http.response.body", "body": b""})


async def _drop(receive: Receive) -> None:
    size = 0
    while size < MOST:
        message = await receive()
        size += len(message.get("body", b""))
        if not message.get("more_body"):
            return
