"""Clients that leave in the middle: the slot they had in llama.cpp is free for the next, and nothing leaks.

llama.cpp looks for a closed connection only when a second passes without a result of any task, so beside a stream that gets
a token more often than that, its own check never runs. What frees the slot is the progress that it reports after each batch
of the prompt: it cannot be written to a connection that is gone, so the slot is free after the batch at work. Measured with
batches of 32 tokens, beside one stream: the next request has its answer after 0.9 s; without the reports, after 45 s. The
batches are small here, so that the stream gets its token a second also on a busy machine; how long one takes is measured.
"""

import asyncio
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from tests.faults.server import LOCAL, NO_END, OPENAI, SOAK, Server, first_text, running, until, words

pytestmark = pytest.mark.real_model
BATCH = 32  # tokens that llama.cpp reads in one go: the least that can be set
SHORT = 10  # words: about one batch
LONG = 900  # words: about a hundred
ENDLESS = {"max_tokens": 3000, "logit_bias": NO_END}


async def test_who_leaves_while_the_prompt_is_read_frees_the_slot(home: Path) -> None:
    async with running(home, "--context", "4096", "--slots", "2", engine__batch=BATCH) as server:
        batch = max([await timed(server, words(SHORT + number)) for number in range(3)])
        engine = server.engine()
        assert engine
        await leave(server, words(LONG), 2 * batch)
        await asyncio.sleep(2 + 2 * batch)
        assert await at_work(engine, 0.5) < 0.1, "the engine works on, for nobody"

        async with server.ask("Tell a story.", **ENDLESS) as stream:
            await first_text(stream)
            reader = asyncio.create_task(stream.read())
            await leave(server, words(LONG + 1), 4 * batch)
            left = time.monotonic()
            await server.until_health(lambda health: health["queue"] == {"working": 1, "waiting": 0}, 2)
            await server.answer(words(SHORT + 3), max_tokens=1)
            took = time.monotonic() - left
            assert not reader.done()
            assert took < 2 + 8 * batch, f"{took:.1f} s, with {batch:.1f} s for a batch: the slot was still at work"
            reader.cancel()
        await asyncio.sleep(1 + batch)
        assert await at_work(engine, 0.5) < 0.1, "the engine goes on with the stream, for nobody"


async def timed(server: Server, text: str) -> float:
    began = time.monotonic()
    await server.answer(text, max_tokens=1)
    return time.monotonic() - began


async def leave(server: Server, text: str, seconds: float) -> None:
    """Ask, and leave after so many seconds, which must be before the first token."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), server.ask(text) as response:
            await first_text(response)
            pytest.fail("the prompt was read too soon: make it longer")


async def at_work(process: psutil.Process, seconds: float) -> float:
    """Return how many processors a process uses, on average of so many seconds."""
    before = sum(process.cpu_times()[:2])
    await asyncio.sleep(seconds)
    return (sum(process.cpu_times()[:2]) - before) / seconds


async def test_many_who_leave_anywhere_leak_nothing(home: Path) -> None:
    """Before the first byte, in the prompt, in the answer, streamed and plain; 200 of them with MECUM_SOAK."""
    async with running(home, "--context", "2048", "--slots", "2", server__header_wait=0.1) as server:
        await disconnects(server, 8)
        process = psutil.Process(server.process.pid)
        fds, threads = process.num_fds(), process.num_threads()
        await disconnects(server, 200 if SOAK else 24)
        assert await server.answer()
        await until(lambda: process.num_fds() <= fds and process.num_threads() <= threads, 10)
        assert (await server.health())["queue"] == {"working": 0, "waiting": 0}
        assert (await server.health())["engine"]["restarts"] == 0
    assert "Traceback" not in server.log.read_text()


async def disconnects(server: Server, count: int) -> None:
    at_once = 6  # more than there are slots: some leave while they wait for their turn
    for start in range(0, count, at_once):
        await asyncio.gather(*(leaves(server, number) for number in range(start, start + at_once)))
    await server.until_health(lambda health: health["queue"] == {"working": 0, "waiting": 0}, 5)


async def leaves(server: Server, number: int) -> None:
    path, stream = (LOCAL, OPENAI)[number % 2], number % 5 != 0
    text = words(100 + number) if number % 3 else "Hi."
    with suppress(TimeoutError):
        async with (
            asyncio.timeout(0.05 + number % 7 * 0.15),
            server.ask(text, path=path, stream=stream, **ENDLESS) as response,
        ):
            await first_text(response)
