"""The API without a port, for commands that work where no server runs.

It answers on a Unix socket in a folder of its own (0700), so that nobody else reaches it; where there are no such sockets,
on a free port of this machine's loopback. Whoever calls holds the data directory.

Invariant: leaving `served` closes the socket and removes the folder, also after a failure (`tests/app/test_local.py`).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mecum.app.build import App
from mecum.app.listen import listening
from mecum.app.web import Web

_PREFIX = "mecum-api-"
_SOCKET_PATH = 65  # bytes of a base that leaves room for the rest: a socket's path has at most 104


@dataclass(frozen=True, slots=True)
class Address:
    """Where the API answers: at `url`, over `unix_socket` where there is one, to whoever brings `token`."""

    url: str
    token: str
    unix_socket: Path | None = None


@asynccontextmanager
async def served(app: App) -> AsyncIterator[Address]:
    """Serve a started app for the block."""
    with _listening(app) as (listener, address):
        ready = asyncio.Event()
        web = Web(app, ready.set)
        serving = asyncio.create_task(web.serve(sockets=[listener]), name="web")
        waiting = asyncio.create_task(ready.wait(), name="listening")
        try:
            await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
            yield address
        finally:
            waiting.cancel()
            web.should_exit = True
            await serving


@contextmanager
def _listening(app: App) -> Iterator[tuple[socket.socket, Address]]:
    """Yield a socket that listens. A server that comes later will have the URL, so links in answers lead to it."""
    if not hasattr(socket, "AF_UNIX"):
        with listening("127.0.0.1", 0) as loopback:
            yield loopback.sockets[0], Address(loopback.local, app.token)
        return
    with _folder(app.settings.home / "run") as folder, socket.socket(socket.AF_UNIX) as listener:
        path = folder / "api.sock"
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(0)
        yield listener, Address(f"http://localhost:{app.settings.server.port}", app.token, path)


@contextmanager
def _folder(base: Path) -> Iterator[Path]:
    """Make a folder for the socket: in `base`, or where that path is too long for one, among the temporary files."""
    short = len(os.fsencode(base)) <= _SOCKET_PATH
    if short:
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in base.glob(f"{_PREFIX}*"):  # by a command that was killed: we hold the data directory
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=base if short else None) as folder:
        yield Path(folder)
