"""`mecum pull`: a model onto this machine. The work is `mecum.models.pull`; here is what is said of it.

Invariant (`tests/cli/test_pull.py`): Ctrl-C leaves what came, and the same command goes on with it.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mecum.app.home import living, make_private
from mecum.cli.embedders import choose_embedder
from mecum.cli.fetching import showing
from mecum.cli.loads import states
from mecum.cli.shelf import choose, described
from mecum.cli.starter import pull_starter
from mecum.cli.terminal import note, one_line, say
from mecum.cli.words import size
from mecum.engine.machine import Machine
from mecum.errors import InvalidRequest
from mecum.models.catalogue import entries
from mecum.models.fit import fit
from mecum.models.hub import Hub
from mecum.models.installed import Installed
from mecum.models.meter import Meter
from mecum.models.pull import Pulled, Puller
from mecum.models.shelf import Shelf
from mecum.models.source import STARTER, Source, parse
from mecum.models.unfinished import unfinished
from mecum.settings.load import Loaded, load


def pull(what: str, flags: Mapping[str, Any], config: Path | None, *, sha256: str, default: bool) -> None:
    """Bring a model, and say how it is used.

    Raises:
        InvalidRequest: it is nothing that can be brought.
        EngineStartError: it does not come, or is no model.
    """
    loaded = load(flags, os.environ, config=config)
    home = loaded.settings.home
    if what == STARTER:
        if sha256:
            raise InvalidRequest("--sha256 is not for the starter, whose hashes ship with mecum.")
        pull_starter(home)
        if default:
            choose(STARTER, loaded)
        return
    hub = Hub.here()
    source = _source(what, hub)
    shelf = Shelf(home)
    make_private(home)
    make_private(shelf.folder)
    pulled = _brought(source, shelf, hub, _checked(sha256))
    _tell(pulled, loaded)
    _use(pulled.model, loaded, default=default)


def _use(model: Installed, loaded: Loaded, *, default: bool) -> None:
    """Let a model do what it is for, or say how one does that."""
    embeds = model.kind == "embedder"
    if model.kind == "reranker":
        note(f"{one_line(model.name)} scores pairs of texts, which mecum has no use for.")
    elif default:
        (choose_embedder if embeds else choose)(model.file.name, loaded)
    else:
        what, command = ("search your documents", "embedder") if embeds else ("answer", "default")
        say(f"To {what} with it: mecum models {command} {one_line(model.name)}")


def _source(what: str, hub: Hub) -> Source:
    rows = {entry.name: entry for entry in entries()}
    return rows[what.lower()].source if what.lower() in rows else parse(what, hub.endpoint, rows)


def _checked(sha256: str) -> str:
    if sha256 and not re.fullmatch(r"[0-9a-f]{64}", sha256.lower()):
        raise InvalidRequest("--sha256 must be 64 hexadecimal digits.")
    return sha256.lower()


def _brought(source: Source, shelf: Shelf, hub: Hub, sha256: str) -> Pulled:
    meter = Meter()
    puller = Puller(shelf, hub, meter, memory=Machine.here().memory, tell=note)

    async def work() -> Pulled:
        with showing(meter):
            return await puller.pull(source, sha256)

    try:
        return asyncio.run(work())
    except KeyboardInterrupt:
        if begun := unfinished(shelf).get(meter.what):
            note(f"stopped. What came of {meter.what} ({size(begun)}) stays, and the same command goes on with it.")
        raise


def _tell(pulled: Pulled, loaded: Loaded) -> None:
    model, settings = pulled.model, loaded.settings
    say(f"{one_line(model.name)} is {'here' if pulled.new else 'here already'}: {described(model)} ({model.file})")
    if model.facts is None or model.kind != "chat":
        return
    fits = fit(model.facts, model.file, model.size, settings.engine, Machine.here())
    if not fits.fits:
        note(fits.why)
    if pulled.new and (server := living(settings.home)) and model.file.name in states(server):
        note("the running server has it already: it is loaded for the first request that names it.")
