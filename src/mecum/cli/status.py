"""`mecum status`: how the server does that works on the data directory. It changes nothing (`tests/cli/test_status.py`)."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from mecum.app.home import Running, is_held, living
from mecum.cli import client, words
from mecum.cli.terminal import note, plain, say
from mecum.cli.words import span
from mecum.errors import MecumError
from mecum.settings.load import load
from mecum.types import Json

HEALTH = "/api/kernel2/health"


def status(flags: Mapping[str, Any], config: Path | None, *, as_json: bool) -> int:
    """Show the server's state: as lines, or as one JSON object. Return the exit code: 1 where none runs, or answers."""
    home = load(flags, os.environ, config=config).settings.home
    server = living(home)
    health, error, library = asyncio.run(_asked(server)) if server else (None, None, None)
    if as_json:
        say(json.dumps(_json(home, server, health, error, library), indent=2))
    elif server is None:
        busy = "Another mecum command works on it now." if is_held(home) else "Start one: mecum serve."
        say(f"No mecum server runs on {home}. {busy}")
    else:
        _show(list(rows(home, server, health, library)))
        if error:
            note(error)
    return 0 if health else 1


async def _asked(server: Running) -> tuple[Json | None, str | None, Json | None]:
    health, error = await health_of(server)
    return health, error, await counts_of(server) if health else None


async def health_of(server: Running) -> tuple[Json | None, str | None]:
    """Return what the server says of itself, or why it does not."""
    try:
        return (await client.get(server, HEALTH))["data"], None
    except MecumError as error:
        return None, error.message
    except (KeyError, TypeError):
        return None, f"What answers at {server.url} is not mecum."


async def counts_of(server: Running) -> Json | None:
    """Return what the server says of its library, None where it says nothing."""
    try:
        answer: Json = (await client.get(server, "/api/documents/counts"))["data"]
    except (MecumError, KeyError, TypeError):
        return None
    return answer


def _json(home: Path, server: Running | None, health: Json | None, error: str | None, library: Json | None) -> Json:
    if server is None:
        return {"running": False, "home": str(home)}
    told = {name: value for name, value in asdict(server).items() if name != "token"}
    return {"running": True, "home": str(home), **told, "health": health, "error": error, "library": library}


def rows(home: Path, server: Running, health: Json | None, library: Json | None = None) -> Iterator[tuple[str, str]]:
    """Yield what there is to know, line by line: a label and a text."""
    yield "state", _state(health) if health else "does not answer"
    yield "address", server.url
    yield "process", f"{server.pid}, for {span(health['uptime'])}" if health else str(server.pid)
    if health:
        engine, queue = health["engine"], health["queue"]
        yield "model", _model(health["model"], next(iter(health.get("models", ())), None))
        yield from _others(health)
        yield "engine", f"{engine['kind']} ({engine['version'] or 'elsewhere'}), restarted {_times(engine['restarts'])}"
        yield "queue", f"{queue['working']} at work, {queue['waiting']} waiting"
    if library:
        yield "library", words.library(library)
        yield "embedder", words.embedder(library)
    yield "data", str(home)


def _state(health: Json) -> str:
    state = "ready" if health["status"] == "ok" else health["status"]
    reason = health["engine"]["reason"]
    return f"{state}: {reason}" if reason else state


def _model(model: Json | None, load: Json | None) -> str:
    """Return what there is to say of the default model; `load` says whether it is loaded."""
    if model is None:
        return "not known yet"
    facts = [model["id"]]
    if model["size"]:
        facts.append(f"{model['size'] / 1e6:,.0f} MB")
    if model["context_length"]:
        facts.append(f"context of {model['context_length']:,} tokens")
    facts.append(f"{model['slots']} at once")
    if not model.get("loaded", True):
        facts.append(words.loading(load) if load and load["state"] == "loading" else "not loaded now")
    return ", ".join(facts)


def _others(health: Json) -> Iterator[tuple[str, str]]:
    """Yield what else is loaded, or should be, and what all of it takes."""
    for model in health.get("models", ())[1:]:
        if model["state"] != "unloaded":
            told = f": {model['reason']}" if model["reason"] else ""
            yield "model", f"{model['id']}, {words.loading(model) if model['state'] == 'loading' else model['state'] + told}"
    memory = health.get("memory") or {}
    if memory.get("budget"):
        yield "memory", f"at most {words.size(memory['taken'])} for loaded models, of {words.size(memory['budget'])}"


def _times(number: int) -> str:
    return {0: "never", 1: "once"}.get(number, f"{number} times")


def _show(lines: list[tuple[str, str]]) -> None:
    if not sys.stdout.isatty():
        for label, value in lines:
            say(f"{label:<10}{plain(value)}")
        return
    console = Console(highlight=False, soft_wrap=True)
    for label, value in lines:
        console.print(Text.assemble((f"  {label:<10}", "bold cyan"), plain(value)))
