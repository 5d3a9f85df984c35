"""`mecum models`: what is installed, which one is the default, and what a running server has loaded.

Invariant (`tests/cli/test_models.py`): the user's own settings file is never written: what is chosen stands in
`models/default`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mecum.app.home import living
from mecum.cli import loads
from mecum.cli.embedders import LOCAL, show_embedder
from mecum.cli.terminal import note, one_line, say
from mecum.cli.words import day, machine_line, size
from mecum.engine.aliases import default_model, meant
from mecum.engine.machine import Machine
from mecum.engine.models import locate
from mecum.errors import InvalidRequest, MecumError, SettingsError
from mecum.models.fit import Fit, fit, read_speed, tokens_per_second
from mecum.models.installed import Installed
from mecum.models.shelf import Shelf
from mecum.models.source import STARTER
from mecum.models.tables import without_effect
from mecum.models.unfinished import unfinished
from mecum.settings.load import CHOSEN, Loaded, load
from mecum.settings.models import engine_for
from mecum.settings.wording import show
from mecum.types import Json

_HEAD = ("", "name", "aliases", "size", "quantisation", "context", "licence", "here", "from")


def show_all(flags: Mapping[str, Any], config: Path | None, *, as_json: bool) -> None:
    """List the models: as a table, as lines, or as one JSON object."""
    loaded = load(flags, os.environ, config=config)
    shelf, machine = Shelf(loaded.settings.home), Machine.here()
    models, begun = shelf.installed(), unfinished(shelf)
    default, memory = _default_file(loaded), read_speed(machine.cores)
    aliases = {name: own.aliases for name, own in loaded.settings.models.items()}
    server = living(loaded.settings.home)
    states = loads.states(server) if server else {}
    rows = [
        (model, aliases.get(model.name, ()), _fit(model, loaded, machine), _speed(model, machine, memory))
        for model in models
    ]
    if as_json:
        found = [
            {**_json(*row, default=row[0].file == default), "state": states.get(row[0].file.name, {}).get("state")}
            for row in rows
        ]
        what = {"model": loaded.settings.engine.model, "origin": loaded.origins["engine.model"]}
        say(json.dumps({"models": found, "default": what, "unfinished": begun, "machine": asdict(machine)}, indent=2))
        return
    _table([_row(*row, loads.now(states.get(row[0].file.name)), default=row[0].file == default) for row in rows])
    for model in models:
        if model.fault:
            note(f"{one_line(model.file.name)} cannot be used: {model.fault}")
    for name, came in begun.items():
        note(f"{one_line(name)} is not whole ({size(came)} came): the same mecum pull goes on with it.")
    for what_stands, fix in without_effect(loaded.settings, models):
        note(one_line(f"{what_stands} {fix}"))
    show_default(flags, config)
    say(machine_line(machine))
    if loaded.settings.library.embedder_url or loaded.settings.library.embedder != LOCAL:
        show_embedder(flags, config)
    for state in states.values():
        if state["state"] == "failed":
            note(one_line(f"{state['id']} has failed: {state['reason']}"))
    if server:
        note("what fits is judged by the memory that the running server leaves free.")


def show_default(flags: Mapping[str, Any], config: Path | None) -> None:
    """Tell which model answers where nothing else is said, and who says so."""
    loaded = load(flags, os.environ, config=config)
    engine, origin = loaded.settings.engine, loaded.origins["engine.model"]
    if engine.base_url:
        say(f"Default: what {show(engine.base_url)} offers (engine.base_url: {loaded.origins['engine.base_url']})")
    elif engine.scripted:
        say(f"Default: a script, without a model (engine.scripted: {loaded.origins['engine.scripted']})")
    elif engine.model is None:
        say("Default: the starter model, for none was chosen (mecum models default NAME)")
    else:
        say(f"Default: {one_line(Path(engine.model).name)} ({origin})")


def set_default(name: str, flags: Mapping[str, Any], config: Path | None) -> None:
    """Choose the model that answers where nothing else is said.

    Raises:
        ModelNotFound: there is none of that name.
        InvalidRequest: it cannot be used.
    """
    choose(name, load(flags, os.environ, config=config))


def choose(name: str, loaded: Loaded) -> None:
    """Choose a model (`set_default`), and say what that does."""
    home = loaded.settings.home
    shelf = Shelf(home)
    model = None if name == STARTER else shelf.find(meant(name, loaded.settings))
    if model and model.fault:
        raise InvalidRequest(f"{model.file.name} cannot be used: {model.fault}")
    if model and model.kind != "chat":
        fix = (
            f"mecum models embedder {model.file.name} lets it make vectors."
            if model.kind == "embedder"
            else "Choose another."
        )
        raise InvalidRequest(
            f"{model.name} does not chat: it is an {model.kind}. {fix}".replace("an reranker", "a reranker")
        )
    try:
        shelf.set_default(model)
    except OSError as error:
        raise SettingsError(f"{shelf.folder} cannot be written: {error.strerror}.") from None
    say(f"{one_line(model.name) if model else 'The starter model'} is the default now: mecum serve answers with it.")
    now = load({"home": home}, os.environ, config=loaded.file)
    stronger = [one for one in ("engine.model", "engine.base_url", "engine.scripted") if not _weak(now.origins[one])]
    for one in stronger:
        note(f"but {one} is set in a stronger place, which wins: {now.origins[one]}.")
    if server := living(home):
        note(loads.follows(server, model.file.name if model and not model.starter else None))


def described(model: Installed) -> str:
    """Return what there is to know of a model, in one line."""
    facts = model.facts
    known = [
        size(model.size),
        facts.quantisation if facts else "",
        f"context of {facts.context:,} tokens" if facts and facts.context else "",
        one_line(model.licence),
    ]
    return ", ".join(fact for fact in known if fact)


def _weak(origin: str) -> bool:
    return origin.startswith(("default", CHOSEN.as_posix()))


def _default_file(loaded: Loaded) -> Path | None:
    engine = loaded.settings.engine
    if engine.base_url or engine.scripted:
        return None
    try:
        found = locate(default_model(loaded.settings), loaded.settings.home)
    except MecumError:
        return None
    inside = loaded.settings.home / CHOSEN.parent / found.name
    return inside if inside.exists() and inside.resolve() == found else found


def _fit(model: Installed, loaded: Loaded, machine: Machine) -> Fit | None:
    if model.facts is None or model.kind != "chat":
        return None
    return fit(model.facts, model.file, model.size, engine_for(loaded.settings, model.known_as), machine)


def _speed(model: Installed, machine: Machine, memory: float) -> float | None:
    return tokens_per_second(model.size, machine, memory, model.facts)


def _row(
    model: Installed, aliases: Sequence[str], fits: Fit | None, speed: float | None, now: str, *, default: bool
) -> tuple[str, ...]:
    facts, origin = model.facts, model.origin
    here = "too large" if not fits or not fits.fits else f"{fits.slots} x {fits.context:,} tokens"
    if model.facts is None:
        here = "broken"
    elif now:
        here = now
    elif model.kind != "chat":
        here = "makes vectors" if model.kind == "embedder" else "scores pairs"
    elif fits and fits.fits and speed:
        here += f", about {speed:.0f}/s" if speed >= 1 else ", below 1/s"
    source = (origin.source if origin else "") or "put there by hand"
    came = f" ({day(origin.pulled)})" if origin and origin.pulled else ""
    return (
        "*" if default else " ",
        one_line(model.name),
        ", ".join(aliases),
        size(model.size),
        facts.quantisation if facts else "",
        f"{facts.context:,}" if facts and facts.context else "",
        one_line(model.licence),
        here,
        one_line(source) + came + (", changed since" if model.changed else ""),
    )


def _table(rows: list[tuple[str, ...]]) -> None:
    head, rows = _without_empty(rows)
    if sys.stdout.isatty():
        table = Table(*head, box=None, padding=(0, 2, 0, 0))
        for row in rows:
            table.add_row(*map(Text, row), style="bold" if row[0] == "*" else None)
        Console(highlight=False).print(table)
        return
    for line in _lines([head, *rows] if rows else []):
        say(line)


def _without_empty(rows: list[tuple[str, ...]]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return head and rows without the aliases where no model has one."""
    kept = [i for i, name in enumerate(_HEAD) if name != "aliases" or any(row[i] for row in rows)]
    head, *rest = [tuple(row[i] for i in kept) for row in (_HEAD, *rows)]
    return head, rest


def _lines(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _json(model: Installed, aliases: Sequence[str], fits: Fit | None, speed: float | None, *, default: bool) -> Json:
    facts = model.facts
    return {
        "name": model.name,
        "kind": model.kind,
        "aliases": list(aliases),
        "file": str(model.file),
        "files": list(model.names),
        "size": model.size,
        "quantisation": facts.quantisation if facts else "",
        "architecture": facts.architecture if facts else "",
        "context": facts.context if facts else None,
        "licence": model.licence,
        "source": model.origin.source if model.origin else None,
        "revision": model.origin.revision if model.origin else None,
        "pulled": model.origin.pulled or None if model.origin else None,
        "sha256": model.sha256,
        "changed": model.changed,
        "fault": model.fault or None,
        "starter": model.starter,
        "default": default,
        "fit": asdict(fits) if fits else None,
        "tokens_per_second_estimated": round(speed, 2) if speed and model.kind == "chat" else None,
    }
