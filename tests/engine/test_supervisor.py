"""The policy, on small real processes: restarts, the circuit, children that hang, and nobody left waiting."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from tests.engine.waiting import gone, until

from mecum.engine.process import Process
from mecum.engine.supervisor import Policy, Supervisor
from mecum.errors import EngineBroke, EngineDown, EngineStartError

SERVE = """
import os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1] + str(os.getpid()))
server.listen()
while True:
    client, _ = server.accept()
    client.sendall(b"well")
    client.close()
"""
FAIL = "import sys; print('0.1 E srv: error loading model: it is made of cheese'); print('0.2 I bye'); sys.exit(3)"
QUICK = Policy(
    start_timeout=1,
    silence_timeout=1,
    poll_loading=0.01,
    poll=0.1,
    answer=0.3,
    delays=(0, 0.2, 0.4, 0.8),
    window=60,
    cooldown=2,
    grace=0.2,
)


class Program:
    """A child that answers on a socket, or whatever `code` does. It may be changed between two starts."""

    def __init__(self, folder: Path, code: str = SERVE) -> None:
        self.socket = str(folder / "s")
        self.code = code
        self.started: list[int] = []
        self.fault: Exception | None = None

    def has_started(self, children: int) -> bool:
        return len(self.started) >= children

    async def launch(self) -> Process:
        process = Process.spawn([sys.executable, "-I", "-S", "-c", self.code, self.socket])
        self.started.append(process.pid)
        return process

    async def healthy(self, timeout: float) -> bool:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(timeout):
                reader, writer = await asyncio.open_unix_connection(self.socket + str(self.started[-1]))
                try:
                    return await reader.read() == b"well"
                finally:
                    writer.close()
        return False

    async def prepare(self) -> None:
        if self.fault:
            raise self.fault

    def verdict(self, lines: Sequence[str]) -> str | None:
        return "It is hopeless." if any("hopeless" in line for line in lines) else None


@asynccontextmanager
async def supervised(program: Program, policy: Policy = QUICK) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(program, policy)
    supervisor.start()
    try:
        yield supervisor
    finally:
        await supervisor.aclose()
        assert all(gone(pid) for pid in program.started)
        assert supervisor.pid is None


async def crash(supervisor: Supervisor) -> None:
    """Kill the child, and return when that was noticed."""
    pid = supervisor.pid
    assert pid
    os.kill(pid, signal.SIGKILL)
    await until(lambda: supervisor.pid != pid)
    await until(lambda: supervisor.state != "ready" or supervisor.pid not in (None, pid))


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


async def test_it_comes_up(program: Program) -> None:
    async with supervised(program) as supervisor:
        assert supervisor.state == "starting"
        await asyncio.gather(supervisor.ready(), supervisor.ready())
        assert (supervisor.state, supervisor.reason, supervisor.retry_after) == ("ready", None, None)
        assert psutil.pid_exists(supervisor.pid or 0)
    assert supervisor.state == "stopped"
    with pytest.raises(EngineDown):
        await supervisor.ready()


async def test_after_a_crash_it_comes_up_again(program: Program) -> None:
    async with supervised(program) as supervisor:
        await supervisor.ready()
        await crash(supervisor)
        await supervisor.ready()
        assert supervisor.restarts == 1
        assert len(set(program.started)) == 2


async def test_three_crashes_open_the_circuit_and_a_trial_closes_it(program: Program) -> None:
    async with supervised(program) as supervisor:
        for _ in range(3):
            await supervisor.ready()
            await crash(supervisor)
        await until(lambda: supervisor.state == "failed")
        with pytest.raises(EngineDown, match=r"SIGKILL.*crashed 3 times") as refused:
            await asyncio.wait_for(supervisor.ready(), 0.1)
        assert refused.value.retry_after == supervisor.retry_after == 2
        assert len(program.started) == 3
        await until(lambda: supervisor.state == "restarting")
        await supervisor.ready()
        assert len(program.started) == 4


async def test_one_crash_on_trial_opens_the_circuit_again(program: Program) -> None:
    async with supervised(program, dataclasses.replace(QUICK, cooldown=0.3)) as supervisor:
        for _ in range(3):
            await supervisor.ready()
            await crash(supervisor)
        await until(lambda: supervisor.state == "restarting")
        await supervisor.ready()
        await crash(supervisor)
        await until(lambda: supervisor.state == "failed", 2)
        assert len(program.started) == 4


async def test_crashes_far_apart_wait_longer_each_time_and_open_nothing(program: Program) -> None:
    async with supervised(program, dataclasses.replace(QUICK, window=0, delays=(0, 0.1, 0.7))) as supervisor:
        waits = []
        for child in range(1, 5):
            await supervisor.ready()
            began = time.monotonic()
            await crash(supervisor)
            await until(functools.partial(program.has_started, child + 1))
            waits.append(time.monotonic() - began)
        assert waits[2] >= 0.7
        assert waits[3] >= 0.7


async def test_what_cannot_load_is_reported_with_its_own_words_and_not_tried_for_ever(tmp_path: Path) -> None:
    program = Program(tmp_path, FAIL)
    async with supervised(program) as supervisor:
        with pytest.raises(
            EngineStartError, match=r"\(exit status 3\): srv: error loading model: it is made of cheese"
        ) as told:
            await asyncio.wait_for(supervisor.ready(), 5)
        assert told.value.lines[-1] == "0.2 I bye"
        assert supervisor.state == "failed"
        await until(lambda: len(program.started) == 3)
        await until(lambda: supervisor.retry_after is None)
        await asyncio.sleep(QUICK.cooldown + 0.5)
        assert len(program.started) == 3
        with pytest.raises(EngineStartError, match="cheese"):
            await supervisor.ready()


async def test_what_is_known_to_be_hopeless_is_tried_once(tmp_path: Path) -> None:
    program = Program(tmp_path, FAIL.replace("bye", "hopeless"))
    async with supervised(program) as supervisor:
        with pytest.raises(EngineStartError, match=r"^It is hopeless\.$"):
            await supervisor.ready()
        assert (supervisor.state, supervisor.restarts, supervisor.retry_after) == ("failed", 0, None)
        assert len(program.started) == 1


async def test_what_could_not_load_at_first_may_yet_come_up(tmp_path: Path) -> None:
    program = Program(tmp_path, FAIL)
    async with supervised(program) as supervisor:
        with pytest.raises(EngineStartError):
            await supervisor.ready()
        program.code = SERVE
        await until(lambda: supervisor.state == "ready")
        await supervisor.ready()


async def test_a_program_that_cannot_be_run(tmp_path: Path) -> None:
    class Missing(Program):
        async def launch(self) -> Process:
            raise FileNotFoundError(2, "No such file or directory")

    async with supervised(Missing(tmp_path)) as supervisor:
        with pytest.raises(EngineStartError, match="cannot be started: No such file"):
            await supervisor.ready()


async def test_loading_without_progress_is_ended(tmp_path: Path) -> None:
    program = Program(tmp_path, "import time; time.sleep(600)")
    async with supervised(program) as supervisor:
        with pytest.raises(EngineStartError, match="no progress for 1 s"):
            await asyncio.wait_for(supervisor.ready(), 10)
        await until(lambda: gone(program.started[0]))


async def test_loading_with_progress_may_take_its_time(tmp_path: Path) -> None:
    slow = "import time\nfor n in range(12):\n    print('layer', n, flush=True)\n    time.sleep(0.2)\n"
    async with supervised(Program(tmp_path, slow + SERVE)) as supervisor:
        await asyncio.wait_for(supervisor.ready(), 20)
        assert supervisor.restarts == 0


async def test_a_stopped_one_is_replaced(program: Program) -> None:
    async with supervised(program) as supervisor:
        await supervisor.ready()
        first = supervisor.pid
        assert first
        os.kill(first, signal.SIGSTOP)
        began = time.monotonic()
        await until(lambda: supervisor.state != "ready")
        assert time.monotonic() - began < QUICK.silence_timeout + 3
        assert "did not answer for 1 s" in (supervisor.reason or "")
        await supervisor.ready()
        assert supervisor.pid != first


async def test_one_that_its_users_condemn_is_replaced(program: Program) -> None:
    async with supervised(program) as supervisor:
        await supervisor.ready()
        first = supervisor.pid
        supervisor.condemn("It works for nobody any more.")
        await until(lambda: supervisor.state != "ready")
        assert supervisor.reason == "It works for nobody any more."
        await supervisor.ready()
        assert supervisor.pid != first


async def test_one_that_cannot_be_prepared_counts_as_crashed(program: Program) -> None:
    program.fault = EngineBroke("It says nothing of itself.")
    async with supervised(program) as supervisor:
        with pytest.raises(EngineStartError, match="It says nothing of itself"):
            await supervisor.ready()


@pytest.mark.parametrize("code", [SERVE, FAIL, "import time; time.sleep(600)"])
@pytest.mark.parametrize("after", [0.0, 0.1, 0.5])
async def test_closing_at_any_moment_leaves_nothing(tmp_path: Path, code: str, after: float) -> None:
    program = Program(tmp_path, code)
    async with supervised(program) as supervisor:
        waiting = asyncio.create_task(supervisor.ready())
        await asyncio.sleep(after)
    with contextlib.suppress(EngineDown, EngineStartError):
        await asyncio.wait_for(waiting, 1)


async def test_who_waits_while_it_closes_is_told(tmp_path: Path) -> None:
    async with supervised(Program(tmp_path, "import time; time.sleep(600)")) as supervisor:
        waiting = asyncio.create_task(supervisor.ready())
        await asyncio.sleep(0.1)
    with pytest.raises(EngineDown, match="stopped"):
        await asyncio.wait_for(waiting, 1)
