"""`mecum serve`: settings, logging, the start-up screen, and then the server's life (`mecum.app.server`)."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from mecum import __version__
from mecum.api.status import load_body
from mecum.app.build import App
from mecum.app.listen import Listening
from mecum.app.server import run
from mecum.cli.loading import FRAME, bar
from mecum.cli.terminal import say_if_heard
from mecum.engine.base import Engine, Model
from mecum.engine.machine import Machine
from mecum.models.catalogue import entries, recommend
from mecum.models.fit import read_speed
from mecum.observe.log import configure
from mecum.settings.load import load
from mecum.settings.reach import this_machine_only
from mecum.settings.schema import Settings
from mecum.settings.wording import show

_STARTER = "The starter model is small: good to see that all works, weak in its answers. A better one for this machine: "


def serve(flags: Mapping[str, Any], config: Path | None) -> None:
    """Run the server until a signal.

    Raises:
        StartError: it cannot start.
    """
    settings = load(flags, os.environ, config=config).settings
    configure(settings.log.level, settings.log.format)
    run(settings, on_listening=_Screen().show)


class _Screen:
    """What a person sees of the start. The task that draws is held here: an event loop alone would lose it."""

    def __init__(self) -> None:
        self._drawing: asyncio.Task[None] | None = None

    def show(self, app: App, listening: Listening) -> None:
        _show(app, listening)
        if sys.stdout.isatty() and app.engine.status().state == "starting":
            self._drawing = asyncio.get_running_loop().create_task(_draw(app.engine), name="loading")


async def _draw(engine: Engine) -> None:
    """Draw how far the default model is, while the engine starts."""
    with _logging_above(sys.stdout), bar(sys.stdout) as draw:
        while (status := engine.status()).state == "starting" and status.models:
            draw(load_body(status.models[0], engine.progress(status.models[0].name)))
            await asyncio.sleep(FRAME)


@contextmanager
def _logging_above(stream: TextIO) -> Iterator[None]:
    """Let each line of the log begin where the bar stood, which is drawn again below it."""

    def clear(_: logging.LogRecord) -> bool:
        stream.write("\r\x1b[2K")
        stream.flush()
        return True

    handlers = [handler for handler in logging.getLogger().handlers if sys.stderr.isatty()]
    for handler in handlers:
        handler.addFilter(clear)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(clear)


def _show(app: App, listening: Listening) -> None:
    lines = list(screen(app.settings, app.engine.status().models, listening.url, closed=not app.keys.is_open))
    if sys.stdout.isatty():
        console = Console(highlight=False, soft_wrap=True)  # a command that is copied must be one line
        for label, value in lines:
            console.print(Text.assemble((_padded(label), "bold cyan"), value))
    else:
        say_if_heard("\n".join(_padded(label) + value for label, value in lines))


def _padded(label: str) -> str:
    return f"  {label:<9}" if label else ""


def screen(settings: Settings, models: tuple[Model, ...], url: str, *, closed: bool) -> Iterator[tuple[str, str]]:
    """Yield the start-up screen line by line: a label, empty for a line without one, and a text.

    `closed` says that a key is asked for.
    """
    body = '{"messages": [{"role": "user", "content": "Hello!"}]}'
    yield "", f"mecum {__version__}"
    yield "address", f"{url} ({_reach(settings, closed=closed)})"
    yield "model", _model(settings, models)
    yield "data", str(settings.home)
    key = " -H 'Authorization: Bearer YOUR-KEY'" if closed else ""
    yield "try", f"curl -N {url}/api/kernel2/chat{key} -H 'Content-Type: application/json' -d '{body}'"
    which = "your API key (mecum keys create NAME makes one)" if closed else "any API key"
    yield "clients", f"OpenAI's, with base_url {url}/v1 and {which}; all routes: {url}/docs"
    if settings.library.embedder_url:
        yield "vectors", f"by {show(settings.library.embedder_url)}, which is sent all passages and questions"
    yield "stop", "Ctrl-C"
    if not (settings.engine.model or settings.engine.base_url or settings.engine.scripted):
        yield "", _STARTER + _better()


def _better() -> str:
    """Return the command that brings a better model than the starter; it costs a tenth of a second (`models.fit`)."""
    machine = Machine.here()
    advice = recommend(entries(), machine, read_speed(machine.cores))
    return f"mecum pull {advice.entry.name if advice else 'hf:OWNER/REPO'} --default (mecum models recommend says why)"


def _reach(settings: Settings, *, closed: bool) -> str:
    host = settings.server.host
    if this_machine_only(host):
        return "this machine only"
    return f"{host}, for whoever has a key" if closed else f"{host}, OPEN to whoever reaches it"


def _model(settings: Settings, models: tuple[Model, ...]) -> str:
    where = f" at {show(settings.engine.base_url)}" if settings.engine.base_url else ""
    if not models:
        return f"not known yet{where}"
    model = models[0]
    facts = [
        model.name + where,
        f"{model.size / 1e6:,.0f} MB" if model.size else "",
        f"context of {model.context:,} tokens" if model.context else "",
        f"{model.slots} at once",
    ]
    return ", ".join(fact for fact in facts if fact)
