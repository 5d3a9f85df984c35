"""`python -m bench.streaming proxy`: what a proxy costs for each event, and whether it holds events back.

Every proxy stands in front of the same synthetic engine and gets the same load in turn, round after round, so that
what else the machine does hits all alike. CPU seconds are those of the proxy's processes alone. Every answer is read to
its end and compared with what the engine sent: a lost, doubled or changed event ends the benchmark.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

from bench.processes import run_loop
from bench.quiet import Quiet
from bench.report import figure, machine, median, percentile, table
from bench.streaming.client import Recording, Target, record
from bench.streaming.proxies import Running, started
from bench.streaming.sse import Broken, Json, Reply, complete
from bench.streaming.upstream import expected

PROXIES = ("bytecopy", "mecum", "usual", "litellm")


@dataclass(frozen=True, slots=True)
class Load:
    """So many clients, each with stream after stream for `seconds`, at least one.

    With an `interval` (seconds) the events of a stream come one by one, so that a proxy finds one event in a read.
    """

    clients: int
    events: int  # texts in a stream
    seconds: float = 0.0
    interval: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to measure."""

    proxies: tuple[str, ...] = PROXIES
    rounds: int = 3
    fast: tuple[Load, ...] = (Load(1, 1000, 2.0), Load(4, 1000, 2.0), Load(16, 1000, 2.0))
    request: Load = Load(4, 1, 1.0)
    paced: tuple[Load, ...] = (Load(4, 250, interval=0.02), Load(16, 500, interval=0.004))


@dataclass(frozen=True, slots=True)
class Sample:
    """What a proxy gave under a load, and the CPU seconds that it took."""

    recordings: list[Recording]
    wall: float
    cpu: float


@dataclass(slots=True)
class Cell:
    """What all rounds of one proxy under one load gave. Times are seconds."""

    events: int = 0
    cpu: float = 0.0
    wall: float = 0.0
    streams: int = 0
    first: list[float] = field(default_factory=list)
    longest_gap: float = 0.0
    delays: list[float] = field(default_factory=list)

    @property
    def cost(self) -> float:
        """CPU microseconds for each event."""
        return self.cpu / self.events * 1e6 if self.events else float("nan")


Cells = dict[tuple[str, Load], Cell]


def run(plan: Plan, program: str) -> None:
    """Measure and print the tables.

    Raises:
        Broken: a proxy lost, changed or doubled an event.
        bench.processes.StartError: a proxy did not start.
        bench.processes.TooSlow: the machine is too busy.
    """
    print(machine(), flush=True)
    quiet = Quiet(allowed=0.3, budget=60)
    with started(list(plan.proxies), program) as (engine, running):
        cells = run_loop(_measure(plan, engine, running, quiet))
    names = [one.target.name for one in running]
    print(quiet.verdict())
    print(f"## As fast as possible, {plan.fast[0].events} events a stream, one event a chunk\n")
    for load in plan.fast:
        print(_fast_table(names, load, cells))
    print(f"## One request, a stream of one event, {plan.request.clients} clients\n")
    print(_request_table(names, plan.request, cells))
    for load in plan.paced:
        print(f"## An event every {load.interval * 1000:.0f} ms in each of {load.clients} streams: is any held back?\n")
        print(_paced_table(names, load, cells))


async def _measure(plan: Plan, engine: Target, running: list[Running], quiet: Quiet) -> Cells:
    cells: Cells = defaultdict(Cell)
    await _set_pace(engine, 0.0)
    for one in running:  # the first answers pay for imports and caches: they do not count
        await _take(one, Load(2, 20, 0.5), 0)
    for round_ in range(plan.rounds):
        for load in (*plan.fast, plan.request):
            for one in _of_round(running, round_):
                _add(cells[one.target.name, load], await quiet.measure(partial(_take, one, load)), load)
    for load in plan.paced:
        await _set_pace(engine, load.interval)
        for one in running:
            _add(cells[one.target.name, load], await quiet.measure(partial(_take, one, load)), load)
    return cells


def _of_round(running: list[Running], round_: int) -> list[Running]:
    """Return who takes part in a round, in an order that turns from round to round."""
    turned = running[round_ % len(running) :] + running[: round_ % len(running)]
    return [one for one in turned if one.rounds is None or round_ < one.rounds]


async def _set_pace(engine: Target, interval: float) -> None:
    def post() -> int:
        connection = http.client.HTTPConnection("127.0.0.1", engine.port, timeout=5)
        connection.request("POST", "/pace", json.dumps({"interval": interval, "per_write": 1}))
        status = connection.getresponse().status
        connection.close()
        return status

    if await asyncio.to_thread(post) != 200:
        raise Broken("the synthetic engine refused its pace")


async def _take(one: Running, load: Load, _attempt: int) -> Sample:
    body: Json = {
        "messages": [{"role": "user", "content": "Tell me about the river."}],
        "max_tokens": load.events,
        "stream_options": {"include_usage": True},
    }
    before, began = _cpu(one), time.monotonic()

    async def client() -> list[Recording]:
        recordings = [await record(one.target, body)]
        while time.monotonic() < began + load.seconds:
            recordings.append(await record(one.target, body))
        return recordings

    recordings = [item for some in await asyncio.gather(*(client() for _ in range(load.clients))) for item in some]
    return Sample(recordings, wall=time.monotonic() - began, cpu=_cpu(one) - before)


def _cpu(one: Running) -> float:
    return one.child.cpu_seconds() if one.child else float("nan")


def _add(cell: Cell, sample: Sample, load: Load) -> None:
    """Check every answer and add what it tells to the cell."""
    cell.wall += sample.wall
    cell.cpu += sample.cpu
    for recording in sample.recordings:
        reply = _checked(recording, load)
        times = [token.at for token in reply.tokens]
        cell.events += len(times)
        cell.streams += 1
        cell.first.append(times[0] - recording.started)
        cell.longest_gap = max(cell.longest_gap, *(b - a for a, b in pairwise(times)), 0.0)
        if load.interval:
            cell.delays += [token.at - int(stamp) / 1e9 for token in reply.tokens for stamp in token.text.split()]


def _checked(recording: Recording, load: Load) -> Reply:
    reply = complete(recording.reads)
    text = "".join(token.text for token in reply.tokens)
    if not load.interval and text != expected(load.events):
        raise Broken(f"the text differs from what the engine sent ({len(text)} characters of {len(expected(load.events))})")
    stamps = [int(stamp) for stamp in text.split()] if load.interval else []
    if load.interval and (len(stamps) != load.events or stamps != sorted(stamps)):
        raise Broken(f"{len(stamps)} events came of {load.events}, or not in their order")
    return reply


def _fast_table(names: list[str], load: Load, cells: Cells) -> str:
    floor = cells["byte copy", load].cost if "byte copy" in names else float("nan")
    ours = cells["mecum", load].cost if "mecum" in names else float("nan")
    headers = [
        f"{load.clients} client{'s' * (load.clients > 1)}", "CPU µs an event", "events a CPU-second",
        "times byte copy", "times mecum",
        "events/s", "first event p50, ms", "p95, ms", "longest gap, ms",
    ]  # fmt: skip
    rows = []
    for name in names:
        cell = cells[name, load]
        rows.append([
            name, figure(cell.cost), figure(1e6 / cell.cost, 0), figure(cell.cost / floor), figure(cell.cost / ours, 2),
            figure(cell.events / cell.wall, 0), figure(median(cell.first) * 1e3), figure(percentile(cell.first, 0.95) * 1e3),
            figure(cell.longest_gap * 1e3),
        ])  # fmt: skip
    return table(headers, rows)


def _request_table(names: list[str], load: Load, cells: Cells) -> str:
    rows = []
    for name in names:
        cell = cells[name, load]
        rows.append([
            name, figure(cell.cpu / cell.streams * 1e3, 2), figure(cell.streams / cell.wall, 0),
            figure(median(cell.first) * 1e3, 2), figure(percentile(cell.first, 0.95) * 1e3, 2),
        ])  # fmt: skip
    return table(["", "CPU ms a request", "requests/s", "first event p50, ms", "p95, ms"], rows)


def _paced_table(names: list[str], load: Load, cells: Cells) -> str:
    direct = cells["direct", load]
    rows = []
    for name in names:
        cell = cells[name, load]
        added = [percentile(cell.delays, share) - percentile(direct.delays, share) for share in (0.5, 0.99)]
        rows.append([
            name, *(figure(percentile(cell.delays, share) * 1e3, 2) for share in (0.5, 0.99, 1)),
            *(figure(value * 1e3, 2) for value in added), figure(cell.cost), figure(median(cell.first) * 1e3),
        ])  # fmt: skip
    headers = [
        "", "delay p50, ms", "p99, ms", "max, ms", "added p50, ms", "added p99, ms", "CPU µs an event",
        "first event p50, ms",
    ]  # fmt: skip
    return table(headers, rows)
