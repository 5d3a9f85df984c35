"""A child sees no secrets, is heard, and ends: when told, when it will not listen, and when its parent is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from tests.engine.waiting import gone, until, wait_gone

from mecum.engine import launcher
from mecum.engine.process import KEEP, Process, environment

PYTHON = [sys.executable, "-I", "-S", "-c"]
LAUNCHER = Path(launcher.__file__)
UNTIL_KILLED = "import time; print('up', flush=True); time.sleep(600)"


def test_the_environment_holds_no_secrets() -> None:
    source = {
        "PATH": "/bin",
        "HOME": "/home/me",
        "LC_ALL": "C.UTF-8",
        "CUDA_VISIBLE_DEVICES": "0",
        "GGML_CUDA_API_KEY": "secret",
        "MECUM_ENGINE_API_KEY": "secret",
        "OPENAI_API_KEY": "secret",
        "HF_TOKEN": "secret",
        "DATABASE_URL": "postgres://me:secret@host",
        "LLAMA_ARG_HOST": "0.0.0.0",
        "PYTHONPATH": "/somewhere",
    }
    assert environment(source) == {"PATH": "/bin", "HOME": "/home/me", "LC_ALL": "C.UTF-8", "CUDA_VISIBLE_DEVICES": "0"}


async def test_a_child_gets_that_environment_and_its_greeting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MECUM_ENGINE_API_KEY", "canary-of-a-key")
    program = "import os, sys; print(sys.stdin.readline().strip(), dict(os.environ))"
    process = Process.spawn([*PYTHON, program], greeting=b"good morning\n")
    assert await process.wait(10)
    await process.stop()
    assert process.lines[0].startswith("good morning {'")
    assert "canary" not in process.lines[0]
    assert process.status == 0


async def test_only_the_main_thread_may_start_one() -> None:
    def attempt() -> None:
        with pytest.raises(RuntimeError, match="main thread"):
            Process.spawn([*PYTHON, "0"])

    await asyncio.to_thread(attempt)
    assert threading.current_thread() is threading.main_thread()


async def test_the_last_lines_are_kept() -> None:
    process = Process.spawn(
        [*PYTHON, "import sys\nfor n in range(100): print('line', n, file=sys.stderr)\nprint('x' * 10_000)"]
    )
    assert await process.wait(10)
    await process.stop()
    assert len(process.lines) == KEEP
    assert all(len(line) <= 500 for line in process.lines)
    assert process.activity()[0] >= 100


async def test_once_hushed_only_the_words_of_a_crash_are_kept() -> None:
    program = """
import sys
print("loading", flush=True)
sys.stdin.readline()
print("WARNING: JSON schema conversion was incomplete: pattern canary")
print("  what(): parse error near canary")
print("/src/ggml.c:42: GGML_ASSERT(n > 0) failed")
print("terminate called after throwing an instance of 'std::runtime_error'", flush=True)
"""
    process = Process.spawn([*PYTHON, program])
    await until(lambda: process.lines)
    process.hush()
    process.say(b"go on\n")
    assert await process.wait(10)
    await process.stop()
    assert process.lines == (
        "loading",
        "/src/ggml.c:42: GGML_ASSERT(n > 0) failed",
        "terminate called after throwing an instance of 'std::runtime_error'",
    )


@pytest.mark.parametrize(
    "program",
    [
        "import sys; print('up', flush=True); sys.stdin.read()",  # ends with its stdin
        UNTIL_KILLED,  # ends by SIGTERM
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)",
    ],
)
async def test_stop_ends_it(program: str) -> None:
    process = Process.spawn([*PYTHON, program])
    await until(lambda: "up" in process.lines)
    began = time.monotonic()
    await process.stop(0.5)
    assert time.monotonic() - began < 5
    assert process.ended
    assert not psutil.pid_exists(process.pid)


async def test_stop_ends_a_stopped_one() -> None:
    process = Process.spawn([*PYTHON, UNTIL_KILLED])
    await until(lambda: "up" in process.lines)
    os.kill(process.pid, signal.SIGSTOP)
    await until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED)
    await process.stop(0.2)
    assert process.status == -signal.SIGKILL


async def test_its_own_children_end_with_it() -> None:
    command = [*PYTHON, "import time; time.sleep(600)"]
    program = f"import subprocess; child = subprocess.Popen({command}); print(child.pid, flush=True); child.wait()"
    process = Process.spawn([*PYTHON, program])
    await until(lambda: process.lines)
    grandchild = int(process.lines[0])
    process.kill()
    assert await process.wait(5)
    await process.stop()
    await until(lambda: gone(grandchild))


async def test_ctrl_c_in_the_terminal_is_not_for_the_child() -> None:
    process = Process.spawn([*PYTHON, UNTIL_KILLED])
    await until(lambda: "up" in process.lines)
    assert os.getsid(process.pid) == process.pid
    await process.stop()


PARENT = """
import asyncio, sys
from mecum.engine.process import Process
async def main():
    process = Process.spawn([sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"])
    print(process.pid, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


def test_it_dies_with_its_parent_however_that_dies() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        assert psutil.pid_exists(child)
        parent.kill()
        wait_gone(child)


def test_a_launcher_whose_parent_is_gone_already_runs_nothing() -> None:
    command = [sys.executable, "-I", "-S", str(LAUNCHER), "exec", "1", *PYTHON, "print('run')"]
    done = subprocess.run(command, capture_output=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (launcher.PARENT_GONE, b"")


def watched(program: str) -> subprocess.Popen[bytes]:
    """Start what systems without PR_SET_PDEATHSIG use."""
    command = [sys.executable, "-I", "-S", str(LAUNCHER), "watch", str(os.getpid()), *PYTHON, program]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_watching_hands_stdin_on_and_takes_the_status_over() -> None:
    with watched("import sys; print(sys.stdin.readline().upper(), end=''); sys.exit(7)") as process:
        assert process.stdin
        process.stdin.write(b"hello\n")
        process.stdin.flush()
        assert process.wait(20) == 7
        assert process.stdout
        assert process.stdout.read() == b"HELLO\n"


@pytest.mark.parametrize("way", ["stdin", "term"])
def test_watching_ends_the_child(way: str) -> None:
    with watched("import os, time; print(os.getpid(), flush=True); time.sleep(600)") as process:
        assert process.stdout
        assert process.stdin
        child = int(process.stdout.readline())
        if way == "stdin":
            process.stdin.close()
        else:
            process.terminate()
        wait_gone(child)
        process.wait(5)
