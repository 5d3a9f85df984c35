"""HTTP to one OpenAI-compatible server, over TCP or a Unix socket. The embedded engine and a remote one share this path.

Invariants: no redirect is followed and no proxy variable is read (a request can never be led elsewhere); a Reply that is
closed has closed its connection, which is how the server learns to stop; whatever a server does ends in an error of ours, in
time (`tests/engine/test_connection*.py`). llama.cpp answers only the first POST of a connection reliably, so each request
takes a new one, save over TLS, where a new one is dear.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import orjson

from mecum.engine.codec import Decoder, encode
from mecum.engine.events import EventParser
from mecum.engine.foreign import refuse
from mecum.errors import Busy, EngineBroke, EngineDown, EngineRefused, MecumError, RouteMissing
from mecum.types import Delta, Json, Prompt

T = TypeVar("T")
CONNECT_TIMEOUT = 5  # seconds
REFUSAL_TIMEOUT = 5  # seconds that the body of an error may take
MAX_BODY = 16 * 1024 * 1024  # bytes that are read of an answer that is no stream
READ_BUFFER = 1024 * 1024  # bytes that one read may bring; everything that has arrived comes in one batch


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
        self._root = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._unix_socket = unix_socket
        self._chat_path = f"{prefix}/chat/completions"
        # Where tokens of a chat are counted, and the field with the number: llama.cpp, vLLM.
        self._counters = {f"{self._chat_path}/input_tokens": "input_tokens"} | ({} if llama else {"/tokenize": "count"})
        self._llama = llama
        self._silence = silence_timeout
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

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
        body = {name: value for name, value in encode(prompt).items() if name in ("model", "messages", "tools")}
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

    async def chat(self, prompt: Prompt) -> StreamReply:
        """Open an answer. Returns once the server has sent its first event, so that what it refuses is raised here."""
        body = encode(prompt)
        if self._llama:
            body |= {"return_progress": True, "cache_prompt": prompt.cache}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT, sock_read=self._silence)
        response = await _reached(lambda: self._request("POST", self._chat_path, body, timeout))
        reply = StreamReply(response, choices=prompt.sampling.n)
        try:
            if response.status != 200:
                refuse(response.status, await _reached(lambda: _refusal(response)), response.headers)
            await reply.begin()
        except BaseException:  # a cancellation too must close the connection, or the engine works on
            await reply.aclose()
            raise
        return reply

    async def aclose(self) -> None:
        """Close every connection. What is asked afterwards is `EngineDown`."""
        self._closed = True
        if self._session:
            await self._session.close()

    async def _whole(self, method: str, path: str, body: Json | None, timeout: float) -> Json:
        limits = aiohttp.ClientTimeout(total=timeout, sock_connect=CONNECT_TIMEOUT)

        async def exchange() -> tuple[aiohttp.ClientResponse, bytes]:
            async with await self._request(method, path, body, limits) as response:
                return response, await _body(response)

        response, content = await _reached(exchange)
        if response.status != 200:
            refuse(response.status, content, response.headers)
        return _json_object(content)

    async def _request(
        self, method: str, path: str, body: Json | None, timeout: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        return await self._opened().request(
            method,
            self._root + path,
            data=None if body is None else orjson.dumps(body),
            timeout=timeout,
            allow_redirects=False,
        )

    def _opened(self) -> aiohttp.ClientSession:
        if self._closed:
            raise EngineDown("The connection to the engine was closed.")
        if self._session is None:  # made on first use: aiohttp wants a running loop
            fresh = not self._root.startswith("https:")
            connector = (
                aiohttp.UnixConnector(str(self._unix_socket), limit=0, force_close=True)
                if self._unix_socket
                else aiohttp.TCPConnector(limit=0, force_close=fresh)
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                headers={"Content-Type": "application/json", **self._headers},
                trust_env=False,
                read_bufsize=READ_BUFFER,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


class StreamReply:
    """A streaming answer of a server: batches of Deltas, each what one read brought (`mecum.engine.base.Reply`)."""

    def __init__(self, response: aiohttp.ClientResponse, *, choices: int) -> None:
        self._response = response
        self._parser = EventParser()
        self._decoder = Decoder(choices)
        self._first: list[Delta] = []
        self._ended = False
        connection = response.connection
        if connection is not None and connection.protocol is not None and connection.protocol.closed is not None:
            connection.protocol.closed.add_done_callback(self._lost)

    @property
    def fingerprint(self) -> str | None:
        """The server's own `system_fingerprint`."""
        return self._decoder.fingerprint

    async def begin(self) -> None:
        """Read until the first event: an error that comes as an event is raised here, not in the middle."""
        while self._decoder.fingerprint is None and not self._ended:
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

    def _lost(self, closed: asyncio.Future[None]) -> None:
        """Wake the reader when the connection is gone: aiohttp does not, after a bad chunk or when its session is closed."""
        closed.exception()  # seen
        content = self._response.content
        if not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ServerDisconnectedError())

    async def _read(self) -> list[Delta]:
        if self._decoder.failure:
            raise self._decoder.failure
        data = await _reached(self._response.content.readany)
        batch = self._decoder.feed(self._parser.feed(data) if data else self._parser.end())
        if not data or self._decoder.done:
            batch += self._decoder.end()
            await self.aclose()
        return batch


async def _reached(call: Callable[[], Awaitable[T]]) -> T:
    """Await a call, and say in our words when the server could not be reached or was lost."""
    try:
        return await call()
    except TimeoutError:
        raise EngineDown("The engine does not answer.") from None
    except aiohttp.ClientConnectorError as error:
        raise EngineDown(f"The engine cannot be reached ({error.os_error.strerror or 'no connection'}).") from None
    except aiohttp.InvalidURL:
        raise EngineRefused("The engine's address cannot be understood. Check engine.base_url.") from None
    except aiohttp.ClientResponseError:
        raise EngineBroke("The engine sent an answer that is not HTTP.") from None
    except (aiohttp.ClientError, ConnectionError, RuntimeError) as error:  # RuntimeError: a connection that we closed
        raise EngineDown(f"The connection to the engine broke ({type(error).__name__}).") from None


async def _refusal(response: aiohttp.ClientResponse) -> bytes:
    async with asyncio.timeout(REFUSAL_TIMEOUT):
        return await _body(response)


async def _body(response: aiohttp.ClientResponse) -> bytes:
    """Return a body, or as much of it as `MAX_BODY` allows: a longer one is no answer that we know."""
    body = bytearray()
    while len(body) < MAX_BODY and (data := await response.content.readany()):
        body += data
    return bytes(body)


def _json_object(content: bytes) -> Json:
    try:
        parsed: Any = orjson.loads(content)
    except orjson.JSONDecodeError:
        parsed = None
    if not isinstance(parsed, dict):
        raise EngineBroke("The engine sent an answer that is not a JSON object.")
    return parsed
