"""A `mecum serve` process that a test may treat badly."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from mecum.app.home import running

PATIENCE = 30  # seconds for anything on a busy machine


@dataclass
class Serve:
    """The process, and where its stdout and stderr go."""

    process: subprocess.Popen[bytes]
    home: Path
    out: Path
    err: Path
    port: int = 0
    connections: list[http.client.HTTPConnection] = field(default_factory=list)

    def listen(self) -> Serve:
        """Wait until it takes requests."""
        deadline = time.monotonic() + PATIENCE
        while not ((server := running(self.home)) and server.pid == self.process.pid):
            assert self.process.poll() is None, self.err.read_text()
            assert time.monotonic() < deadline, "it does not listen"
            time.sleep(0.02)
        self.port = int(server.url.rpartition(":")[2])
        return self

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> http.client.HTTPResponse:
        """Send a request and return the answer, unread. A body that is no text is sent as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        self.connections.append(connection)
        content = body if body is None or isinstance(body, str) else json.dumps(body)
        connection.request(method, path, content, {"Content-Type": "application/json"} | headers)
        return connection.getresponse()

    def chat(self, script: str, **more: Any) -> http.client.HTTPResponse:
        """Ask; the scripted engine follows the lines of the script."""
        return self.request("POST", "/api/kernel2/chat", {"messages": [{"role": "user", "content": script}], **more})

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self, timeout: float = PATIENCE) -> int:
        """Wait for its end, and return the exit code."""
        return self.process.wait(timeout)


Start = Callable[..., Serve]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start `mecum serve` with more arguments and environment. None of them outlives the test.

    With `deaf`, its stdout is a pipe that nobody reads.
    """
    started: list[Serve] = []

    def start(*arguments: str, home: Path = tmp_path / "home", deaf: bool = False, **environ: str) -> Serve:
        number = len(started)
        out, err = tmp_path / f"out{number}", tmp_path / f"err{number}"
        clean = {name: value for name, value in os.environ.items() if not name.startswith("MECUM_")}
        with _broken_pipe() if deaf else out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", "mecum", "serve", "--port", "0", "--home", str(home), *arguments],
                env=clean | environ,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )
        started.append(Serve(process, home, out, err))
        return started[-1]

    yield start
    for serve in started:
        for connection in serve.connections:
            connection.close()
        serve.process.kill()
        serve.process.wait()


def _broken_pipe() -> BinaryIO:
    reading, writing = os.pipe()
    os.close(reading)
    return os.fdopen(writing, "wb")
