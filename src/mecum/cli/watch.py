"""`mecum watch`: keeps folders in the library, until Ctrl-C; a line for whatever was done (`tests/cli/test_watch.py`)."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mecum.cli.remote import Api
from mecum.cli.served import prepared, run
from mecum.cli.target import HttpTarget
from mecum.cli.terminal import note, one_line, plain, say
from mecum.cli.upload import DOCUMENTS
from mecum.errors import InvalidRequest, MecumError
from mecum.knowledge.sync import Report
from mecum.knowledge.watch import Watcher


def watch(
    folders: Sequence[Path], flags: Mapping[str, Any], config: Path | None, *, collection: str, everything: bool
) -> None:
    """Watch folders until a signal.

    Raises:
        InvalidRequest: one of them is no folder.
        MecumError: the library cannot be reached, or is gone.
    """
    settings = prepared(flags, config)
    roots = [_folder(folder) for folder in folders]
    largest = int(settings.library.max_upload_mb * 2**20)

    async def work(api: Api) -> None:
        stop = asyncio.Event()
        _on_signals(stop)
        watcher = Watcher(roots, HttpTarget(api, collection), largest=largest, everything=everything, told=_tell)
        following = asyncio.create_task(_failures(api, roots))
        stopped = asyncio.create_task(stop.wait())
        await watcher.start()
        say(f"watching {', '.join(one_line(str(root)) for root in roots)}; Ctrl-C ends it.")
        try:
            await asyncio.wait([following, stopped], return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                following.result()
        finally:
            following.cancel()
            stopped.cancel()
            await watcher.aclose()
            await asyncio.gather(following, stopped, return_exceptions=True)

    run(settings, work)


def line(folder: Path, what: Report | Exception) -> str:
    """Return what there is to say of one look at a folder."""
    name = one_line(str(folder))
    if isinstance(what, MecumError):
        return f"{name}: {plain(what.message)} It is tried again."
    if isinstance(what, Exception):
        return f"{name}: {type(what).__name__}. It is tried again."
    if what.missing:
        return f"{name} is not there. Its documents stay, and it is waited for."
    done = [f"{number:,} {word}" for word in ("added", "changed", "renamed", "removed") if (number := getattr(what, word))]
    return f"{name}: {', '.join(done) or 'it is there again'}"


def _folder(folder: Path) -> Path:
    path = folder.expanduser().absolute()
    if path.exists() and not path.is_dir():
        raise InvalidRequest(f"{one_line(str(folder))} is no folder. Add a file: mecum add FILE.")
    return path


def _tell(folder: Path, what: Report | Exception) -> None:
    (note if isinstance(what, Exception) else say)(f"{time.strftime('%H:%M:%S')} {line(folder, what)}")


async def _failures(api: Api, roots: Sequence[Path]) -> None:
    """Say of each file in the folders that could not be read why."""
    below = tuple(str(root.resolve()) for root in roots)
    async for event in api.events(f"{DOCUMENTS}/events"):
        document = event.get("document")
        if document and document["error"] and document["path"].startswith(below):
            error = document["error"]
            say(f"{time.strftime('%H:%M:%S')} {one_line(document['path'])}: {error['code']}: {plain(error['message'])}")
    raise MecumError("The server ended. Start it, and watch again.")


def _on_signals(stop: asyncio.Event) -> None:
    """Let Ctrl-C and SIGTERM end the watching in order."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows: Ctrl-C ends the program all the same
            return
