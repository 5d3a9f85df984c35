"""llama.cpp is stopped (SIGSTOP): it neither works nor ends."""

import asyncio
import signal
import time
from pathlib import Path

import psutil
import pytest
from tests.engine.waiting import gone
from tests.faults.server import LOCAL, NO_END, PATIENCE, Server, check_error, events, first_text, running, until

pytestmark = pytest.mark.real_model
SILENCE = 3  # seconds, for the setting's 60


async def replaced(server: Server, old: psutil.Process, seconds: float) -> None:
    await until(lambda: gone(old.pid), seconds)
    await until(server.engine, PATIENCE)
    await server.ready()


async def test_it_is_noticed_and_replaced(home: Path) -> None:
    async with running(home, "--context", "2048", "--slots", "1", engine__silence_timeout=SILENCE) as server:
        async with server.ask("Tell a story.", max_tokens=1900, logit_bias=NO_END) as stream:
            await first_text(stream)
            behind = asyncio.create_task(server.answer("Say hello."))  # waits for its turn
            await asyncio.sleep(0.2)
            stuck = server.kill_engine(signal.SIGSTOP)
            stopped = time.monotonic()
            *_, error, done = [event async for event in events(stream)]
            assert time.monotonic() - stopped < SILENCE + 5
        assert done == "[DONE]"
        check_error(error, LOCAL, streamed=True)
        assert await asyncio.wait_for(behind, PATIENCE)
        await replaced(server, stuck, 10)

        idle = server.kill_engine(signal.SIGSTOP)  # and while nobody asks anything
        await replaced(server, idle, SILENCE + 10)
        assert await server.answer()
