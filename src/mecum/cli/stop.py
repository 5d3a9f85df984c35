"""`mecum stop`: asks the server that works on the data directory to end, and waits until it has.

Invariant: only the process that holds the directory's lock is ever signalled: `run.json` names it, the lock is held, and the
process has the lock's file open (`tests/cli/test_stop.py`).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console

from mecum.app.home import Running, is_held, living
from mecum.cli.status import health_of
from mecum.cli.terminal import note, say
from mecum.errors import MecumError
from mecum.settings.load import load
from mecum.types import Json

_POLL = 0.1  # seconds
_ASK = 1.0  # seconds between questions how many answers still run
_PATIENCE = 10.0  # seconds for a server that is to end now


def stop(flags: Mapping[str, Any], config: Path | None, *, now: bool) -> None:
    """Stop the server; with `now` its running answers are cut off.

    Raises:
        MecumError: it cannot be signalled, or does not end.
    """
    home = load(flags, os.environ, config=config).settings.home
    server = living(home)
    if server is None:
        busy = "Another mecum command works on it now." if is_held(home) else "There is nothing to stop."
        say(f"No mecum server runs on {home}. {busy}")
        return
    process = _holder(server, home)
    if process:
        if now or not _drains(server):  # a second signal would cut its answers off
            _signal(process)
        _insist(process) if now else _wait(process, server)
    say(f"The mecum server with process id {server.pid} has stopped.")


def _holder(server: Running, home: Path) -> psutil.Process | None:
    """Return the server's process, or None where it has just ended.

    Raises:
        MecumError: the process of that id is another one.
    """
    try:
        process = psutil.Process(server.pid)
        if any((home / "lock").samefile(file.path) for file in process.open_files()):
            return process
    except psutil.AccessDenied:
        raise _not_allowed(server.pid) from None
    except (psutil.NoSuchProcess, OSError):
        pass
    if living(home) != server:
        return None
    raise MecumError(
        f"The server on {home} is not the process {server.pid} of this machine: it runs in another container, or on "
        "another machine. Stop it there."
    )


def _signal(process: psutil.Process) -> None:
    try:
        process.send_signal(signal.SIGTERM)
    except psutil.NoSuchProcess:
        pass
    except psutil.AccessDenied:
        raise _not_allowed(process.pid) from None


def _insist(process: psutil.Process) -> None:
    """Signal again until it has ended: one that comes before the first was taken note of counts for nothing."""
    deadline = time.monotonic() + _PATIENCE
    while not _gone(process):
        if time.monotonic() > deadline:
            raise MecumError(f"The server does not end. The last resort: kill -9 {process.pid}.")
        time.sleep(2 * _POLL)
        _signal(process)


def _wait(process: psutil.Process, server: Running) -> None:
    """Wait until it has ended, saying what it waits for."""
    with Console(stderr=True).status("stopping", refresh_per_second=4) as shown:
        asked, told = time.monotonic(), False
        while not _gone(process):
            time.sleep(_POLL)
            if time.monotonic() - asked >= _ASK:
                words = _awaited(server)
                shown.update(words)
                if words and not told and not sys.stderr.isatty():
                    note(words)
                    told = True
                asked = time.monotonic()


def _awaited(server: Running) -> str:
    """Return what the server waits for, in words."""
    health = _health(server)
    if health is None:
        return ""  # its sockets are closed: it ends
    answers = health["queue"]["working"] + health["queue"]["waiting"]
    return f"the server waits for {answers} running answer{'s' * (answers != 1)}; mecum stop --now cuts them off."


def _drains(server: Running) -> bool:
    health = _health(server)
    return bool(health and health["status"] == "draining")


def _health(server: Running) -> Json | None:
    return asyncio.run(health_of(server))[0]


def _gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _not_allowed(pid: int) -> MecumError:
    return MecumError(f"The server, process {pid}, belongs to another user. Stop it as that user.")
