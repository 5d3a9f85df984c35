"""A server elsewhere that is down, slow, cut off or talks nonsense, behind a whole mecum.

One bad server does as the last message says. Invariant: whatever it does, each route answers in time, with a true status or
an error event in its own shape, and the next request finds everything in order.
"""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.engine.chunks import chunk, say
from tests.engine.servers import Exchange, Handler, answers, closes, ends, hello, resets, sends, serving, silent, streams
from tests.faults.server import LOCAL, OPENAI, Event, Server, check_error, events, listening, running, text_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
SILENCE = 1  # seconds, for the setting's 300
SOON = SILENCE + 2  # seconds within which each ends


async def trickles(exchange: Exchange) -> None:
    """Answer slowly, but never silent for as long as the limit."""
    await asyncio.sleep(0.6 * SILENCE)
    await exchange.begin()
    for piece in (say("Hel"), say("lo."), chunk({}, "stop"), b"[DONE]"):
        await exchange.event(piece)
        await asyncio.sleep(0.6 * SILENCE)
    await exchange.chunk(b"")


REFUSALS: Mapping[str, tuple[Handler, int, str]] = {  # before the answer: a true status, and words of the message
    "silent": (silent, 503, "does not answer"),
    "headers and then silent": (streams(then=silent), 503, "does not answer"),
    "closes": (closes, 503, "connection to the engine broke"),
    "resets": (resets, 503, "connection to the engine broke"),
    "no HTTP": (sends(b"hello there\r\n\r\n"), 502, "not HTTP"),
    "a web page": (answers(200, b"<html>Hi</html>", Content_Type="text/html"), 502, "engine"),
    "an empty answer": (answers(200), 502, "engine"),
    "an empty stream": (streams(then=ends), 502, "engine"),
    "an event that is no JSON": (streams(b"{nonsense", then=silent), 502, "engine"),
    "an event that is no chunk": (streams({"choices": "x"}, then=silent), 502, "engine"),
    "an error as its first event": (streams({"error": {"message": "no GPU", "code": 500}}), 502, "no GPU"),
    "500": (answers(500, b'{"error": {"message": "no GPU"}}'), 502, "no GPU"),
    "a page with 502": (answers(502, b"<html>Bad Gateway</html>"), 502, "engine"),
    "a wrong key": (answers(401, b'{"error": {"message": "bad key"}}'), 502, "key"),
    "too much to do": (answers(429, b'{"error": {"message": "later"}}', Retry_After="7"), 429, "too many requests"),
    "a redirect": (answers(302, b"", Location="http://127.0.0.1:9/"), 502, "engine"),
}
BREAKS: Mapping[str, tuple[Handler, int, str]] = {  # in the middle: an error event, or where nothing was sent yet a status
    "cut off": (streams(say("Hel"), then=closes), 503, "broke"),
    "reset": (streams(say("Hel"), then=resets), 503, "broke"),
    "falls silent": (streams(say("Hel"), then=silent), 503, "does not answer"),
    "ends without a finish": (streams(say("Hel"), then=ends), 502, "before its answer was finished"),
    "talks nonsense": (streams(say("Hel"), b"\xff\xfe{", then=silent), 502, "engine"),
    "has an error": (streams(say("Hel"), {"error": {"message": "no GPU", "code": 500}}), 502, "no GPU"),
    "a bad chunk": (streams(say("Hel"), then=sends(b"zz\r\n", then=silent)), 502, "not HTTP"),
}
HANDLERS = {name: handler for name, (handler, _, _) in (REFUSALS | BREAKS).items()} | {"slow": trickles}


async def bad(exchange: Exchange) -> None:
    """Do as the last message says; list the models, and answer everything else, as a good server does."""
    messages = exchange.json["messages"] if exchange.path.endswith("/chat/completions") else [{"content": ""}]
    await HANDLERS.get(messages[-1]["content"], hello)(exchange)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    async with serving(bad) as elsewhere:
        url = f"{elsewhere.url}/v1"
        home = tmp_path_factory.mktemp("home")
        async with running(home, "--engine-url", url, engine__silence_timeout=SILENCE, server__keepalive=0.2) as server:
            yield server


async def ask(server: Server, text: str, path: str, *, stream: bool) -> tuple[int, Any, list[Event], float]:
    """Return status, body of a plain answer, events of a streamed one, and how long it took."""
    began = time.monotonic()
    async with server.ask(text, path=path, stream=stream) as response:
        streamed = response.content_type == "text/event-stream"
        got = [event async for event in events(response)] if streamed else []
        body = None if streamed else await response.json()
    return response.status, body, got, time.monotonic() - began


async def everywhere(server: Server, text: str) -> list[tuple[str, bool, tuple[int, Any, list[Event], float]]]:
    """Ask on both routes, streaming and plain, all at once."""
    ways = [(path, stream) for path in (LOCAL, OPENAI) for stream in (True, False)]
    found = await asyncio.gather(*(ask(server, text, path, stream=stream) for path, stream in ways))
    return [(path, stream, one) for (path, stream), one in zip(ways, found, strict=True)]


async def in_order(server: Server) -> bool:
    return await server.answer() == "Hello."


@pytest.mark.parametrize("name", REFUSALS)
async def test_what_fails_before_the_answer_has_a_true_status(server: Server, name: str) -> None:
    _, expected, words = REFUSALS[name]
    for path, _, (status, body, _, took) in await everywhere(server, name):
        assert (status, took < SOON) == (expected, True), body
        check_error(body, path, streamed=False)
        assert words in body["message"]
    assert await in_order(server)


@pytest.mark.parametrize("name", BREAKS)
async def test_what_breaks_off_ends_with_an_error_event(server: Server, name: str) -> None:
    _, expected, words = BREAKS[name]
    for path, stream, (status, body, got, took) in await everywhere(server, name):
        *before, error, done = got if stream else [body, "[DONE]"]
        assert (status, done) == (200 if stream else expected, "[DONE]")
        assert "".join(map(text_of, before)) == ("Hel" if stream else "")
        check_error(error, path, streamed=stream)
        assert error["code"] == expected
        assert words in error["message"]
        assert took < SOON
    assert await in_order(server)


async def test_what_is_only_slow_is_waited_for(server: Server) -> None:
    for _, stream, (status, body, got, _) in await everywhere(server, "slow"):
        assert status == 200
        text = "".join(map(text_of, got)) if stream else body["choices"][0]["message"]["content"]
        assert text == "Hello."


async def test_nothing_of_it_all_stays(server: Server) -> None:
    await server.until_health(lambda health: health["queue"] == {"working": 0, "waiting": 0}, 5)
    assert "Traceback" not in server.log.read_text()


async def test_one_that_is_down_is_503_at_once_and_one_that_comes_is_used(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with running(tmp_path, "--engine-url", f"http://127.0.0.1:{port}/v1", ready=False) as server:
        await listening(server)
        for path, _, (status, body, _, took) in await everywhere(server, "Hello."):
            assert (status, took < 1) == (503, True)
            check_error(body, path, streamed=False)
            assert "cannot be reached" in body["message"]
        assert (await server.get("/readyz"))[0] == 503
        async with serving(hello, port=port):
            assert await server.answer() == "Hello."
            assert (await server.health())["status"] == "ok"
        assert (await ask(server, "Hello.", LOCAL, stream=True))[0] == 503
        assert (await server.health())["status"] == "restarting"
