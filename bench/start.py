"""`python -m bench.start`: from the start of `mecum serve` to the first answered token, and the memory it then takes.

A chat is sent as soon as the port accepts it, so it waits for the model inside mecum, as a user's would. Every run has an
empty home of its own; the files are in the page cache after the first. RSS counts shared pages in full, PSS by share.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.processes import (
    MECUM,
    Child,
    StartError,
    TooSlow,
    family,
    free_port,
    interruptible,
    run_loop,
    spawn,
    status,
    stop,
)
from bench.report import figure, machine, median, table
from bench.streaming.client import Target, open_stream
from bench.streaming.sse import Broken, parse

LIMIT = 60.0  # seconds that one start may take
POLL = 0.01  # seconds between two looks


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of the API process, and of all processes below it."""

    rss: int
    pss: int
    below_rss: int
    below_pss: int


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds from the start of the process, and what it weighed once it had answered."""

    listening: float
    ready: float
    token: float
    memory: Memory


def run(program: str, runs: int) -> None:
    """Measure and print the tables.

    Raises:
        StartError: mecum ended.
        TooSlow: a start took more than `LIMIT` seconds.
    """
    print(machine(), flush=True)
    starts = [_start(program) for _ in range(runs)]
    print(f"\n## From `mecum serve`, starter model, {runs} starts\n")
    print(table(["seconds to", "median", "least", "most"], _time_rows(starts)))
    print("## Memory after the first answer\n")
    print(table(["MB", "RSS", "PSS"], _memory_rows([one.memory for one in starts])))


def _time_rows(starts: Sequence[Start]) -> list[list[str]]:
    readings: list[tuple[str, Callable[[Start], float]]] = [
        ("listening", lambda one: one.listening),
        ("ready", lambda one: one.ready),
        ("the first token of an answer", lambda one: one.token),
    ]
    rows = []
    for name, read in readings:
        values = [read(one) for one in starts]
        rows.append([name, figure(median(values), 2), figure(min(values), 2), figure(max(values), 2)])
    return rows


def _memory_rows(memories: Sequence[Memory]) -> list[list[str]]:
    def row(name: str, rss: Callable[[Memory], int], pss: Callable[[Memory], int]) -> list[str]:
        return [name, *(figure(median([read(one) for one in memories]) / 1e6) for read in (rss, pss))]

    return [
        row("API process", lambda one: one.rss, lambda one: one.pss),
        row("its engine", lambda one: one.below_rss, lambda one: one.below_pss),
        row("both", lambda one: one.rss + one.below_rss, lambda one: one.pss + one.below_pss),
    ]


def _start(program: str) -> Start:
    with tempfile.TemporaryDirectory(prefix="mecum-bench-", ignore_cleanup_errors=True) as folder:
        port, began = free_port(), time.monotonic()
        child = spawn("mecum", [program, "serve", "--port", str(port)], port=port, home=Path(folder))
        try:
            return run_loop(_watch(child, began), limit=LIMIT)
        finally:
            stop(child)


async def _watch(child: Child, began: float) -> Start:
    listening = await _until(child, lambda: status(child.port, "/livez") == 200)
    token, ready = await asyncio.gather(
        _first_token(Target("mecum", child.port, model="mecum")),
        _until(child, lambda: status(child.port, "/readyz") == 200),
    )
    return Start(listening - began, ready - began, token - began, _memory(child))


async def _until(child: Child, holds: Callable[[], bool]) -> float:
    """Return when (`time.monotonic()`) something held for the first time."""
    while not await asyncio.to_thread(holds):
        if child.process.poll() is not None:
            raise StartError(f"mecum ended with {child.process.returncode}:\n{child.tail()}")
        await asyncio.sleep(POLL)
    return time.monotonic()


async def _first_token(target: Target) -> float:
    body = {"messages": [{"role": "user", "content": "Hello, who are you?"}], "max_tokens": 8}
    while True:
        async with open_stream(target, body) as (recording, ended):
            await ended
        try:
            return parse(recording.reads).tokens[0].at
        except Broken:  # 503 while the model loads: try again, as a client would
            await asyncio.sleep(POLL)


def _memory(child: Child) -> Memory:
    own, *below = [_weights(process) for process in family(child.pid)]
    return Memory(*own, sum(rss for rss, _ in below), sum(pss for _, pss in below))


def _weights(process: psutil.Process) -> tuple[int, int]:
    full = process.memory_full_info()
    return int(full.rss), int(getattr(full, "pss", full.rss))


def main() -> int:
    """Run the benchmark; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.start", description="How soon mecum answers, and its memory.")
    parser.add_argument("--mecum", default=MECUM, help="the mecum program to measure")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    try:
        with interruptible():
            run(arguments.mecum, arguments.runs)
    except (StartError, TooSlow) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
