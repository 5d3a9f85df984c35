"""A person at a terminal: a program on a pseudo-terminal, typed into and read from."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl

from tests.clients.server import clean_environment

PATIENCE = 30  # seconds
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r")
WHERE_IS_THE_CURSOR = b"\x1b[6n"


class Typist:
    """Types, and waits for what it wants to see. `seen` is all that has been shown, without what steers the terminal."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int) -> None:
        self.process = process
        self.terminal = terminal
        self.raw = b""
        self._from = 0  # what was shown before this has been waited for already

    @property
    def seen(self) -> str:
        return CONTROL.sub("", self.raw.decode(errors="replace"))

    def type(self, text: str) -> None:
        os.write(self.terminal, text.encode())

    def say(self, text: str) -> None:
        """Type, and press Enter."""
        self.type(text + "\r")

    def see(self, text: str) -> str:
        """Wait until `text` is shown, after what was waited for before; return what came before it."""
        deadline = time.monotonic() + PATIENCE
        while (at := self.seen.find(text, self._from)) < 0:
            assert self._read(deadline), f"{text!r} was not shown:\n{self.seen[self._from :]}"
        before, self._from = self.seen[self._from : at], at + len(text)
        return before

    def prompt(self) -> str:
        """Wait for the next prompt, and return what came before it."""
        return self.see("> ")

    def ended(self) -> int:
        """Wait for the program's end and return its exit code."""
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline):
            pass
        return self.process.wait(PATIENCE)

    def _read(self, deadline: float) -> bool:
        """Read what is shown next; return False at the end, or when the time is over."""
        ready, _, _ = select.select([self.terminal], [], [], max(0, deadline - time.monotonic()))
        try:
            data = os.read(self.terminal, 65536) if ready else b""
        except OSError:  # the program has ended
            return False
        self.raw += data
        if WHERE_IS_THE_CURSOR in data:
            os.write(self.terminal, b"\x1b[1;1R")
        return bool(data)


@contextmanager
def at_terminal(*arguments: str, **environ: str) -> Iterator[Typist]:
    """Run `mecum` with these arguments on a terminal of 100 columns. It does not outlive the block."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", _TAKE_TERMINAL, *arguments],
        env=clean_environment() | {"TERM": "xterm-256color"} | environ,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield Typist(process, ours)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(ours)


# The terminal becomes the session's own, so that Ctrl-C is a signal as it is for people.
_TAKE_TERMINAL = (
    "import fcntl, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); sys.argv[0] = 'mecum'; "
    "from mecum.cli.main import run; run()"
)
