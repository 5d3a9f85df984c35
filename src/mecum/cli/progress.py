"""A running tally on stderr: a bar on a terminal; elsewhere a line now and then, and none for what is quickly done."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from mecum.cli.tally import Tally
from mecum.cli.terminal import note
from mecum.cli.words import many, span

_FRAME: Final = 0.2  # seconds
_LINE: Final = 10.0  # seconds between lines where there is no terminal


@contextmanager
def showing(tally: Tally) -> Iterator[None]:
    """Show it for the block, which runs in an event loop."""
    with ExitStack() as held:
        if sys.stderr.isatty():
            draw, pause = _bar(held, tally), _FRAME
        else:
            draw, pause = lambda: note(words(tally, time.monotonic())), _LINE
        task = asyncio.create_task(_repeat(draw, pause))
        held.callback(task.cancel)
        yield


def words(tally: Tally, now: float) -> str:
    """Return how far it is, in one line."""
    rate, left = tally.rate(now), tally.left(now)
    facts = [
        f"{tally.done:,} of {many(tally.files, 'file')}",
        many(tally.passages, "passage"),
        *([f"{tally.missing:,} without a vector"] if tally.missing else []),
        *([f"{rate:,.0f}/s" if rate >= 1 else f"{60 * rate:,.0f}/min"] if rate else []),
        *([f"{span(max(1, left))} left"] if left is not None and tally.done < tally.files else []),
    ]
    return ", ".join(facts)


def _bar(held: ExitStack, tally: Tally) -> Callable[[], None]:
    columns = (SpinnerColumn(), BarColumn(30), TextColumn("{task.description}", markup=False))
    progress = held.enter_context(Progress(*columns, console=Console(stderr=True), transient=True))
    bar = progress.add_task("comparing", total=None)

    def draw() -> None:
        if tally.files:
            text = words(tally, time.monotonic())
            progress.update(bar, description=text, total=tally.files, completed=tally.done, refresh=True)

    held.callback(draw)  # what is quickly done shows, too
    return draw


async def _repeat(draw: Callable[[], None], pause: float) -> None:
    while True:
        await asyncio.sleep(pause)
        draw()
