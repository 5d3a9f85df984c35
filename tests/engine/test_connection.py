"""A good server is understood, a request goes nowhere else, and what is closed is closed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.engine.chunks import USAGE, chunk, say
from tests.engine.servers import (
    HEAD,
    HELLO,
    PROMPT,
    SOON,
    Exchange,
    answers,
    connected,
    event,
    hello,
    serving,
    silent,
    streams,
    talk,
)

from mecum.engine.connection import Connection
from mecum.errors import EngineBroke, EngineDown
from mecum.types import Delta, Usage


async def test_a_good_answer() -> None:
    async with serving(hello) as server, connected(server.url, api_key="secret") as connection:
        assert await talk(connection) == HELLO
        assert await talk(connection) == HELLO
        request, other = server.requests
        assert (request.method, request.path, request.json["stream"]) == ("POST", "/v1/chat/completions", True)
        assert request.headers["authorization"] == "Bearer secret"
        assert request.headers["content-type"] == "application/json"
        assert request.writer is not other.writer  # llama.cpp answers only the first request of a connection reliably


async def test_llama_cpp_is_asked_for_progress_and_told_about_its_cache() -> None:
    async with serving(hello) as server, connected(server.url, llama=True) as connection:
        await talk(connection)
    assert (server.requests[0].json["return_progress"], server.requests[0].json["cache_prompt"]) == (True, True)


async def test_over_a_unix_socket(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"ok": true}')
        writer.close()

    path = tmp_path / "e.sock"
    async with await asyncio.start_unix_server(serve, path), connected("http://e", unix_socket=path) as connection:
        assert await connection.get("/health") == {"ok": True}


async def test_batches_are_what_has_arrived_and_nothing_is_held_back() -> None:
    goes_on = asyncio.Event()

    async def handler(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.event(say("a"))
        await goes_on.wait()
        await exchange.chunk(event(say("b")) + event(say("c")) + event(chunk({}, "stop", usage=USAGE)) + event(b"[DONE]"))

    async with serving(handler) as server, connected(server.url) as connection, asyncio.timeout(SOON):
        reply = await connection.chat(PROMPT)
        assert await anext(reply) == [Delta("a")]
        goes_on.set()
        assert await anext(reply) == [Delta("b"), Delta("c"), Delta(finish_reason="stop"), Delta(usage=Usage(5, 2))]
        with pytest.raises(StopAsyncIteration):
            await anext(reply)


async def test_progress_is_acceptance_and_a_sign_of_life() -> None:
    accepted = asyncio.Event()

    async def handler(exchange: Exchange) -> None:
        await exchange.begin()
        for done in range(5):
            await exchange.event(chunk({"role": "assistant", "content": None}, prompt_progress={"processed": done}))
            await asyncio.sleep(0.3)
        await accepted.wait()
        await exchange.chunk(event(say("Hel")) + event(say("lo.")) + event(chunk({}, "stop", usage=USAGE)))
        await exchange.chunk(b"")

    async with serving(handler) as server, connected(server.url, silence=1.2) as connection, asyncio.timeout(SOON):
        reply = await connection.chat(PROMPT)
        accepted.set()
        assert [delta async for batch in reply for delta in batch] == HELLO


# Where a request goes, and what goes with it


async def test_a_redirect_is_not_followed() -> None:
    async with serving(hello) as elsewhere:
        redirects = answers(307, Location=f"{elsewhere.url}/v1/chat/completions")
        async with serving(redirects) as server, connected(server.url, api_key="secret") as connection:
            with pytest.raises(EngineBroke):
                await connection.chat(PROMPT)
            with pytest.raises(EngineBroke):
                await connection.get("/models")
        assert elsewhere.requests == []


async def test_proxy_variables_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(hello) as proxy, serving(hello) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        async with connected(server.url) as connection:
            assert await talk(connection) == HELLO
        assert proxy.requests == []


async def test_cookies_are_not_kept() -> None:
    async with serving(answers(200, b"{}", Set_Cookie="a=b")) as server, connected(server.url) as connection:
        await connection.get("/one")
        await connection.get("/two")
    assert all("cookie" not in request.headers for request in server.requests)


# Closing


async def test_closing_a_reply_closes_its_connection() -> None:
    left = asyncio.Event()

    async def handler(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.chunk(event(say("a")) + event(say("b")))
        await exchange.gone()
        left.set()

    async with serving(handler) as server, connected(server.url) as connection:
        for read_first in (True, False):
            left.clear()
            reply = await connection.chat(PROMPT)
            if read_first:
                await anext(reply)
            await reply.aclose()
            async with asyncio.timeout(1):
                await left.wait()
            await reply.aclose()
            with pytest.raises(StopAsyncIteration):
                await anext(reply)


@pytest.mark.parametrize("head", [b"", HEAD, HEAD.replace(b"200", b"500")], ids=["nothing", "a head", "an error's head"])
async def test_cancelling_while_it_opens_closes_the_connection(head: bytes) -> None:
    arrived, left = asyncio.Event(), asyncio.Event()

    async def handler(exchange: Exchange) -> None:
        await exchange.send(head)
        arrived.set()
        await exchange.gone()
        left.set()

    async with serving(handler) as server, connected(server.url) as connection:
        opening = asyncio.create_task(connection.chat(PROMPT))
        await arrived.wait()
        await asyncio.sleep(0.02)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        async with asyncio.timeout(1):
            await left.wait()


async def test_what_is_asked_of_a_closed_connection() -> None:
    async with serving(streams(say("a"), then=silent)) as server, connected(server.url) as connection:
        reply = await connection.chat(PROMPT)
        await connection.aclose()
        with pytest.raises(EngineDown):
            [batch async for batch in reply]
        await reply.aclose()
        for ask in (connection.chat, connection.count):
            with pytest.raises(EngineDown):
                await ask(PROMPT)
        with pytest.raises(EngineDown):
            await connection.get("/models")
        await connection.aclose()


async def test_who_reads_while_the_connection_is_closed_is_told() -> None:
    handler = streams(say("a"), then=silent)
    async with serving(handler) as server, connected(server.url) as connection, asyncio.timeout(SOON):
        reply = await connection.chat(PROMPT)
        assert await anext(reply) == [Delta("a")]
        reading = asyncio.create_task(reply.__anext__())
        await asyncio.sleep(0.02)
        await connection.aclose()
        with pytest.raises(EngineDown):
            await reading
        await reply.aclose()


async def test_who_opens_an_answer_while_the_connection_is_closed_is_told() -> None:
    async with serving(silent) as server, connected(server.url) as connection, asyncio.timeout(SOON):
        opening = asyncio.create_task(connection.chat(PROMPT))
        await asyncio.sleep(0.02)
        await connection.aclose()
        with pytest.raises(EngineDown):
            await opening


async def test_closing_before_anything_was_asked() -> None:
    connection = Connection("http://127.0.0.1:1")
    await connection.aclose()
    with pytest.raises(EngineDown):
        await connection.get("/models")
