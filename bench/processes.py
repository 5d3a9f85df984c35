"""The processes that a benchmark starts and measures.

Invariant: none of them outlives the benchmark. `serving` stops what it started on every way out, SIGTERM and Ctrl-C
become exceptions (`interruptible`), and on Linux the kernel kills a child whose benchmark was killed with -9.
"""

from __future__ import annotations

import asyncio
import ctypes
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import psutil
import uvloop

T = TypeVar("T")

MECUM = str(Path(__file__).parents[1] / ".venv" / "bin" / "mecum")  # what `make install` installs
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PR_SET_PDEATHSIG = 1  # linux/prctl.h
LIMIT = 600.0  # seconds that all measurements of one benchmark may take
STOP_SECONDS = 10.0  # how long a process may take to end after SIGTERM


class TooSlow(Exception):
    """The figures would be those of a machine that is busy with something else."""


class StartError(Exception):
    """A process did not come up; the message ends with the last lines that it wrote."""


@dataclass(frozen=True, slots=True)
class Child:
    """A running process. Measurements count the process and everything below it."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    def cpu_seconds(self) -> float:
        """Return user and system seconds used so far by the process, its children and those that have ended.

        On Linux by the processes' own clocks, exact to the nanosecond (clock_getcpuclockid(3)); elsewhere by ticks.
        """
        return sum(cpu_seconds(one) for one in family(self.pid))

    def tail(self, lines: int = 15) -> str:
        """Return the last lines that the process wrote."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def family(pid: int) -> list[psutil.Process]:
    """Return the process and all its living descendants, itself first; empty when it has ended."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu_seconds(process: psutil.Process) -> float:
    """Return user and system seconds of one process and of its children that have ended; 0 when it is gone."""
    try:
        times = process.cpu_times()
        own = time.clock_gettime((~process.pid << 3) | 2) if sys.platform == "linux" else times.user + times.system
    except (psutil.NoSuchProcess, OSError):
        return 0.0
    return float(own + times.children_user + times.children_system)


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what a measured process gets to see: a home of its own, and neither keys nor proxies of the caller."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "SYSTEMROOT") if name in os.environ}
    return {**kept, "HOME": str(home), "TMPDIR": str(home), "MECUM_HOME": str(home / "mecum"), **(extra or {})}


def spawn(name: str, command: Sequence[str], *, port: int, home: Path, env: Mapping[str, str] | None = None) -> Child:
    """Start a process in a session of its own, its output going to a file in `home`."""
    home.mkdir(parents=True, exist_ok=True)
    log = home / "output.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment(home, env),
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 -- nothing of ours runs in threads here
        )
    return Child(name, port, process, log)


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def stop(child: Child) -> None:
    """End the process and everything below it: SIGTERM, then after `STOP_SECONDS` SIGKILL."""
    members = family(child.pid)
    if child.process.poll() is None:
        child.process.terminate()
    try:
        child.process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.process.kill()
        child.process.wait()
    _, alive = psutil.wait_procs(members[1:], timeout=2)
    for one in alive:
        one.kill()


@contextmanager
def serving(
    name: str,
    command: Sequence[str],
    *,
    port: int,
    ready: str,
    env: Mapping[str, str] | None = None,
    timeout: float = 60.0,
) -> Iterator[Child]:
    """Run a server until the block ends; entered once `GET ready` on its port answers 200.

    Raises:
        StartError: it ended, or `timeout` seconds passed.
    """
    with tempfile.TemporaryDirectory(prefix="mecum-bench-", ignore_cleanup_errors=True) as folder:
        child = spawn(name, command, port=port, home=Path(folder), env=env)
        try:
            _wait_until_ready(child, ready, timeout)
            yield child
        finally:
            stop(child)


def _wait_until_ready(child: Child, path: str, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while status(child.port, path) != 200:
        if child.process.poll() is not None:
            raise StartError(f"{child.name} ended with {child.process.returncode} while starting:\n{child.tail()}")
        if time.monotonic() > deadline:
            raise StartError(f"{child.name} was not ready within {timeout:.0f} s:\n{child.tail()}")
        time.sleep(0.05)


def status(port: int, path: str, *, timeout: float = 5.0) -> int | None:
    """Return the status of `GET path` on a port of 127.0.0.1, or None where no answer came."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and SIGHUP end the benchmark through every `finally`."""
    before = {number: signal.signal(number, _leave) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


def run_loop(main: Coroutine[Any, Any, T], *, limit: float = LIMIT) -> T:
    """Run an event loop for `main`, in which the signals of `interruptible` cancel it, then end the benchmark.

    Raises:
        TooSlow: it took more than `limit` seconds.
    """
    received: list[int] = []
    handlers = {number: signal.getsignal(number) for number in SIGNALS}

    async def cancellable() -> T:
        task = asyncio.ensure_future(main)

        def cancel(number: int) -> None:
            received.append(number)
            task.cancel()

        for number in SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, cancel, number)
        async with asyncio.timeout(limit):
            return await task

    try:
        return uvloop.run(cancellable())
    except asyncio.CancelledError:
        raise SystemExit(128 + received[0]) from None
    except TimeoutError:
        raise TooSlow(f"No figures within {limit:.0f} s: something else keeps this machine busy.") from None
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
