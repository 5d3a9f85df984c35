"""Asks a running mecum server, over the same route as every other client.

Invariant: what the server says went wrong becomes one of `mecum.errors`, here and nowhere else; an answer that ends
without its `[DONE]` is an error, never taken for a whole one (`tests/cli/test_client.py`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

import aiohttp
import orjson

from mecum.app.home import Running
from mecum.cli.question import Piece, Pieces, Question
from mecum.errors import (
    BodyTooLarge,
    Busy,
    DocumentNotFound,
    Draining,
    EmbedderNotReady,
    EngineBroke,
    EngineError,
    InvalidRequest,
    KeyNotFound,
    MecumError,
    NameTaken,
    NotFound,
    RetrievalFailed,
    RoleNotFound,
    StoreError,
    StoreFull,
    Unauthorized,
)
from mecum.types import Json

_SILENCE = 120  # seconds; the server says something every `server.keepalive` seconds
_CONNECT = 5  # seconds, on this machine
_BY_CODE = {
    kind.code: kind
    for kind in (
        BodyTooLarge,
        DocumentNotFound,
        Draining,
        EmbedderNotReady,
        KeyNotFound,
        NameTaken,
        RetrievalFailed,
        RoleNotFound,
        StoreError,
        StoreFull,
        Unauthorized,
    )
}


async def answer(server: Running, question: Question) -> Pieces:
    """Yield the pieces of the server's answer, out of the documents if it has any; errors as `ask`."""
    if not question.is_settled:
        listing = await get(server, "/api/documents?limit=1")
        question = question.settled(documents=bool(listing["data"]["total"]))
    async with aclosing(ask(server, question)) as pieces:
        async for piece in pieces:
            yield piece


async def ask(server: Running, question: Question) -> Pieces:
    """Yield the pieces of the server's answer to the question as it is.

    Raises:
        MecumError: the server refuses, is gone, or breaks off.
    """
    timeout = aiohttp.ClientTimeout(total=None, connect=_CONNECT, sock_read=_SILENCE)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=_headers(server, "text/event-stream")) as session,
            session.post(f"{server.url}/api/kernel2/chat", json=body_of(question), allow_redirects=False) as response,
        ):
            if response.status != 200:
                raise refusal(response.status, await response.read())
            instead = "x-model-requested" in response.headers
            async for event in _events(response.content):
                yield _piece(event)._replace(instead=event.get("model") if instead else None)
                instead = False
    except (aiohttp.ClientConnectionError, TimeoutError) as error:
        raise gone(server) from error
    except aiohttp.ClientPayloadError as error:
        raise _broke_off() from error


async def get(server: Running, path: str) -> Json:
    """Return what the server answers at a path.

    Raises:
        MecumError: it refuses, or is gone.
    """
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(_CONNECT), headers=_headers(server)) as session,
            session.get(server.url + path, allow_redirects=False) as response,
        ):
            content = await response.read()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise gone(server) from error
    if response.status != 200:
        raise refusal(response.status, content)
    return parsed(content)


def _headers(server: Running, accept: str = "application/json") -> dict[str, str]:
    return {"Authorization": f"Bearer {server.token}", "Accept": accept}


def body_of(question: Question) -> Json:
    """Return the request's body (`POST /api/kernel2/chat`)."""
    messages = [{"role": "system", "content": question.system}] if question.system else []
    messages += [*question.history, {"role": "user", "content": question.text}]
    metadata = {
        "role_id": question.role_id,
        "enable_l0_retrieval": question.docs,
        "truncation": "auto" if question.truncate else None,
    }
    body = {
        "messages": messages,
        "stream": True,
        "metadata": {name: value for name, value in metadata.items() if value is not None},
        "model": question.model,
        "max_tokens": question.max_tokens,
        "temperature": question.temperature,
    }
    return {name: value for name, value in body.items() if value is not None}


async def _events(content: aiohttp.StreamReader) -> AsyncIterator[Json]:
    """Yield the events up to `[DONE]`. Lines may be longer than aiohttp's own reader of lines allows."""
    rest, done = b"", False
    async for data in content.iter_any():  # to its end, or the server would take us for a client that left
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            done = done or line == b"data: [DONE]"
            if line.startswith(b"data: ") and not done:
                yield parsed(line.removeprefix(b"data: "))
    if not done:
        raise _broke_off()


def _piece(event: Json) -> Piece:
    if "error" in event:
        raise error_of(event)
    choice: Json = next(iter(event.get("choices") or ()), {})
    delta = choice.get("delta") or {}
    return Piece(
        text=delta.get("content") or "",
        finish_reason=choice.get("finish_reason"),
        sources=tuple(event.get("sources") or ()),
        dropped=(event.get("truncation") or {}).get("dropped_messages", 0),
        unfounded=(event.get("retrieval") or {}).get("status") == "empty",
    )


def refusal(status: int, data: bytes) -> MecumError:
    """Return the error that an answer with this status and body is."""
    try:
        return error_of(parsed(data))
    except EngineBroke:
        return MecumError(f"The server answered with status {status}, and not as mecum does.")


def error_of(body: Json) -> MecumError:
    """Return the error that a body or an event of the server names: by its code, else by its status."""
    message, status = str(body.get("message") or "The server gave no reason."), body.get("code")
    inner = body.get("error")
    if isinstance(inner, dict) and (kind := _BY_CODE.get(str(inner.get("code")))):
        return kind(message)
    if status == 404:
        return NotFound(message)
    if status in (400, 413, 415):
        return InvalidRequest(message)
    if status in (429, 503):
        return Busy(message)
    return EngineError(message) if status == 502 else MecumError(message)


def parsed(data: bytes) -> Json:
    """Return the JSON object that was sent.

    Raises:
        EngineBroke: it is none.
    """
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise EngineBroke("The server sent something that is not an answer.")
    return found


def _broke_off() -> EngineBroke:
    return EngineBroke("The server broke off in the middle of its answer.")


def gone(server: Running) -> MecumError:
    """Return the error that a server is which does not answer."""
    return MecumError(f"The mecum server with process id {server.pid} does not answer at {server.url}.")
