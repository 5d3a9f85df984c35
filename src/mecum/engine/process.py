"""One child process: started, listened to, ended. What is done about its end is the supervisor's matter.

Invariants: the child sees none of our environment but what `environment` lets through; it dies with us (`launcher`); of
what it writes, the last lines are kept, and from `hush` on only those that tell of a crash in fixed words, because from
then on it works on people's texts (`tests/engine/test_process.py`, and a canary in `test_embedded.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final

import psutil

KEEP: Final = 40  # lines
LINE: Final = 500  # bytes of one line that are kept
_LAUNCHER: Final = Path(__file__).with_name("launcher.py")
_ALLOWED: Final = re.compile(
    r"PATH|HOME|USERPROFILE|LANG|LC_\w+|TZ|TMPDIR|TEMP|TMP|SYSTEMROOT|WINDIR|(DY)?LD_LIBRARY_PATH"
    r"|(CUDA|NVIDIA|HIP|HSA|ROCR|ROCM|ROCBLAS|GPU|GGML|VK|ONEAPI|SYCL|ZE|OMP|GOMP|KMP|MTL)_\w+"
)
_SECRET: Final = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL")
_LAST_WORDS: Final = re.compile(
    r"[\w./+-]+:\d+: GGML_ASSERT\(|GGML_ASSERT: |CUDA error: |ggml_\w+: .*(failed to allocate|out of memory)"
    r"|terminate called |Segmentation fault|Fatal Python error: "
)


def environment(source: Mapping[str, str]) -> dict[str, str]:
    """Return what a child may see of our environment: where programs and libraries are, language, devices; no secrets."""
    return {name: value for name, value in source.items() if _ALLOWED.fullmatch(name) and not _SECRET.search(name.upper())}


class Process:
    """A running child. Make one with `spawn`."""

    def __init__(self, popen: subprocess.Popen[bytes], *, keep: int) -> None:
        self._popen = popen
        self._input: IO[bytes] = popen.stdin  # type: ignore[assignment] # both are pipes
        self._output: IO[bytes] = popen.stdout  # type: ignore[assignment]
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._lines: deque[str] = deque(maxlen=keep)
        self._heard = 0
        self._hushed = False
        threading.Thread(target=self._listen, name=f"engine-{popen.pid}", daemon=True).start()

    @classmethod
    def spawn(cls, command: Sequence[str], *, greeting: bytes = b"", keep: int = KEEP) -> Process:
        """Start `command` (an absolute program and its arguments) and send it `greeting`; its stdin stays open.

        Raises:
            OSError: the program cannot be run.
            RuntimeError: this is not the main thread, to which the child's life is bound.
        """
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("An engine's process must be started from the main thread.")
        mode = "exec" if sys.platform == "linux" else "watch"
        popen = subprocess.Popen(  # noqa: S603 -- the command is our own
            [sys.executable, "-I", "-S", str(_LAUNCHER), mode, str(os.getpid()), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(os.environ),
            start_new_session=True,  # Ctrl-C is for us: running answers may end first
        )
        process = cls(popen, keep=keep)
        process.say(greeting)
        return process

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    @property
    def ended(self) -> bool:
        """Whether it has ended and been waited for."""
        return self._ended.is_set()

    @property
    def status(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._popen.returncode

    @property
    def lines(self) -> tuple[str, ...]:
        """The last lines that it wrote."""
        return tuple(self._lines)

    def activity(self) -> tuple[int, float]:
        """Return figures that grow while it does something: lines written, and CPU seconds of it and its children."""
        try:
            process = psutil.Process(self.pid)
            family = [process, *(process.children(recursive=True) if sys.platform != "linux" else ())]
            return self._heard, sum(sum(member.cpu_times()[:2]) for member in family)
        except psutil.Error:
            return self._heard, 0.0

    def hush(self) -> None:
        """Keep no line from now on, save those with which a program crashes."""
        self._hushed = True

    async def wait(self, timeout: float | None = None) -> bool:
        """Return whether it has ended, waiting for that at most `timeout` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._ended.wait()
        return self.ended

    def kill(self) -> None:
        """End it at once, with all that it started."""
        if self._popen.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if hasattr(os, "killpg"):
                    os.killpg(self.pid, signal.SIGKILL)  # its session is its own
                else:
                    self._popen.kill()

    async def stop(self, grace: float = 1) -> None:
        """End it: by the end of its stdin and SIGTERM, and after `grace` seconds by SIGKILL. Returns when it is gone."""
        with contextlib.suppress(BrokenPipeError):
            self._input.close()
        if not self.ended:
            with contextlib.suppress(ProcessLookupError):
                self._popen.terminate()
            try:
                await self.wait(grace)
            finally:
                self.kill()
            await self._ended.wait()

    def say(self, data: bytes) -> None:
        """Write to its stdin."""
        with contextlib.suppress(BrokenPipeError):  # it ended already, which the listener will tell
            self._input.write(data)
            self._input.flush()

    def _listen(self) -> None:
        while line := self._output.readline(LINE):
            self._heard += 1
            text = line.decode("utf-8", "replace").strip()
            if text and (not self._hushed or _LAST_WORDS.match(text)):
                self._lines.append(text)
        self._output.close()
        self._popen.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._ended.set)
