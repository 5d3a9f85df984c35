"""However the server ends, nothing of it is left running, and what lies about is swept up."""

import asyncio
import signal
import time
from pathlib import Path

import pytest
from tests.engine.waiting import gone
from tests.faults.server import NO_END, PATIENCE, first_text, listening, running, until

pytestmark = pytest.mark.real_model
TINY = ("--context", "2048", "--slots", "1")


def engine_folders(home: Path) -> list[Path]:
    return list((home / "run").glob("mecum-engine-*"))


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -9)], ids=["TERM", "INT", "KILL"]
)
async def test_after_a_signal_in_the_middle_of_an_answer(home: Path, number: signal.Signals, code: int) -> None:
    async with running(home, *TINY, server__drain_timeout=0.5) as server:
        async with server.ask("Tell a story.", max_tokens=1900, logit_bias=NO_END) as stream:
            await first_text(stream)
            assert server.engine()
            server.process.send_signal(number)
            assert await asyncio.to_thread(server.process.wait, PATIENCE) == code
        await until(lambda: all(gone(process.pid) for process in server.seen), 5)
    assert bool(engine_folders(home)) == (number == signal.SIGKILL)


async def test_after_a_kill_while_the_engine_loads_and_the_next_start_sweeps_up(home: Path) -> None:
    async with running(home, *TINY, ready=False) as server:
        await listening(server)
        await until(server.engine, PATIENCE)
        server.process.kill()
        await asyncio.to_thread(server.process.wait)
        await until(lambda: all(gone(process.pid) for process in server.seen), 5)
    assert engine_folders(home)
    async with running(home, *TINY) as server:
        assert await server.answer()
        assert len(engine_folders(home)) == 1
    assert not engine_folders(home)


async def test_after_a_signal_while_the_engine_loads(home: Path) -> None:
    async with running(home, *TINY, ready=False) as server:
        await listening(server)
        await until(server.engine, PATIENCE)
        server.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert await asyncio.to_thread(server.process.wait, PATIENCE) == 0
        assert time.monotonic() - began < 10
    assert not engine_folders(home)
