"""The whole program on a socket, in a thread of this process, around a scripted engine that remembers its prompts.

Invariant: leaving `running` ends the server and closes its store.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import uvloop
from tests.api.server import Recording, wait_until

from mecum.app.build import App, build
from mecum.app.web import Web
from mecum.settings.schema import LibrarySettings, ServerSettings, Settings

T = TypeVar("T")


@dataclass
class Program:
    """The program, its engine, and the loop that it runs in."""

    port: int
    app: App
    engine: Recording
    loop: asyncio.AbstractEventLoop

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something in the program's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)


@contextmanager
def running(home: Path, **server: Any) -> Iterator[Program]:
    """Run the program on a data directory, with these settings of the server; documents are found by keywords."""
    settings = Settings(home=home, server=ServerSettings(**server), library=LibrarySettings(embedder="none"))
    programs: list[Program] = []
    webs: list[Web] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        async def serve() -> None:
            engine = Recording()
            app = build(settings, engine=engine)
            try:
                await app.start()
                program = Program(listener.getsockname()[1], app, engine, asyncio.get_running_loop())
                web = Web(app, lambda: programs.append(program))
                webs.append(web)
                await web.serve(sockets=[listener])
            finally:
                await app.aclose()

        def work() -> None:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(serve())

        thread = threading.Thread(target=work)
        thread.start()
        try:
            wait_until(lambda: bool(programs) or not thread.is_alive(), 20)
            yield programs[0]
        finally:
            for web in webs:
                web.should_exit = True
            thread.join(10)
        assert not thread.is_alive()
