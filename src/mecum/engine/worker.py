"""The parent's side of a worker process: started when it is needed, asked, started anew after it died.

Invariants, shown in `tests/engine/test_worker.py` with real processes:
- a request ends with the reply, with `WorkFailed` (the worker lives and says why not) or with `WorkerDied`; the next request
  finds a new worker. A caller that stops waiting does not disturb the frames;
- the worker sees none of our environment but what `process.environment` lets through, and dies with us (`launcher`);
- one that cannot come up is not tried again for a time that doubles up to `SLOWEST`;
- when `aclose` returns no process is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from asyncio.subprocess import DEVNULL, PIPE
from asyncio.subprocess import Process as Child
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mecum.engine.frames import DONE, LENGTH, WorkFailed, frame
from mecum.engine.process import environment

SET_UP: Final = 60.0  # seconds a worker may take to come up
SLOWEST: Final = 60.0  # seconds
GRACE: Final = 1.0  # seconds
_LAUNCHER: Final = Path(__file__).with_name("launcher.py")


class WorkerDied(Exception):
    """The worker ended at work, could not come up, or was ended because it took too long (`late`)."""

    def __init__(self, message: str, *, status: int | None = None, late: bool = False) -> None:
        super().__init__(message)
        self.status = status  # its exit status, negative for a signal
        self.late = late


class Worker:
    """Runs `python PROGRAM` when first asked. One request is at work at a time, the others wait in order.

    `program` is a script's path or "-m" and a module, then arguments; it calls `frames.serve`. `idle` is after
    how many seconds without a request it is ended to give its memory back; None: never. `set_up` is how many seconds
    it may take to come up; None: `SET_UP`.
    """

    def __init__(self, program: Sequence[str], *, idle: float | None = None, set_up: float | None = None) -> None:
        self._command = [sys.executable, "-I", *program]
        self._idle = idle
        self._set_up = set_up
        self._child: Child | None = None
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[bytes]] = set()
        self._resting: asyncio.Task[None] | None = None
        self._failures = 0
        self._not_before = 0.0
        self._why = ""
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The process id, while there is one."""
        return self._child.pid if self._child and self._child.returncode is None else None

    async def ask(self, request: bytes, *, timeout: float | None = None) -> bytes:
        """Return the reply. `timeout` is how many seconds the work may take, once it is its turn.

        Raises:
            WorkFailed: the worker cannot do this.
            WorkerDied: it ended, or took longer than `timeout` and was ended.
            RuntimeError: this is not the main thread, to which the worker's life is bound.
        """
        await self._turn.acquire()
        self._wake()
        task = asyncio.create_task(self._exchange(request, timeout))
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return await asyncio.shield(task)

    async def aclose(self) -> None:
        """End the process. Requests that wait for it end with `WorkerDied`."""
        self._closed = True
        self._kill()
        async with self._turn:
            self._wake()
            await self._end()

    def _finished(self, task: asyncio.Task[bytes]) -> None:
        self._tasks.discard(task)
        self._turn.release()
        if not task.cancelled():
            task.exception()  # seen, also when the caller is gone
        if self._idle is not None and self._child is not None and not self._closed:
            self._resting = asyncio.create_task(self._rest(self._idle))

    def _wake(self) -> None:
        if self._resting:
            self._resting.cancel()
            self._resting = None

    async def _rest(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        async with self._turn:
            self._resting = None  # past the point where a request could call it off
            await self._end()

    async def _exchange(self, request: bytes, timeout: float | None) -> bytes:
        child = await self._running()
        try:
            async with asyncio.timeout(timeout):
                return await _converse(child, frame(request))
        except TimeoutError:
            await self._end()
            raise WorkerDied(f"It took longer than {timeout:g} s.", late=True) from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise await self._died(child, "at work") from None

    async def _running(self) -> Child:
        if self._closed:
            raise WorkerDied("The worker was closed.")
        if self._child and self._child.returncode is None:
            return self._child
        if time.monotonic() < self._not_before:
            raise WorkerDied(self._why)
        try:
            child = await self._start()
        except WorkerDied as died:
            self._failures += 1
            self._not_before = time.monotonic() + min(SLOWEST, 2.0 ** (self._failures - 1))
            self._why = str(died)
            raise
        self._failures = 0
        return child

    async def _start(self) -> Child:
        await self._end()
        try:
            self._child = child = await _spawn(self._command)
        except OSError as error:
            raise WorkerDied(f"The worker cannot be started: {error.strerror or error}.") from None
        limit = SET_UP if self._set_up is None else self._set_up
        try:
            async with asyncio.timeout(limit):
                await _receive(child)
        except WorkFailed as failure:
            await self._end()
            raise WorkerDied(str(failure)) from None
        except TimeoutError:
            await self._end()
            raise WorkerDied(f"The worker did not come up within {limit:g} s.", late=True) from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise await self._died(child, "before it could work") from None
        return child

    async def _died(self, child: Child, when: str) -> WorkerDied:
        with contextlib.suppress(TimeoutError):  # its pipe is closed, its end is near and says more than our SIGKILL
            async with asyncio.timeout(GRACE):
                await child.wait()
        await self._end()
        status = child.returncode or 0
        how = f"exit status {status}" if status >= 0 else _signal_name(-status)
        return WorkerDied(f"The worker ended {when} ({how}).", status=status)

    async def _end(self) -> None:
        self._kill()
        child, self._child = self._child, None
        if child is not None:
            await child.communicate()  # waits for its end, and closes the pipes

    def _kill(self) -> None:
        if self._child is None or self._child.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self._child.pid, signal.SIGKILL)  # its session is its own
            else:
                self._child.kill()


async def _spawn(command: Sequence[str]) -> Child:
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("A worker must be started from the main thread.")
    mode = "exec" if sys.platform == "linux" else "watch"
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(_LAUNCHER), mode, str(os.getpid()), *command),
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,  # a traceback there could hold what was worked on
        env=environment(os.environ),
        start_new_session=True,  # Ctrl-C is for us
        limit=1 << 20,  # bytes read ahead
    )


async def _converse(child: Child, data: bytes) -> bytes:
    assert child.stdin is not None  # noqa: S101 -- for the type checker: both are pipes
    child.stdin.write(data)
    await child.stdin.drain()
    return await _receive(child)


async def _receive(child: Child) -> bytes:
    assert child.stdout is not None  # noqa: S101 -- for the type checker: both are pipes
    (size,) = LENGTH.unpack(await child.stdout.readexactly(LENGTH.size))
    reply = await child.stdout.readexactly(size)
    if reply[:1] == DONE:
        return reply[1:]
    raise WorkFailed(reply[1:].decode("utf-8", "replace"))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
