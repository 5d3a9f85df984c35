"""How far a fetching is, on stderr: a bar on a terminal; elsewhere a line now and then, none for what is quickly done."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from mecum.cli.terminal import note, plain
from mecum.cli.words import size, span
from mecum.models.meter import Meter

_FRAME: Final = 0.2  # seconds
_LINE: Final = 10.0  # seconds between lines where there is no terminal


@contextmanager
def showing(meter: Meter) -> Iterator[None]:
    """Show it for the block, which runs in an event loop."""
    with ExitStack() as held:
        if sys.stderr.isatty():
            draw, pause = _bar(held, meter), _FRAME
        else:
            draw, pause = lambda: note(words(meter, time.monotonic())), _LINE
        task = asyncio.create_task(_repeat(draw, pause))
        held.callback(task.cancel)
        yield


def words(meter: Meter, now: float) -> str:
    """Return how far it is, in one line."""
    rate, left = meter.rate(now), meter.left(now)
    facts = [
        f"{size(meter.done)} of {size(meter.total)}" if meter.total else size(meter.done) if meter.done else "",
        f"{size(rate)}/s" if rate else "",
        f"{span(max(1, left))} left" if left is not None and meter.total != meter.done else "",
    ]
    return ", ".join([meter.what, *filter(None, facts)])


def _bar(held: ExitStack, meter: Meter) -> Callable[[], None]:
    columns = (SpinnerColumn(), BarColumn(30), TextColumn("{task.description}", markup=False))
    progress = held.enter_context(Progress(*columns, console=Console(stderr=True), transient=True))
    bar = progress.add_task("asking", total=None)

    def draw() -> None:
        text = plain(words(meter, time.monotonic()))
        progress.update(bar, description=text, total=meter.total or None, completed=min(meter.done, meter.total or 0))

    return draw


async def _repeat(draw: Callable[[], None], pause: float) -> None:
    while True:
        await asyncio.sleep(pause)
        draw()
