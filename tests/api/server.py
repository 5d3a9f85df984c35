"""The API on a real socket, run by uvicorn as the program runs it, around a scripted engine that remembers its prompts.

Invariant: leaving `serving` ends the server, and no request of a test may still be at work then.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

import uvicorn
import uvloop

from mecum.api.urls import create_api
from mecum.app.protocol import protocol_factory
from mecum.audit.log import AuditLog
from mecum.chat.answer import Chat
from mecum.chat.gate import Gate
from mecum.engine.embedder.scripted import ScriptedEmbedder
from mecum.engine.queue import Queue
from mecum.engine.scripted import Scripted, ScriptedReply
from mecum.keys.ring import Keyring
from mecum.knowledge.library import Library
from mecum.models.shelf import Shelf
from mecum.roles import NoRoles
from mecum.roles.stored import StoredRoles
from mecum.settings.schema import LibrarySettings, ServerSettings
from mecum.store.sqlite import Sqlite
from mecum.types import Prompt

T = TypeVar("T")


class Recording(Scripted):
    """The scripted engine, with all that it was asked."""

    def __init__(self, *, slots: int = 4) -> None:
        super().__init__(slots=slots)
        self.prompts: list[Prompt] = []

    async def chat(self, prompt: Prompt) -> ScriptedReply:
        self.prompts.append(prompt)
        return await super().chat(prompt)


@dataclass
class Running:
    """A server that listens on `url`, and its parts. Their plain counters may be read from the test's thread."""

    port: int
    home: Path
    engine: Recording
    gate: Gate
    queue: Queue
    loop: asyncio.AbstractEventLoop
    stalls: list[float] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something in the server's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def tasks(self) -> int:
        """Return how many tasks the server's loop has, besides the one that counts."""

        async def count() -> int:
            return len(asyncio.all_tasks()) - 1

        return self.run(count())

    @property
    def idle(self) -> bool:
        """Whether no request is at work, waits, or holds anything."""
        parts = (self.engine.open_replies, self.queue.working, self.queue.waiting, self.gate.inside)
        return parts == (0, 0, 0, 0)


@contextmanager
def serving(**options: Any) -> Iterator[Running]:
    """Serve the API in a thread with a loop of its own, on a data directory of its own (`_Web` has the options).

    Documents that are added here stay as they are: what reads them is started from the main thread alone. Where they shall
    be read, `tests.api.whole` runs the program.
    """
    with tempfile.TemporaryDirectory() as home, socket.create_server(("127.0.0.1", 0)) as listener:
        web = _Web(Path(home), listener, **options)
        thread = threading.Thread(target=lambda: _run(web.serve()))
        thread.start()
        try:
            wait_until(lambda: web.server.started, 10)
            yield web.running[0]
            wait_until(lambda: web.running[0].idle, 5)
        finally:
            web.server.should_exit = True
            thread.join(10)
        assert not thread.is_alive()


class _Web:
    """A server with these settings. `send_buffer` bounds what the kernel holds for a client that does not read, in bytes."""

    def __init__(
        self,
        home: Path,
        listener: socket.socket,
        *,
        slots: int = 4,
        waiting: int = 64,
        queue_timeout: float = 30,
        send_buffer: int | None = None,
        max_upload_mb: float = 1,
        **settings: Any,
    ) -> None:
        self._home, self._listener = home, listener
        if send_buffer:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        self._engine, self._gate = Recording(slots=slots), Gate()
        self._queue = Queue(lambda _model: slots, waiting=waiting, timeout=queue_timeout)
        store = Sqlite(home)
        self._library = Library(store, ScriptedEmbedder())
        self._keys, self._audit = Keyring(store.keys, "the token"), AuditLog(store.audit)
        chat = Chat(
            engine=self._engine,
            queue=self._queue,
            roles=NoRoles(),
            library=self._library,
            gate=self._gate,
            ready_timeout=5,
            secret=b"of the tests",
        )
        server_settings = ServerSettings(**settings)
        app = create_api(
            chat=chat,
            engine=self._engine,
            gate=self._gate,
            queue=self._queue,
            library=self._library,
            roles=StoredRoles(store.roles),
            keys=self._keys,
            audit=self._audit,
            settings=server_settings,
            documents=LibrarySettings(max_upload_mb=max_upload_mb),
            shelf=Shelf(home),
        )
        config = uvicorn.Config(
            app,
            http=cast("type[asyncio.Protocol]", protocol_factory(server_settings.head_timeout)),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )
        self.server = uvicorn.Server(config)
        self.running: list[Running] = []

    async def serve(self) -> None:
        """Serve until `server.should_exit`."""
        await self._engine.start()
        await self._library.start()
        await self._audit.start()
        await self._keys.start()
        port, loop = self._listener.getsockname()[1], asyncio.get_running_loop()
        self.running.append(Running(port, self._home, self._engine, self._gate, self._queue, loop))
        lag = asyncio.create_task(_measure(self.running[0].stalls))
        await self.server.serve(sockets=[self._listener])
        lag.cancel()
        await self._keys.aclose()
        await self._audit.aclose()
        await self._library.aclose()


def wait_until(met: Callable[[], bool], timeout: float) -> None:
    """Wait until something is so.

    Raises:
        AssertionError: it did not come true in time.
    """
    deadline = time.monotonic() + timeout
    while not met():
        assert time.monotonic() < deadline, f"not so within {timeout} s"
        time.sleep(0.005)


def _run(work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


async def _measure(stalls: list[float]) -> None:
    """Note each time that the loop came back to us later than it should: by how many seconds."""
    loop, step = asyncio.get_running_loop(), 0.01
    while True:
        due = loop.time() + step
        await asyncio.sleep(step)
        if (late := loop.time() - due) > step:
            stalls.append(late)


def _watched() -> None:
    """Serve in a process of our own: say the URL, then for each line the longest stall since the last, in seconds."""
    with tempfile.TemporaryDirectory() as home, socket.create_server(("127.0.0.1", 0)) as listener:
        web = _Web(Path(home), listener, header_wait=0.5, keepalive=0.1, body_timeout=2)
        threading.Thread(target=lambda: _answer(web)).start()
        _run(web.serve())  # in the main thread, so that documents are read


def _answer(web: _Web) -> None:
    try:
        wait_until(lambda: web.server.started, 10)
        running = web.running[0]
        sys.stdout.write(f"{running.url}\n")
        sys.stdout.flush()
        for _ in sys.stdin:
            time.sleep(0.05)  # one that has just ended is noted by then
            sys.stdout.write(f"{max(running.stalls, default=0.0)}\n")
            sys.stdout.flush()
            running.stalls.clear()
    finally:
        web.server.should_exit = True


if __name__ == "__main__":
    _watched()
