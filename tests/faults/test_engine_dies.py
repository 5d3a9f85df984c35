"""llama.cpp is killed: once in the middle of answers, and again and again."""

import asyncio
import time
from pathlib import Path

import pytest
from tests.faults.server import (
    LOCAL,
    NO_END,
    OPENAI,
    PATIENCE,
    SOAK,
    Event,
    Server,
    check_error,
    events,
    first_text,
    running,
)

pytestmark = pytest.mark.real_model
LONG = {"max_tokens": 1900, "logit_bias": NO_END}


async def rest_after_first_text(server: Server, path: str, begun: asyncio.Event) -> tuple[list[Event], float]:
    """Return what comes after the answer has begun, and when its end came."""
    async with server.ask("Tell a story.", path=path, **LONG) as response:
        await first_text(response)
        begun.set()
        return [event async for event in events(response)], time.monotonic()


async def test_answers_that_run_end_with_an_error_event_and_the_next_request_is_answered(home: Path) -> None:
    async with running(home, "--context", "2048", "--slots", "3") as server:
        begun = {path: asyncio.Event() for path in (LOCAL, OPENAI)}
        streams = {path: asyncio.create_task(rest_after_first_text(server, path, begun[path])) for path in begun}
        for event in begun.values():
            await asyncio.wait_for(event.wait(), PATIENCE)
        before = server.kill_engine()
        killed = time.monotonic()
        for path, stream in streams.items():
            (*_, error, done), ended = await stream
            assert ended - killed < 2
            assert done == "[DONE]"
            assert isinstance(error, dict)
            check_error(error, path, streamed=True)
            assert "engine" in error["message"]
        answered = time.monotonic()
        assert await server.answer()
        assert time.monotonic() - answered < 2 * server.load + 2  # ample: the load of then was timed at another moment
        after = server.engine()
        assert after
        assert after.pid != before.pid
        assert (await server.health())["engine"]["restarts"] == 1


async def test_a_plain_answer_that_runs_becomes_an_error_with_a_status(home: Path) -> None:
    async with running(home, "--context", "2048", "--slots", "1") as server:
        asked = asyncio.create_task(plain(server))
        await server.until_health(lambda health: health["queue"]["working"])
        await asyncio.sleep(0.5)
        server.kill_engine()
        killed = time.monotonic()
        status, body = await asked
        assert time.monotonic() - killed < 2
        assert status in (502, 503)
        check_error(body, LOCAL, streamed=False)


async def plain(server: Server) -> tuple[int, object]:
    async with server.ask("Tell a story.", stream=False, **LONG) as response:
        return response.status, await response.json()


async def test_three_crashes_open_the_circuit(home: Path) -> None:
    async with running(home, "--context", "2048", "--slots", "1") as server:
        for _ in range(2):
            server.kill_engine()
            assert await server.answer()  # who asks in the very moment of its death waits for the next one
        server.kill_engine()
        await server.until_health(lambda health: health["engine"]["state"] == "failed")
        for path in (LOCAL, OPENAI):
            for stream in (True, False):
                began = time.monotonic()
                async with server.ask("Hello.", path=path, stream=stream) as response:
                    body = await response.json()
                assert time.monotonic() - began < 1
                assert (response.status, response.content_type) == (503, "application/json")
                assert 0 < int(response.headers["Retry-After"]) <= 60
                assert "crashed 3 times" in body["message"]
                check_error(body, path, streamed=False)
        assert (await server.get("/readyz"))[0] == 503
        assert (await server.get("/livez"))[0] == 200
        if SOAK:
            await server.ready(60 + PATIENCE)
            assert await server.answer()
