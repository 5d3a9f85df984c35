import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from mecum.engine.frames import WorkFailed
from mecum.engine.worker import Worker, WorkerDied

ECHO = str(Path(__file__).parent / "workers" / "echo.py")


@pytest.fixture
async def worker():
    worker = Worker([ECHO])
    yield worker
    await worker.aclose()
    assert worker.pid is None


async def gone(pid: int, within: float = 5) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        await asyncio.sleep(0.02)
    return False


async def test_it_starts_when_it_is_asked_and_stays(worker):
    assert worker.pid is None
    assert await worker.ask(b"say hello") == b"hello"
    pid = worker.pid
    big = os.urandom(3_000_000)
    assert await worker.ask(b"say " + big) == big
    assert worker.pid == pid


async def test_what_a_library_prints_does_not_get_between_the_frames(worker):
    assert await worker.ask(b"print 1") == b"1"
    assert await worker.ask(b"say 2") == b"2"


async def test_a_request_that_fails_leaves_the_worker_alive_and_tells_no_text(worker):
    with pytest.raises(WorkFailed, match=r"^It cannot be done\.$"):
        await worker.ask(b"fail")
    pid = worker.pid
    with pytest.raises(WorkFailed, match="ValueError") as caught:
        await worker.ask(b"break")
    assert "secret" not in str(caught.value)
    assert await worker.ask(b"say on") == b"on"
    assert worker.pid == pid


@pytest.mark.parametrize(("request_", "how"), [(b"die", "SIGSEGV"), (b"exit", "exit status 3")])
async def test_after_its_death_the_next_request_finds_a_new_one(worker, request_, how):
    await worker.ask(b"say")
    old = worker.pid
    with pytest.raises(WorkerDied, match=how):
        await worker.ask(request_)
    assert await worker.ask(b"say again") == b"again"
    assert worker.pid != old


async def test_killed_between_requests_it_is_started_anew(worker):
    await worker.ask(b"say")
    psutil.Process(worker.pid).kill()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:  # the system may still take a request for the dead one
        try:
            assert await worker.ask(b"say again") == b"again"
        except WorkerDied:
            continue
        return
    pytest.fail("no new worker came")


async def test_one_that_takes_too_long_is_ended(worker):
    with pytest.raises(WorkerDied, match=r"longer than 0\.2 s") as caught:
        await worker.ask(b"sleep 60", timeout=0.2)
    assert caught.value.late
    assert await worker.ask(b"say on") == b"on"


async def test_requests_wait_their_turn_and_a_caller_that_leaves_disturbs_none(worker):
    await worker.ask(b"say")
    slow = asyncio.create_task(worker.ask(b"sleep 0.3"))
    await asyncio.sleep(0.05)
    others = [asyncio.create_task(worker.ask(b"say %d" % n)) for n in range(5)]
    await asyncio.sleep(0.05)
    slow.cancel()
    others[0].cancel()
    assert await asyncio.gather(*others[1:]) == [b"1", b"2", b"3", b"4"]


async def test_one_that_takes_too_long_to_come_up_is_ended():
    slow = Worker(["-c", "import time; time.sleep(600)"], set_up=0.5)
    began = time.monotonic()
    with pytest.raises(WorkerDied, match=r"did not come up within 0\.5 s") as caught:
        await slow.ask(b"say hello", timeout=600)
    assert caught.value.late
    assert time.monotonic() - began < 10
    assert slow.pid is None


async def test_one_that_cannot_come_up_says_why_and_is_not_tried_at_once(worker):
    refusing = Worker([ECHO, "refuse"])
    with pytest.raises(WorkerDied, match="It cannot come up"):
        await refusing.ask(b"say")
    with pytest.raises(WorkerDied, match="It cannot come up"):
        await refusing.ask(b"say")
    assert refusing._failures == 1
    await refusing.aclose()


async def test_one_that_ends_while_it_comes_up_is_told():
    vanishing = Worker([ECHO, "vanish"])
    with pytest.raises(WorkerDied, match="before it could work") as caught:
        await vanishing.ask(b"say")
    assert caught.value.status == 9
    await vanishing.aclose()


async def test_it_sees_no_secret(worker, monkeypatch):
    monkeypatch.setenv("MECUM_ENGINE_API_KEY", "canary")
    monkeypatch.setenv("OTHER", "canary")
    assert b"canary" not in await worker.ask(b"env")


@pytest.mark.skipif(sys.platform != "linux", reason="SCHED_IDLE is Linux's")
async def test_idle_priority():
    idle = Worker([ECHO, "idle"])
    policy, group = (await idle.ask(b"policy")).split()
    assert int(policy) == os.SCHED_IDLE
    assert int(group) == 19  # the session's: it alone counts beside other sessions
    await idle.aclose()


async def test_without_work_it_gives_its_memory_back():
    resting = Worker([ECHO], idle=0.2)
    await resting.ask(b"say")
    pid = resting.pid
    await asyncio.sleep(0.1)
    await resting.ask(b"say")
    assert resting.pid == pid
    assert await gone(pid)
    assert await resting.ask(b"say on") == b"on"
    await resting.aclose()


async def test_closing_ends_the_requests_that_wait(worker):
    await worker.ask(b"say")
    waiting = [asyncio.create_task(worker.ask(b"sleep 60")) for _ in range(3)]
    await asyncio.sleep(0.05)
    await worker.aclose()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(result, WorkerDied) for result in results)


async def test_it_dies_with_its_parent(tmp_path):
    program = tmp_path / "parent.py"
    program.write_text(
        "import asyncio, time\n"
        "from mecum.engine.worker import Worker\n"
        "async def main():\n"
        f"    worker = Worker([{ECHO!r}])\n"
        "    await worker.ask(b'say')\n"
        "    print(worker.pid, flush=True)\n"
        "    await worker.ask(b'sleep 60')\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, str(program), stdout=subprocess.PIPE)
    pid = int(await parent.stdout.readline())
    assert psutil.pid_exists(pid)
    parent.kill()
    await parent.communicate()
    assert await gone(pid)
