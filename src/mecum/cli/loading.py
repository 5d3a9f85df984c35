"""How far a model's loading is, as a bar on a terminal: after `mecum models load`, and at the start of `mecum serve`.

Invariant (`tests/cli/test_loading.py`): Ctrl-C ends the watching, not the loading.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from mecum.app.home import Running
from mecum.cli import words
from mecum.cli.terminal import note, one_line
from mecum.errors import EngineStartError
from mecum.types import Json

FRAME: Final = 0.2  # seconds

Draw = Callable[[Json], None]


def watched(server: Running, state: Json, stream: TextIO) -> Json:
    """Return what the server says of a model once it is loaded; meanwhile draw how far it is, if `stream` is a terminal.

    Raises:
        EngineStartError: it cannot be loaded, or was unloaded before it was.
        MecumError: the server is gone.
    """
    try:
        with bar(stream) as draw:
            state = asyncio.run(_settled(server, state, draw))
    except KeyboardInterrupt:
        note(f"{one_line(state['id'])} goes on loading; mecum status tells how far it is.")
        raise
    if state["state"] == "loaded":
        return state
    why = state["reason"] or "It was unloaded before it was loaded."
    raise EngineStartError(f"{one_line(state['id'])} is not loaded. {why}")


async def _settled(server: Running, state: Json, draw: Draw) -> Json:
    from mecum.cli.remote import to_server  # noqa: PLC0415 # half a second, which `mecum serve` need not wait for
    from mecum.cli.status import HEALTH  # noqa: PLC0415 # as above

    async with to_server(server) as api:
        while state["state"] == "loading":
            draw(state)
            await asyncio.sleep(FRAME)
            models = (await api.get(HEALTH))["models"]
            gone = {**state, "state": "failed", "reason": "Its file is gone."}
            state = next((one for one in models if one["id"] == state["id"]), gone)
    return state


@contextmanager
def bar(stream: TextIO) -> Iterator[Draw]:
    """Yield what draws a model's state (`/api/kernel2/health`) for as long as the block runs; nothing where nobody looks."""
    if not stream.isatty():
        yield lambda _: None
        return
    columns = (SpinnerColumn(), BarColumn(30), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=Console(file=stream), transient=True) as progress:
        task = progress.add_task("", total=None)

        def draw(state: Json) -> None:
            share = state["progress"]
            text = f"{one_line(state['id'])}: {words.loading(state)}"
            progress.update(task, description=text, total=None if share is None else 1, completed=share or 0)

        yield draw
