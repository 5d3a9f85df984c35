"""What the embedded engine's defaults rest on: slots, context memory, batch and threads, compared side by side.

    python -m bench.engine_defaults [--rounds 2] [--only 3 4] [--threads 1]

Every arrangement runs the starter model in a child of its own, one after the other, round after round, so that a busy
moment of the machine hits them all; the figures are medians over the rounds. Columns: tokens a second while one and four
clients read answers; prompt tokens a second, alone and beside a running answer, for a prompt of about 1,500 tokens; that
answer's longest pause meanwhile; the child's largest memory. Prints Markdown for `docs/engine.md`. Takes a few minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import itertools
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.processes import interruptible
from bench.report import figure, machine, median, table
from mecum.engine import models
from mecum.engine.command import Wheel, make_place
from mecum.engine.connection import Connection
from mecum.engine.plan import Plan
from mecum.engine.process import Process
from mecum.errors import MecumError
from mecum.types import Message, Prompt, Sampling

WORDS = "the of and to in is you that it he was for on are as with his they at be this have from or one had by word".split()
CLIENTS = 4
LONG = 1400  # words, which make about 1,500 tokens
CONTEXT = 4096  # tokens for each slot
TOKENS = 80  # of an answer


@dataclass(frozen=True, slots=True)
class Arrangement:
    """One set of values to try."""

    batch: int
    threads: int = 2
    unified: bool = False
    micro: int | None = None  # n_ubatch where it differs from n_batch

    @property
    def name(self) -> str:
        """How the table calls it."""
        memory = "shared" if self.unified else "per slot"
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return f"batch {self.batch}{f'/{self.micro}' if self.micro else ''}, {threads}, context {memory}"


@dataclass(slots=True)
class Figures:
    """What one run gave."""

    one: list[float] = field(default_factory=list)
    four: list[float] = field(default_factory=list)
    prefill: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    gap: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)

    def row(self, name: str) -> list[str]:
        """Return the medians."""
        return [
            name,
            figure(median(self.one)),
            figure(median(self.four)),
            figure(median(self.prefill), 0),
            figure(median(self.beside), 0),
            figure(median(self.gap), 2),
            figure(median(self.memory), 0),
        ]


ARRANGEMENTS = (
    Arrangement(2048, micro=512),
    Arrangement(512),
    Arrangement(256),
    Arrangement(128),
    Arrangement(128, unified=True),
    Arrangement(64),
    Arrangement(32),
    Arrangement(128, threads=1),
)


@asynccontextmanager
async def child(
    arrangement: Arrangement, *, llama: bool = True, **overrides: object
) -> AsyncIterator[tuple[Connection, Process]]:
    """Run a child so arranged; gives the way to it and the process."""
    with tempfile.TemporaryDirectory(prefix="mecum-bench-") as folder:
        plan = Plan(slots=CLIENTS, context=CONTEXT, threads=arrangement.threads, batch=arrangement.batch)
        micro = arrangement.micro or arrangement.batch
        backend = Wheel(kv_unified=arrangement.unified, n_ubatch=micro, **overrides)
        place = make_place(Path(folder), unix=backend.unix)
        process = backend.start(models.locate(None, Path(folder)), plan, place)
        # A busy machine must not end the measurement: clients of a crowd wait for others' slots.
        connection = Connection(place.url, api_key=place.key, unix_socket=place.socket, llama=llama, silence_timeout=600)
        try:
            await _loaded(connection)
            yield connection, process
        finally:
            await connection.aclose()
            await process.stop()


async def _loaded(connection: Connection) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                await connection.get("/health")
            except MecumError:
                await asyncio.sleep(0.05)
            else:
                return


def prompt(words: int, tokens: int, seed: int) -> Prompt:
    """Return a prompt that nothing in a cache begins like, whose answer does not end before `tokens`."""
    chosen = random.Random(seed)
    text = " ".join(chosen.choice(WORDS) for _ in range(words))
    no_end = {"0": -100, "2": -100}  # the starter model's end tokens
    sampling = Sampling(temperature=0.8, seed=seed, max_tokens=tokens, logit_bias=no_end)
    return Prompt("starter", (Message("user", f"{seed} {text}"),), sampling, cache=False)


async def read(connection: Connection, request: Prompt, arrivals: list[float]) -> None:
    """Read an answer, noting when each piece of text came."""
    reply = await connection.chat(request)
    try:
        async for batch in reply:
            arrivals += [time.perf_counter() for delta in batch if delta.content]
    finally:
        await reply.aclose()


async def decode(connection: Connection, clients: int, tokens: int) -> float:
    """Return tokens a second of all clients together, from the moment when all have begun."""
    arrivals: list[list[float]] = [[] for _ in range(clients)]
    await asyncio.gather(*(read(connection, prompt(12, tokens, seed), arrivals[seed]) for seed in range(clients)))
    begin, end = max(one[0] for one in arrivals), min(one[-1] for one in arrivals)
    return sum(begin < moment <= end for one in arrivals for moment in one) / (end - begin)


async def prefill(connection: Connection, seed: int) -> float:
    """Return prompt tokens a second."""
    long = prompt(LONG, 1, seed)
    tokens = await connection.count(long) or 0
    began = time.perf_counter()
    await read(connection, long, [])
    return tokens / (time.perf_counter() - began)


async def prefill_beside(connection: Connection) -> tuple[float, float]:
    """Return prompt tokens a second beside a running answer, and that answer's longest pause meanwhile."""
    arrivals: list[float] = []
    beside = asyncio.create_task(read(connection, prompt(12, 2000, 5), arrivals))
    async with asyncio.timeout(60):
        while len(arrivals) < 10:  # noqa: ASYNC110 -- a list tells nobody that it grew
            await asyncio.sleep(0.05)
    before = len(arrivals) - 1
    rate = await prefill(connection, 78)
    await asyncio.sleep(0.2)
    beside.cancel()
    await asyncio.gather(beside, return_exceptions=True)
    return rate, max(late - early for early, late in itertools.pairwise(arrivals[before:]))


async def measure(arrangement: Arrangement, figures: Figures, tokens: int) -> None:
    """Run one arrangement once."""
    async with child(arrangement) as (connection, process):
        await decode(connection, 1, 10)  # the first pages of the weights come from the disk
        figures.one.append(await decode(connection, 1, tokens))
        figures.four.append(await decode(connection, CLIENTS, tokens))
        figures.prefill.append(await prefill(connection, 77))
        rate, gap = await prefill_beside(connection)
        figures.beside.append(rate)
        figures.gap.append(gap)
        figures.memory.append(_peak(process.pid))


def _peak(pid: int) -> float:
    """Return the process' largest memory so far, in MB (Linux)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1000
    return float("nan")


async def run(arrangements: Sequence[Arrangement], rounds: int, tokens: int) -> str:
    """Return the table. Each run's figures go to stderr as they come."""
    results = {arrangement: Figures() for arrangement in arrangements}
    for _ in range(rounds):
        for arrangement, figures in results.items():
            await measure(arrangement, figures, tokens)
            print(" | ".join(figures.row(arrangement.name)), file=sys.stderr, flush=True)
    headers = (
        "",
        "1 client, tok/s",
        "4 clients, tok/s",
        "prompt, tok/s",
        "prompt beside an answer, tok/s",
        "its longest pause, s",
        "memory, MB",
    )
    return table(headers, (figures.row(arrangement.name) for arrangement, figures in results.items()))


def main() -> None:
    """Read the options, measure, print."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--rounds", type=int, default=2)
    options.add_argument("--only", type=int, nargs="*", help="numbers of arrangements, from 0")
    options.add_argument("--threads", type=int, help="threads for all; with 1 a busy machine disturbs the ratios least")
    chosen = options.parse_args()
    arrangements = ARRANGEMENTS if chosen.only is None else [ARRANGEMENTS[number] for number in chosen.only]
    if chosen.threads:
        arrangements = [dataclasses.replace(arrangement, threads=chosen.threads) for arrangement in arrangements]
    print(machine(), end="\n\n")
    with interruptible():
        print(asyncio.run(run(arrangements, chosen.rounds, TOKENS)))


if __name__ == "__main__":
    main()
