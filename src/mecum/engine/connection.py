"""What is asked of one OpenAI-compatible server. The embedded engine and a remote one share this path.

Invariants: a Reply that is closed has closed its connection, which is how the server learns to stop; whatever a server does
ends in an error of ours, in time (`tests/engine/test_connection*.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from mecum.engine.codec import encode
from mecum.engine.foreign import refuse
from mecum.engine.http import Http
from mecum.engine.response import Response
from mecum.engine.stream import Stream
from mecum.errors import Busy, EngineBroke, EngineDown, MecumError, RouteMissing
from mecum.types import Delta, Json, Prompt

REFUSAL_TIMEOUT = 5  # seconds that the body of an error may take
MAX_BODY = 16 * 1024 * 1024  # bytes that are read of an answer that is no stream

_COUNTED = frozenset({"model", "messages", "tools", "chat_template_kwargs", "reasoning_effort"})  # what makes a prompt


class Connection:
    """The way to a server. `silence_timeout` is the longest pause, in seconds, inside an answer.

    Paths are relative to `base_url`; the protocol's own routes lie under `prefix` of it. `llama` says that it is llama.cpp,
    which can report progress while it reads the prompt.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        unix_socket: Path | None = None,
        prefix: str = "/v1",
        llama: bool = False,
        silence_timeout: float = 60,
    ) -> None:
        self._http = Http(base_url, api_key=api_key, unix_socket=unix_socket)
        self._chat_path = f"{prefix}/chat/completions"
        # Where tokens of a chat are counted, and the field with the number: llama.cpp, vLLM.
        self._counters = {f"{self._chat_path}/input_tokens": "input_tokens"} | ({} if llama else {"/tokenize": "count"})
        self._llama = llama
        self._silence = silence_timeout

    async def get(self, path: str, *, timeout: float = 5) -> Json:
        """Return a JSON answer.

        Raises:
            EngineDown: the server cannot be reached, or not within `timeout` seconds.
            MecumError: it answers with another status than 200, mapped as `foreign` does.
        """
        return await self._whole("GET", path, None, timeout)

    async def post(self, path: str, body: Json, *, timeout: float = 30) -> Json:
        """Send JSON and return a JSON answer; errors as with `get`."""
        return await self._whole("POST", path, body, timeout)

    async def count(self, prompt: Prompt) -> int | None:
        """Return the prompt's tokens with the model's template, or None where the server has no route for that."""
        if not self._counters:
            return None
        body = {name: value for name, value in encode(prompt, reasoning=self._llama).items() if name in _COUNTED}
        for path, field in tuple(self._counters.items()):
            try:
                tokens = (await self.post(path, body)).get(field)
            except RouteMissing:
                tokens = None
            except MecumError as error:
                if self._llama or isinstance(error, EngineDown | Busy):
                    raise
                continue  # whatever it is, the chat itself will tell
            if isinstance(tokens, int):
                return tokens
            self._counters.pop(path, None)  # not asked again: it would carry every prompt twice
        return None

    async def chat(self, prompt: Prompt, *, slot: int | None = None) -> StreamReply:
        """Open an answer. Returns once the server has sent its first event, so that what it refuses is raised here.

        `slot` is which of llama.cpp's slots it shall run in; None: its own choice.
        """
        body = encode(prompt, reasoning=self._llama)
        if self._llama:
            body |= {"return_progress": True, "cache_prompt": prompt.cache} | ({} if slot is None else {"id_slot": slot})
        response = await self._http.request("POST", self._chat_path, orjson.dumps(body), silence=self._silence)
        reply = StreamReply(response, choices=prompt.sampling.n)
        try:
            if response.status != 200:
                refuse(response.status, await _refusal(response), response.headers)
            await reply.begin()
        except BaseException:  # a cancellation too must close the connection, or the engine works on
            await reply.aclose()
            raise
        return reply

    async def aclose(self) -> None:
        """Close every connection. What is asked afterwards is `EngineDown`."""
        await self._http.aclose()

    async def _whole(self, method: str, path: str, body: Json | None, timeout: float) -> Json:
        async with _within(timeout):
            response = await self._http.request(method, path, None if body is None else orjson.dumps(body))
            content = await _body(response)
        if response.status != 200:
            refuse(response.status, content, response.headers)
        return _json_object(content)


class StreamReply:
    """A streaming answer of a server: batches of Deltas, each what one read brought (`mecum.engine.base.Reply`)."""

    def __init__(self, response: Response, *, choices: int) -> None:
        self._response = response
        self._stream = Stream(choices)
        self._first: list[Delta] = []
        self._ended = False

    @property
    def fingerprint(self) -> str | None:
        """The server's own `system_fingerprint`."""
        return self._stream.fingerprint

    async def begin(self) -> None:
        """Read until the first event: an error that comes as an event is raised here, not in the middle."""
        if self._response.encoded:
            raise EngineBroke("The engine sent an answer that is compressed, which nobody asked for.")
        while self._stream.fingerprint is None and not self._ended:
            batch = await self._read()
            self._first += batch

    def __aiter__(self) -> AsyncIterator[Sequence[Delta]]:
        return self

    async def __anext__(self) -> Sequence[Delta]:
        if self._first:
            batch, self._first = self._first, []
            return batch
        while not self._ended:
            if batch := await self._read():
                return batch
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Close the connection, which stops the server's work."""
        self._ended = True
        self._first = []
        self._response.close()

    async def _read(self) -> list[Delta]:
        if self._stream.failure:
            raise self._stream.failure
        batch = self._stream.feed(await self._response.read())
        if self._stream.ended:
            await self.aclose()
        return batch


@contextlib.asynccontextmanager
async def _within(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise EngineDown("The engine does not answer.") from None


async def _refusal(response: Response) -> bytes:
    async with _within(REFUSAL_TIMEOUT):
        return await _body(response)


async def _body(response: Response) -> bytes:
    """Return a body, or as much of it as `MAX_BODY` allows: a longer one is no answer that we know."""
    body = bytearray()
    try:
        while len(body) < MAX_BODY and (data := await response.read()):
            body += data
    finally:
        response.close()
    return b"" if response.encoded else bytes(body)


def _json_object(content: bytes) -> Json:
    try:
        parsed: Any = orjson.loads(content)
    except orjson.JSONDecodeError:
        parsed = None
    if not isinstance(parsed, dict):
        raise EngineBroke("The engine sent an answer that is not a JSON object.")
    return parsed
