"""Which batch the embedded engine gets: what a larger one brings in throughput, and costs others in pauses.

    python -m bench.batches [--rounds 4] [--threads 1] [--only 0 3]

Every arrangement runs the starter model in a child of its own, in an order that turns from round to round. Columns: tokens
a second of 16 clients that ask at once, prompts of 40 words and answers of 48 tokens, from the first request to the last
answer's end, and tokens a CPU second of the child, which with one thread hardly depends on what else the machine does; the
mean wait for a first token meanwhile; prompt tokens a second, alone and beside a running answer, for a prompt of about
1,500 tokens; that answer's longest pause. Medians; in brackets the least and the most of all rounds (of the pause the most
only). Three minutes a round on a machine that does nothing else, a minute with `--crowd`, which leaves out the long prompt.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import psutil

from bench.engine_defaults import Arrangement, child, decode, prefill, prefill_beside, prompt, read
from bench.processes import cpu_seconds, interruptible
from bench.quiet import Quiet
from bench.report import figure, machine, median, table
from mecum.engine.connection import Connection
from mecum.engine.process import Process

ARRANGEMENTS = (
    Arrangement(2048, micro=512),
    Arrangement(512, micro=128),
    Arrangement(256),
    Arrangement(256, micro=128),
    Arrangement(192),
    Arrangement(128),
)
CLIENTS, WORDS, TOKENS = 16, 40, 48
GROUPS = 2  # of clients, in each round


@dataclass(frozen=True, slots=True)
class Crowd:
    """What a group of clients got together."""

    rate: float  # tokens a second
    work: float  # tokens a CPU second of the engine
    first: float  # seconds, the mean


@dataclass(slots=True)
class Figures:
    """What all rounds of one arrangement gave."""

    crowds: list[Crowd] = field(default_factory=list)
    prefill: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    gap: list[float] = field(default_factory=list)

    def row(self, name: str, rival: Figures) -> list[str]:
        """Return the medians; throughput also as a share of what a `rival` gave."""
        rates, works = [crowd.rate for crowd in self.crowds], [crowd.work for crowd in self.crowds]
        return [
            name,
            _spread(rates, 1),
            figure(median(rates) / median([crowd.rate for crowd in rival.crowds]), 2),
            _spread(works, 1),
            figure(median(works) / median([crowd.work for crowd in rival.crowds]), 2),
            figure(median([crowd.first for crowd in self.crowds]), 2),
            _spread(self.prefill, 0),
            _spread(self.beside, 0),
            f"{figure(median(self.gap), 2)} ({figure(max(self.gap, default=float('nan')), 2)})",
        ]


HEADERS = (
    "", "16 clients, tok/s", "of the first row", "tok/CPU s", "of the first row", "their first token, s",
    "prompt, tok/s", "prompt beside an answer, tok/s", "its longest pause, s",
)  # fmt: skip


def _spread(values: Sequence[float], digits: int) -> str:
    if not values:
        return "-"
    return f"{figure(median(values), digits)} ({figure(min(values), digits)} to {figure(max(values), digits)})"


async def crowd(connection: Connection, process: Process, seed: int, attempt: int) -> Crowd:
    """Let all clients ask at once."""
    arrivals: list[list[float]] = [[] for _ in range(CLIENTS)]
    prompts = [prompt(WORDS, TOKENS, 1000 * (seed + 100 * attempt) + number) for number in range(CLIENTS)]
    engine = psutil.Process(process.pid)
    worked, began = cpu_seconds(engine), time.perf_counter()
    await asyncio.gather(*(read(connection, one, times) for one, times in zip(prompts, arrivals, strict=True)))
    seconds = time.perf_counter() - began
    worked = cpu_seconds(engine) - worked
    tokens = CLIENTS * TOKENS
    return Crowd(tokens / seconds, tokens / worked, sum(times[0] for times in arrivals) / CLIENTS - began)


async def measure(arrangement: Arrangement, figures: Figures, quiet: Quiet, round_: int, *, long: bool) -> None:
    """Run one arrangement once."""
    async with child(arrangement) as (connection, process):
        await decode(connection, 1, 10)  # the first pages of the weights come from the disk
        for group in range(GROUPS):
            figures.crowds.append(await quiet.measure(partial(crowd, connection, process, 10 * round_ + group)))
        if not long:
            return
        figures.prefill.append(await quiet.measure(partial(_prefill, connection, 5000 + round_)))
        rate, gap = await quiet.measure(partial(_beside, connection))
        figures.beside.append(rate)
        figures.gap.append(gap)


async def _prefill(connection: Connection, seed: int, attempt: int) -> float:
    return await prefill(connection, seed + 100 * attempt)


async def _beside(connection: Connection, _attempt: int) -> tuple[float, float]:
    return await prefill_beside(connection)


def _turns(arrangements: Sequence[Arrangement], rounds: int) -> Iterator[tuple[int, Arrangement]]:
    for round_ in range(rounds):
        at = round_ % len(arrangements)
        yield from ((round_, arrangement) for arrangement in (*arrangements[at:], *arrangements[:at]))


async def run(arrangements: Sequence[Arrangement], rounds: int, quiet: Quiet, *, long: bool) -> str:
    """Return the table. Each run's figures go to stderr as they come."""
    results = {arrangement: Figures() for arrangement in arrangements}
    for round_, arrangement in _turns(arrangements, rounds):
        figures = results[arrangement]
        await measure(arrangement, figures, quiet, round_, long=long)
        print(" | ".join(figures.row(arrangement.name, figures)), file=sys.stderr, flush=True)
    first = results[arrangements[0]]
    return table(HEADERS, (figures.row(arrangement.name, first) for arrangement, figures in results.items()))


def main() -> None:
    """Read the options, measure, print."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--rounds", type=int, default=4)
    options.add_argument("--only", type=int, nargs="*", help="numbers of arrangements, from 0")
    options.add_argument("--threads", type=int, help="threads for all; with 1 a busy machine disturbs the ratios least")
    options.add_argument("--crowd", action="store_true", help="without the long prompt")
    chosen = options.parse_args()
    arrangements = ARRANGEMENTS if chosen.only is None else [ARRANGEMENTS[number] for number in chosen.only]
    if chosen.threads:
        arrangements = [dataclasses.replace(arrangement, threads=chosen.threads) for arrangement in arrangements]
    print(machine(), end="\n\n")
    quiet = Quiet(allowed=0.2, budget=60)
    with interruptible():
        result = asyncio.run(run(arrangements, chosen.rounds, quiet, long=not chosen.crowd))
    print(quiet.verdict())
    print(result)


if __name__ == "__main__":
    main()
