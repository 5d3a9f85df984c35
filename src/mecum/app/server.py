"""Runs the program: sockets, engine, web server; and ends it, in reverse.

    starting   the data directory, the sockets, the engine's start, then requests (they wait while the model loads)
    serving    until a signal; or until the model turns out not to load, which ends a start with its cause
    draining   at SIGTERM or SIGINT: no new chats at once; those that run have `drain_timeout`, then end with an error
    closing    the sockets, the connections, the engine, the data directory; exit code 0

Invariants (`tests/app/test_server.py`): every way out passes `closing`, but for a second signal, which kills the children
and ends at once; `rulings.md` 23 says why the signals are ours and not uvicorn's.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, cast

import psutil

from mecum.app import differences, exposure, garbage
from mecum.app.build import App, build
from mecum.app.home import Home
from mecum.app.listen import Listening, listening
from mecum.app.web import LAST_WORDS, Web
from mecum.engine.base import Engine
from mecum.errors import EngineError, EngineStartError
from mecum.observe.log import on_loop_error
from mecum.settings.schema import Settings

OnListening = Callable[[App, Listening], None]

log = logging.getLogger(__name__)


def run(settings: Settings, *, on_listening: OnListening) -> None:
    """Serve until SIGTERM or SIGINT. `on_listening` is called once, when requests are taken.

    Raises:
        StartError: the program cannot start; nothing is left running.
    """
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_run(settings, on_listening))


async def _run(settings: Settings, on_listening: OnListening) -> None:
    asyncio.get_running_loop().set_exception_handler(on_loop_error)
    stop = asyncio.Event()
    with Home(settings.home) as home, _signals(stop, home), _listening(settings) as open_sockets:

        def announce() -> None:
            home.announce(open_sockets.local, app.token)
            on_listening(app, open_sockets)

        app = build(settings)
        await serve(app, open_sockets.sockets, stop, announce)


@contextlib.contextmanager
def _listening(settings: Settings) -> Iterator[Listening]:
    exposure.check(settings)
    with listening(settings.server.host, settings.server.port) as open_sockets:
        yield open_sockets


async def serve(app: App, sockets: tuple[socket.socket, ...], stop: asyncio.Event, on_listening: Callable[[], None]) -> None:
    """Start the app, serve it on the sockets until `stop`, drain, and close it.

    Raises:
        StartError: the engine cannot start, or its model cannot load.
    """
    began = time.monotonic()
    async with contextlib.AsyncExitStack() as held:
        stopped = asyncio.create_task(stop.wait(), name="stop")
        held.callback(stopped.cancel)
        held.push_async_callback(app.aclose)
        if not await _done(app.start(), stopped):
            return
        await differences.note(app)
        await app.watch()
        web = Web(app, on_listening)
        serving = asyncio.create_task(web.serve(sockets=list(sockets)), name="web")
        held.push_async_callback(_ended, web, serving)
        await _done(_loaded(app.engine, began), stopped, serving)
        garbage.settle()
        await asyncio.wait([stopped, serving], return_when=asyncio.FIRST_COMPLETED)
        await _drain(app)
    log.info("stopped")


async def _done(work: Coroutine[Any, Any, None], *ends: asyncio.Task[Any]) -> bool:
    """Await work, but no longer than until one of `ends` is done; return whether the work was."""
    task = asyncio.create_task(work)
    try:
        await asyncio.wait([task, *ends], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        return task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _loaded(engine: Engine, began: float) -> None:
    """Return when the engine is ready for the first time. A server elsewhere may come later; a model of ours may not.

    Raises:
        EngineStartError: it will not become ready.
    """
    told = False
    while True:
        try:
            await engine.ready()
        except EngineError as error:
            status = engine.status()
            if status.kind != "upstream" or status.state == "failed":
                raise _start_error(error) from None
            if not told:
                log.warning("the engine does not answer yet: %s", error.message)
            told = True
            await asyncio.sleep(status.retry_after or 1)
        else:
            models = engine.status().models
            fields = {"model": models[0].name} if models else {}
            log.info("ready", extra={**fields, "seconds": round(time.monotonic() - began, 2)})
            return


def _start_error(error: EngineError) -> EngineStartError:
    return error if isinstance(error, EngineStartError) else EngineStartError(error.message)


async def _drain(app: App) -> None:
    timeout = app.settings.server.drain_timeout
    app.gate.close()
    log.info("shutting down", extra={"answers": app.gate.inside})
    if not await app.gate.idle(timeout):
        log.warning("answers are cut off: they had %g s", timeout, extra={"answers": app.gate.inside})
        app.gate.interrupt()
        await app.gate.idle(LAST_WORDS)


async def _ended(web: Web, serving: asyncio.Task[None]) -> None:
    web.should_exit = True
    await serving


@contextlib.contextmanager
def _signals(stop: asyncio.Event, home: Home) -> Iterator[None]:
    """Handle signals for the block: the first sets `stop`, a second ends the process at once."""
    loop = asyncio.get_running_loop()
    handled = [signal.SIGTERM, signal.SIGINT]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # else: nohup
        handled.append(signal.SIGHUP)

    def on_signal(number: signal.Signals) -> None:
        if stop.is_set():
            _end_now(number, home)
        stop.set()

    for number in handled:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)


def _end_now(number: signal.Signals, home: Home) -> None:
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    home.release()
    os._exit(128 + number)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop  # noqa: PLC0415 # not there on Windows

    factory: Any = uvloop.new_event_loop
    return cast("Callable[[], asyncio.AbstractEventLoop]", factory)
