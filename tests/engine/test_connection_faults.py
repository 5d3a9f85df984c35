"""Against servers that behave badly: every fault ends in the promised error, in time, and leaks nothing."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest
from tests.engine.chunks import chunk, say
from tests.engine.servers import (
    HEAD,
    PROMPT,
    SOON,
    Exchange,
    Handler,
    answers,
    closes,
    connected,
    ends,
    hello,
    resets,
    sends,
    serving,
    silent,
    streams,
    talk,
)

from mecum.engine import connection as module
from mecum.engine.connection import Connection
from mecum.errors import (
    EngineBroke,
    EngineDown,
    EngineRefused,
    InvalidRequest,
    MecumError,
    ModelLoading,
    ModelNotFound,
    QueueFull,
    RouteMissing,
)
from mecum.types import Delta

SILENCE = 0.5  # seconds


async def endless_body(exchange: Exchange) -> None:
    await exchange.begin()
    while True:
        await exchange.chunk(b"x" * 65536)


async def endless_error(exchange: Exchange) -> None:
    await exchange.send(HEAD.replace(b"200 OK", b"500 No"))
    while True:
        await exchange.chunk(b"x" * 65536)


GZIP = HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
HTML = b"<html><body>no</body></html>"
BEFORE: dict[str, tuple[Handler, type[MecumError]]] = {
    "silent": (silent, EngineDown),
    "silent after the head": (sends(HEAD, then=silent), EngineDown),
    "closes": (closes, EngineDown),
    "resets": (resets, EngineDown),
    "closes in the head": (sends(b"HTTP/1.1 200 OK\r\nContent-"), EngineDown),
    "closes after the head": (sends(HEAD), EngineDown),
    "ends after the head": (sends(HEAD + b"0\r\n\r\n"), EngineBroke),
    "no HTTP": (sends(b"220 smtp.example.com ESMTP\r\n\r\n"), EngineBroke),
    "nonsense": (sends(bytes(range(256)) * 20), EngineBroke),
    "a huge header": (sends(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"), EngineBroke),
    "an endless header": (sends(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, then=silent), EngineBroke),
    "no chunk": (sends(HEAD + b"zz\r\nx\r\n"), EngineBroke),
    "compressed": (sends(GZIP + b"5\r\nhello\r\n0\r\n\r\n"), EngineBroke),
    "HTML": (answers(200, HTML, Content_Type="text/html"), EngineBroke),
    "no stream": (answers(200, b'{"choices":[{"message":{"content":"hi"}}]}', Content_Type="application/json"), EngineBroke),
    "empty": (answers(200), EngineBroke),
    "no content": (answers(204), EngineBroke),
    "only [DONE]": (streams(b"[DONE]", then=ends), EngineBroke),
    "no JSON": (streams(b"hello", then=ends), EngineBroke),
    "error event": (streams({"error": {"code": 500, "message": "no"}}), EngineBroke),
    "refusal as an event": (streams({"error": {"code": 400, "message": "no"}}), InvalidRequest),
    "redirect": (answers(307, Location="http://127.0.0.1:1/elsewhere"), EngineBroke),
    "bad request": (answers(400, b'{"error": {"message": "no"}}'), InvalidRequest),
    "wrong key": (answers(401, b'{"error": {"message": "no"}}'), EngineRefused),
    "no model": (answers(404, b'{"error": {"message": "The model does not exist"}}'), ModelNotFound),
    "no route": (answers(404, b'{"detail": "Not Found"}'), RouteMissing),
    "busy": (answers(429, Retry_After="9"), QueueFull),
    "crashed": (answers(500, HTML), EngineBroke),
    "loading": (answers(503, b'{"error": {"message": "Loading model"}}'), ModelLoading),
    "an error without end": (endless_error, EngineBroke),
    "an error, cut off": (sends(b"HTTP/1.1 500 No\r\nContent-Length: 100\r\n\r\nshort"), EngineDown),
}  # fmt: skip
AMID: dict[str, tuple[Handler, type[MecumError]]] = {
    "silent": (streams(say("a"), then=silent), EngineDown),
    "cut off": (streams(say("a")), EngineDown),
    "reset": (streams(say("a"), then=resets), EngineDown),
    "cut off inside a chunk": (streams(say("a"), then=sends(b"ff\r\ndata: {")), EngineDown),
    "cut off inside an event": (streams(say("a"), then=sends(b'8\r\ndata: {"\r\n0\r\n\r\n')), EngineBroke),
    "a clean end too early": (streams(say("a"), then=ends), EngineBroke),
    "an error event": (streams(say("a"), {"error": {"code": 500, "message": "no"}}), EngineBroke),
    "gives up": (streams(say("a"), chunk({}, "abort")), EngineBroke),
    "no JSON": (streams(say("a"), b"{"), EngineBroke),
    "no chunk of an answer": (streams(say("a"), [1, 2]), EngineBroke),
    "no chunk of HTTP": (streams(say("a"), then=sends(b"zz\r\nx\r\n")), EngineBroke),
}  # fmt: skip


@pytest.mark.parametrize("fault", BEFORE)
async def test_faults_before_an_answer(fault: str) -> None:
    handler, expected = BEFORE[fault]
    async with serving(handler) as server, connected(server.url, silence=SILENCE) as connection, asyncio.timeout(SOON):
        with pytest.raises(MecumError) as caught:
            await connection.chat(PROMPT)
        assert type(caught.value) is expected
        assert len(server.requests) == 1


@pytest.mark.parametrize("fault", AMID)
async def test_faults_in_the_middle_of_an_answer(fault: str) -> None:
    handler, expected = AMID[fault]
    async with serving(handler) as server, connected(server.url, silence=SILENCE) as connection, asyncio.timeout(SOON):
        async with contextlib.aclosing(await connection.chat(PROMPT)) as reply:
            assert await anext(reply) == [Delta("a")]
            with pytest.raises(MecumError) as caught:
                await anext(reply)
        assert type(caught.value) is expected


@pytest.mark.parametrize(
    "fault", ["silent", "closes", "no HTTP", "HTML", "redirect", "wrong key", "empty", "an error without end"]
)
async def test_faults_of_an_answer_that_is_no_stream(fault: str) -> None:
    handler, expected = BEFORE[fault]
    async with serving(handler) as server, connected(server.url, silence=SILENCE) as connection, asyncio.timeout(SOON):
        with pytest.raises(expected):
            await connection.get("/models", timeout=SILENCE)


async def test_an_answer_without_end_is_not_read_without_end() -> None:
    async with serving(endless_body) as server, connected(server.url, silence=SILENCE) as connection, asyncio.timeout(SOON):
        with pytest.raises(EngineBroke):
            await connection.get("/models", timeout=SOON)


async def test_an_error_that_trickles_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def trickles(exchange: Exchange) -> None:
        await exchange.send(HEAD.replace(b"200 OK", b"500 No"))
        while True:
            await exchange.chunk(b"x")
            await asyncio.sleep(SILENCE / 3)

    monkeypatch.setattr(module, "REFUSAL_TIMEOUT", SILENCE)
    async with serving(trickles) as server, connected(server.url, silence=SILENCE) as connection, asyncio.timeout(SOON):
        with pytest.raises(EngineDown):
            await connection.chat(PROMPT)


async def test_nobody_there() -> None:
    async with serving(hello) as server:
        pass
    async with connected(server.url, silence=SILENCE) as connection, asyncio.timeout(SOON):
        with pytest.raises(EngineDown, match="cannot be reached"):
            await connection.chat(PROMPT)
        with pytest.raises(EngineDown, match="cannot be reached"):
            await connection.get("/models")


async def test_no_socket_there(tmp_path: Path) -> None:
    async with connected("http://e", unix_socket=tmp_path / "none.sock") as connection:
        with pytest.raises(EngineDown, match="No such file"):
            await connection.chat(PROMPT)


async def test_no_tls_there() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with connected(f"https://127.0.0.1:{port}") as connection, asyncio.timeout(SOON):
            with pytest.raises(EngineDown, match="cannot be reached"):
                await connection.chat(PROMPT)


@pytest.mark.parametrize("url", ["http://[::1", "http://127.0.0.1:99999", "http://a b", "http://:80"])
async def test_an_address_that_is_none(url: str) -> None:
    async with connected(url) as connection:
        with pytest.raises((EngineRefused, EngineDown)):
            await connection.chat(PROMPT)


async def test_nothing_leaks_descriptors() -> None:
    faults = [handler for name, (handler, _) in (BEFORE | AMID).items() if "silent" not in name and "end" not in name]

    async def once(connection: Connection) -> None:
        with contextlib.suppress(MecumError):
            await talk(connection)

    async def handler(exchange: Exchange) -> None:
        await faults[len(server.requests) % len(faults)](exchange)

    async with serving(handler) as server, connected(server.url, silence=SILENCE) as connection:
        await once(connection)
        await asyncio.sleep(0.05)
        before = descriptors()
        for _ in range(4):
            await asyncio.gather(*(once(connection) for _ in faults))
        await asyncio.sleep(0.1)
        assert descriptors() <= before


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
