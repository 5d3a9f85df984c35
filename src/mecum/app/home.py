"""The data directory: one process works on it at a time, and the others can find that process.

Invariants, proved by `tests/app/test_home.py`:
  - the holder of `lock` is the only process that works on the directory; the kernel gives the lock back however it ends;
  - `run.json` (0600, written whole or not at all) stands for a server only while that server holds the lock: whoever
    takes the lock removes what a killed one left behind.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from mecum.errors import HomeInUse, SettingsError

_BRIEF = 1.0  # seconds; a command that looks at the lock holds it for far less
_POLL = 0.05  # seconds
_SECRET = 32  # bytes

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Running:
    """A server at work: its process, its address on this machine, and a token that makes its bearer the owner.

    `started` is in seconds since 1970.
    """

    pid: int
    url: str
    token: str
    started: float


class Home:
    """The data directory, held by this process from `take` to `release`; as a context manager, for the block."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._run = path / "run.json"
        self._lock = FileLock(path / "lock", mode=0o600, preserve_lock_file=True)

    def take(self, timeout: float = _BRIEF) -> None:
        """Make the directory where it is missing, and take its lock, waiting at most `timeout` seconds.

        Raises:
            HomeInUse: another mecum works on it.
            SettingsError: it cannot be made or written.
        """
        make_private(self.path)
        try:
            _warn_if_open(self.path)
            self._lock.acquire(timeout=timeout, poll_interval=_POLL)
            self._run.unlink(missing_ok=True)  # we hold the lock, so whoever wrote it is gone
        except Timeout:
            raise HomeInUse(_in_use(self.path, running(self.path))) from None
        except OSError as error:
            raise _unusable(self.path, error) from None

    def announce(self, url: str, token: str) -> Running:
        """Tell other commands that a server listens at `url` and knows them by `token`, and return what they read."""
        server = Running(pid=os.getpid(), url=url, token=token, started=time.time())
        new = self._run.with_suffix(".new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(asdict(server), file)
        new.replace(self._run)
        return server

    def release(self) -> None:
        """Take the announcement back and give up the lock."""
        if self._lock.is_locked:
            self._run.unlink(missing_ok=True)
            self._lock.release()

    def __enter__(self) -> Self:
        self.take()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.release()


def running(path: Path) -> Running | None:
    """Return what `run.json` says, or None where there is none. Only the lock tells whether it is still true."""
    try:
        return Running(**json.loads((path / "run.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def is_held(path: Path) -> bool:
    """Return whether a mecum process works on the directory. Nothing in it is changed.

    Raises:
        SettingsError: its lock cannot be opened.
    """
    file = path / "lock"
    try:
        if not file.exists():
            return False
        with FileLock(file, timeout=0, mode=0o600, preserve_lock_file=True):
            return False
    except Timeout:
        return True
    except OSError as error:
        raise _unusable(path, error) from None


def living(path: Path) -> Running | None:
    """Return the server that works on the directory, if one does. Nothing in it is changed.

    Raises:
        SettingsError: as `is_held`.
    """
    return running(path) if is_held(path) else None


def find(path: Path, timeout: float = 30.0) -> Running | Home:
    """Return the server that holds the directory; where none does, the directory itself, taken.

    While another command holds it without serving (it answers one question, or is a server about to listen), this waits,
    at most `timeout` seconds.

    Raises:
        HomeInUse, SettingsError: as `Home.take`.
    """
    home = Home(path)
    deadline = time.monotonic() + timeout
    while True:
        try:
            home.take(timeout=0)
        except HomeInUse:
            if server := running(path):
                return server
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL)
        else:
            return home


def install_secret(path: Path) -> bytes:
    """Return 32 random bytes that are this data directory's own, made the first time (0600). The caller holds the directory.

    Raises:
        SettingsError: they can be neither read nor made.
    """
    make_private(path)
    file = path / "secret"
    try:
        if file.exists() and len(secret := file.read_bytes()) == _SECRET:
            return secret
        new = file.with_suffix(".new")
        secret = secrets.token_bytes(_SECRET)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            stream.write(secret)
        new.replace(file)
    except OSError as error:
        raise _unusable(path, error) from None
    return secret


def make_private(path: Path) -> None:
    """Make a folder that only its owner may enter, unless it is there already.

    Raises:
        SettingsError: it cannot be made.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(path, error) from None


def _warn_if_open(path: Path) -> None:
    if os.name == "posix" and path.stat().st_mode & 0o077:
        log.warning("others may look into the data directory; chmod 700 shuts it", extra={"home": str(path)})


def _unusable(path: Path, error: OSError) -> SettingsError:
    return SettingsError(f"{path} cannot be used: {error.strerror}. Name another data directory: --home or MECUM_HOME.")


def _in_use(path: Path, server: Running | None) -> str:
    who = f"the mecum server with process id {server.pid}, at {server.url}" if server else "another mecum command"
    return f"The data directory {path} is in use by {who}. Wait for it to end, stop it, or name another one with --home."
