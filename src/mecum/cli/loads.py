"""What the running server has loaded of the models: asked for the list, changed by hand, and before a file is removed.

Invariant (`tests/cli/test_models.py`): a file that the server answers from is never removed.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from mecum.app.home import Running, living
from mecum.cli.terminal import one_line, say
from mecum.cli.words import loading, size
from mecum.errors import (
    Busy,
    Draining,
    EngineError,
    EngineStartError,
    InvalidRequest,
    MecumError,
    ModelInUse,
    NotFound,
)
from mecum.models.installed import Installed
from mecum.models.shelf import Shelf
from mecum.settings.load import load
from mecum.types import Json

MODELS: Final = "/api/models"


def states(server: Running) -> dict[str, Json]:
    """Return what the server says of its models, by their files' names; nothing where it says nothing."""
    try:
        return asyncio.run(_states(server))
    except MecumError:
        return {}


def now(state: Json | None) -> str:
    """Return in words that a model is loaded, loading, or failed; "" where it is none of that."""
    if state is None or state["state"] == "unloaded":
        return ""
    if state["state"] == "failed":
        return "failed"
    if state["state"] == "loading":
        return one_line(loading(state))
    return f"{state['state']}, {state['slots']} x {state['context_length'] or 0:,} tokens"


def follows(server: Running, file: str | None) -> str:
    """Return what a running server does with another choice of the default model; `file` None is the starter's."""
    found = [state for state in states(server).values() if state["default"]]
    if found and (found[0]["file"] == file or (file is None and "starter" in found[0]["aliases"])):
        return "the running server answers with it from now on."
    return "the running server was started with a model of its own, and keeps it until it is started anew."


def let_go(server: Running, model: Installed) -> None:
    """Make the server unload a model whose file is to be removed.

    Raises:
        InvalidRequest: it is its default, or answers run.
    """
    state = asyncio.run(_states(server)).get(model.file.name)
    if state is None:
        return
    if state["default"]:
        raise InvalidRequest(
            f"The running server uses {model.name}: it is its default model. Choose another (mecum models default NAME), or "
            "stop it first: mecum stop"
        )
    try:
        asyncio.run(_post(server, state["id"], "unload"))
    except ModelInUse as error:
        raise InvalidRequest(f"The running server uses {model.name}. {error.message}") from None


def load_model(name: str, flags: Mapping[str, Any], config: Path | None, *, wait: bool) -> None:
    """Let the running server load a model, and return when it has, or with `wait` False at once.

    Raises:
        InvalidRequest: none runs, or it cannot.
        EngineStartError: the model cannot be loaded.
        MecumError: the server refuses.
    """
    from mecum.cli.loading import watched  # noqa: PLC0415 # as `_states`

    server = _server(flags, config)
    try:
        state = asyncio.run(_post(server, name, "load"))
    except Draining:
        raise
    except NotFound:
        _look_for_a_fault(name, load(flags, os.environ, config=config).settings.home)
        raise
    except (EngineError, Busy) as error:
        raise EngineStartError(error.message) from None
    _tell(watched(server, state, sys.stderr) if wait else state)


def _look_for_a_fault(name: str, home: Path) -> None:
    """Tell why a model is there and unknown to the server all the same."""
    model = Shelf(home).find(name)
    if model.fault:
        raise InvalidRequest(f"{model.file.name} cannot be used: {model.fault}")
    if model.kind != "chat":
        raise InvalidRequest(f"{model.name} does not chat, so it is not loaded by name.")


def unload_model(name: str, flags: Mapping[str, Any], config: Path | None) -> None:
    """Let the running server unload a model; errors as `load_model`."""
    _tell(asyncio.run(_post(_server(flags, config), name, "unload")))


def _server(flags: Mapping[str, Any], config: Path | None) -> Running:
    server = living(load(flags, os.environ, config=config).settings.home)
    if server is None:
        raise InvalidRequest("No mecum server runs, and only a server keeps models loaded. Start one: mecum serve")
    return server


def _tell(state: Json) -> None:
    memory = f" (up to {size(state['memory'])} of memory)" if state["memory"] and state["state"] != "unloaded" else ""
    say(f"{one_line(state['id'])}: {state['state']}{memory}")


async def _states(server: Running) -> dict[str, Json]:
    from mecum.cli.remote import to_server  # noqa: PLC0415 # half a second, for who has a server

    async with to_server(server) as api:
        return {one["file"]: one for one in (await api.get(MODELS))["items"]}


async def _post(server: Running, name: str, what: str) -> Json:
    from mecum.cli.remote import to_server  # noqa: PLC0415

    async with to_server(server) as api:
        answer: Json = await api.post(f"{MODELS}/{quote(name, safe='', errors='replace')}/{what}", {})
        return answer
