"""A real `mecum serve` process for tests: started, waited for, and stopped with SIGTERM.

Invariant: leaving `serving` leaves no process behind, and a server that does not end with code 0 fails the tests.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MECUM = str(Path(sys.executable).with_name("mecum"))
START = 60.0  # seconds, with a model to load on a busy machine
STOP = 40.0  # seconds: the drain's 30 and some


@dataclass(frozen=True)
class Server:
    """Where it listens (`http://127.0.0.1:PORT`), its process and the file with its log."""

    url: str
    pid: int
    log: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


@contextmanager
def serving(home: Path, *arguments: str, env: Mapping[str, str] | None = None, port: int | None = 0) -> Iterator[Server]:
    """Run `mecum serve` with `home` as its data directory, ready for requests: on a free port; on its own with None."""
    home.mkdir(parents=True, exist_ok=True)
    log = home / "stderr.txt"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [MECUM, "serve", *([] if port is None else ["--port", str(port)]), *arguments],
            env={**clean_environment(), "MECUM_HOME": str(home), **(env or {})},
            stdout=stderr,
            stderr=stderr,
            stdin=subprocess.DEVNULL,
        )
    try:
        yield Server(_wait(process, home, log), process.pid, log)
    finally:
        code = _stop(process)
    assert code == 0, f"mecum serve ended with code {code}:\n{log.read_text()}"


def is_idle(server: Server, timeout: float = 5.0) -> bool:
    """Tell whether, within `timeout` seconds, no request is worked on and none waits."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"{server.url}/api/kernel2/health", timeout=5) as response:
            if json.load(response)["data"]["queue"] == {"working": 0, "waiting": 0}:
                return True
        time.sleep(0.05)
    return False


def clean_environment() -> dict[str, str]:
    """Return the environment without settings of mecum's and without proxies: loopback needs none."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith("MECUM_") and not name.upper().endswith("_PROXY")
    }


def _wait(process: subprocess.Popen[bytes], home: Path, log: Path) -> str:
    """Return the URL once /readyz is 200."""
    deadline = time.monotonic() + START
    while time.monotonic() < deadline:
        assert process.poll() is None, f"mecum serve ended with code {process.returncode}:\n{log.read_text()}"
        url = _url(home / "run.json", process.pid)
        if url is not None and _ready(url):
            return url
        time.sleep(0.05)
    raise AssertionError(f"mecum serve was not ready within {START:.0f} s:\n{log.read_text()}")


def _url(run: Path, pid: int) -> str | None:
    try:
        data = json.loads(run.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return f"http://127.0.0.1:{data['url'].rstrip('/').rpartition(':')[2]}" if data["pid"] == pid else None


def _ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def _stop(process: subprocess.Popen[bytes]) -> int:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
