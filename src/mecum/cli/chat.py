"""`mecum chat`: a conversation in the terminal, with the running server, or with the engine in this process.

Invariants, typed on a pseudo-terminal by `tests/cli/test_chat.py`: Ctrl-C ends the answer and never the program; whatever
goes wrong with a question is one line, and the conversation goes on as if it had not been asked; the terminal is left as
it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console

from mecum import __version__
from mecum.app.build import App
from mecum.app.home import Running, find, living
from mecum.cli import alone, client
from mecum.cli.ask import level, remark
from mecum.cli.conversation import Conversation, command
from mecum.cli.editor import Editor, typing_ahead
from mecum.cli.question import Piece, Pieces, Question
from mecum.cli.slash import Commands, End
from mecum.cli.terminal import complain, note, plain, say
from mecum.errors import InvalidRequest, MecumError
from mecum.observe.log import configure
from mecum.settings.load import load
from mecum.settings.schema import Settings


class Source(Protocol):
    """Where answers come from."""

    def ask(self, question: Question) -> Pieces:
        """Yield the pieces of an answer."""
        ...

    async def models(self) -> list[str]:
        """Return the models' names, the default first."""
        ...


def chat(question: Question, flags: Mapping[str, Any], config: Path | None, *, history: bool) -> None:
    """Talk until Ctrl-D or /exit. `question` is what every question has in common; `history` keeps what is typed.

    Raises:
        MecumError: the conversation cannot begin.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InvalidRequest("mecum chat needs a terminal to type in. In a pipe: mecum ask.")
    loaded = load(flags, os.environ, config=config)
    settings = loaded.settings
    configure(level(loaded), settings.log.format)
    where = find(settings.home)
    try:
        if not isinstance(where, Running) and question.model and not (settings.engine.base_url or settings.engine.scripted):
            settings = load({**flags, "engine.model": question.model}, os.environ, config=config).settings
            question = replace(question, model=None)  # it is the one that there will be
        asyncio.run(_talk(where if isinstance(where, Running) else None, settings, question, keep=history))
    finally:
        if not isinstance(where, Running):
            where.release()


async def _talk(server: Running | None, settings: Settings, question: Question, *, keep: bool) -> None:
    editor = Editor(settings.home / "history" if keep else None)
    async with AsyncExitStack() as held:
        source: Source
        if server:
            source, place = _Served(server, settings.home), f"the server at {server.url}"
        else:
            source, place = await held.enter_async_context(_opened(settings)), "this process, because no server runs"
        model = question.model or next(iter(await source.models()), "no model yet")
        say(f"mecum {__version__}: {plain(model)}, in {place}")
        say("Ask something. /help lists the commands, Alt-Enter makes a new line, Ctrl-D ends.")
        await Session(source, question, editor).run()


class _Served:
    """The server that runs on the data directory: the one of now, for it may have been started anew."""

    def __init__(self, server: Running, home: Path) -> None:
        self._server = server
        self._home = home

    def ask(self, question: Question) -> Pieces:
        return client.answer(self._now(), question)

    async def models(self) -> list[str]:
        listing = await client.get(self._now(), "/v1/models")
        return [model["id"] for model in listing["data"]]

    def _now(self) -> Running:
        self._server = living(self._home) or self._server
        return self._server


class _Here:
    """The program in this process."""

    def __init__(self, app: App) -> None:
        self._app = app

    def ask(self, question: Question) -> Pieces:
        return alone.answer(self._app, question)

    async def models(self) -> list[str]:
        await self._app.engine.refresh()
        return [model.name for model in self._app.engine.status().models]


@contextlib.asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[_Here]:
    async with AsyncExitStack() as held:
        with _waiting("the model loads"):
            app = await held.enter_async_context(alone.opened(settings))
        yield _Here(app)


class Session:
    """The conversation: reads, obeys, asks, prints."""

    def __init__(self, source: Source, question: Question, editor: Editor) -> None:
        self._source = source
        self._editor = editor
        self._conversation = Conversation()
        self._commands = Commands(self._conversation, question, source.models)
        self._answering: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Go on until the person ends it."""
        with typing_ahead(), _signals(self._stop), contextlib.suppress(EOFError, End):
            while True:
                if (text := await self._read()).strip():
                    await self._take(text)

    async def _read(self) -> str:
        while True:
            try:
                return await self._editor.read()
            except KeyboardInterrupt:
                note("Ctrl-D or /exit ends the chat.")

    async def _take(self, text: str) -> None:
        try:
            if named := command(text):
                again = await self._commands.obey(*named)
                if again is None:
                    return
                text = again
            await self._ask(text)
        except MecumError as error:
            complain(error)

    async def _ask(self, text: str) -> None:
        self._conversation.ask(text)
        said: list[str] = []
        question = replace(self._commands.question, text=text, history=self._conversation.turns, truncate=True)
        task = self._answering = asyncio.create_task(self._answer(question, said))
        try:
            await asyncio.wait({task})
        finally:
            self._answering = None
            task.cancel()  # nothing of it is left, also when it is the program that ends
            await asyncio.wait({task})
        if task.cancelled():
            note("stopped. /retry asks again.")
        else:
            task.result()
        if answer := "".join(said):
            self._conversation.keep(answer)

    async def _answer(self, question: Question, said: list[str]) -> None:
        pieces: list[Piece] = []
        try:
            with _waiting("") as waiting:
                async with aclosing(self._source.ask(question)) as answer:
                    async for piece in answer:
                        pieces.append(piece._replace(text=""))
                        if text := plain(piece.text):
                            waiting.close()
                            said.append(text)
                            _write(text)
        finally:
            if said and not said[-1].endswith("\n"):
                _write("\n")
        remark(pieces, question)

    def _stop(self) -> None:
        if self._answering:
            self._answering.cancel()


@contextlib.contextmanager
def _signals(interrupt: Callable[[], None]) -> Iterator[None]:
    """Let Ctrl-C call `interrupt`, and let a signal that ends programs end this one in order, for the block."""
    loop, this = asyncio.get_running_loop(), asyncio.current_task()
    received: list[int] = []

    def end(number: int) -> None:
        received.append(number)
        if this:
            this.cancel()

    handlers = {signal.SIGINT: interrupt} | {number: partial(end, number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    except asyncio.CancelledError:
        sys.exit(128 + received[0] if received else 1)
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)


@contextlib.contextmanager
def _waiting(words: str) -> Iterator[contextlib.ExitStack]:
    """Show that something is awaited, until the block ends or the yielded stack is closed."""
    with contextlib.ExitStack() as shown:
        shown.enter_context(Console(stderr=True).status(words, refresh_per_second=4))
        yield shown


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
