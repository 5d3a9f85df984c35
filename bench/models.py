"""`python -m bench.models`: what several models cost: loading one, the first token after a switch, and memory.

Two servers, one after the other, each with the starter model and a second one (`--model FILE`, else a copy of the starter).
The first has room for both: how long a load takes, and the first token of what is loaded. The second has room for one: each
chat asks for the model that is not loaded, so the other is unloaded for it. The files are in the page cache after the first
round. Every chat's prompt is new, so nothing of it is cached. RSS counts shared pages in full, PSS by share.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
from bench.quiet import Quiet
from bench.report import figure, machine, median, table
from bench.streaming.client import Target, open_stream
from bench.streaming.sse import parse
from mecum.engine import gguf
from mecum.engine.machine import Machine
from mecum.engine.models import locate
from mecum.engine.plan import least, make_plan
from mecum.settings.schema import EngineSettings

SLOTS, CONTEXT = 2, 4096
STARTER, SECOND = "starter", "second"
Times = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, and the loop's way to measure it undisturbed."""

    child: Child
    quiet: Quiet

    def ask(self, method: str, path: str) -> Any:
        """Return what a management route answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.child.port, timeout=60)
        try:
            connection.request(method, path, headers={"Content-Length": "0"})
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        if not answer["success"]:
            raise StartError(f"{path}: {answer['message']}")
        return answer["data"]

    async def load(self, name: str) -> float:
        """Return how many seconds a load takes, of a model that is not loaded."""
        await asyncio.to_thread(self.ask, "POST", f"/api/models/{name}/unload")
        began = time.monotonic()
        while (await asyncio.to_thread(self.ask, "POST", f"/api/models/{name}/load"))["state"] != "loaded":  # noqa: ASYNC110 -- another process
            await asyncio.sleep(0.01)
        return time.monotonic() - began

    async def first_token(self, name: str) -> float:
        """Return how many seconds pass until the first token of a chat."""
        body = {"messages": [{"role": "user", "content": f"{time.monotonic_ns()}: who are you?"}], "max_tokens": 4}
        began = time.monotonic()
        async with open_stream(Target("mecum", self.child.port, model=name), body) as (recording, ended):
            await ended
        return parse(recording.reads).tokens[0].at - began


@dataclass(slots=True)
class Figures:
    """Seconds by what was measured; `memory` in bytes by process: RSS, PSS, and what was planned."""

    times: Times = field(default_factory=dict)
    memory: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    def add(self, what: str, seconds: float) -> None:
        """Note a measurement."""
        self.times.setdefault(what, []).append(seconds)


def run(program: str, file: Path | None, rounds: int) -> None:
    """Measure and print the tables.

    Raises:
        StartError: mecum ended, or refused.
        TooSlow: it took too long.
    """
    print(machine(), flush=True)
    starter = locate(None, Path("/nonexistent"))
    second = file or starter
    quiet, figures = Quiet(), Figures()
    with _running(program, second) as child:
        run_loop(_beside(Server(child, quiet), figures, rounds), limit=600)
    with _running(program, second, {"MECUM_ENGINE_MEMORY": str(max(map(_needs, (starter, second))))}) as child:
        run_loop(_alternating(Server(child, quiet), figures, rounds), limit=600)
    print(f"Others took at worst {quiet.worst:.2f} cores.\n\n## {second.name} ({second.stat().st_size / 1e6:,.0f} MB)\n")
    rows = [
        [what, *(figure(value, 2) for value in (median(times), min(times), max(times)))]
        for what, times in figures.times.items()
    ]
    print(table(["seconds", "median", "least", "most"], rows))
    print("## Memory, both loaded\n")
    print(table(["MB", "RSS", "PSS", "planned at most"], _memory_rows(figures)))


async def _beside(server: Server, figures: Figures, rounds: int) -> None:
    for _ in range(rounds):
        for name in (STARTER, SECOND):
            loaded = await server.quiet.measure(lambda _, name=name: server.load(name))
            figures.add(f"loading the {name}", loaded)
        for name in (STARTER, SECOND):
            figures.add(
                f"first token, {name}, loaded", await server.quiet.measure(lambda _, name=name: server.first_token(name))
            )
    planned = {one["id"]: one["memory"] for one in (await asyncio.to_thread(server.ask, "GET", "/api/models"))["items"]}
    own, *children = family(server.child.pid)
    figures.memory["API process"] = (*_weights(own), 0)
    for process in children:
        if mapped := next((name for name in (SECOND, "SmolLM2") if _maps(process, name)), None):
            name = SECOND if mapped == SECOND else STARTER
            size = planned[SECOND] if mapped == SECOND else next(size for id_, size in planned.items() if id_ != SECOND)
            figures.memory[f"{name}'s process"] = (*_weights(process), size)


async def _alternating(server: Server, figures: Figures, rounds: int) -> None:
    await server.first_token(STARTER)

    async def switch(_: int) -> tuple[float, float]:
        return await server.first_token(SECOND), await server.first_token(STARTER)

    for _ in range(rounds):
        there, back = await server.quiet.measure(switch)
        figures.add("first token after a switch to the second", there)
        figures.add("first token after a switch to the starter", back)


@contextmanager
def _running(program: str, second: Path, env: Mapping[str, str] | None = None) -> Iterator[Child]:
    with tempfile.TemporaryDirectory(prefix="mecum-bench-", ignore_cleanup_errors=True) as folder:
        models, port = Path(folder) / "mecum" / "models", free_port()
        models.mkdir(parents=True)
        try:
            os.link(second, models / f"{SECOND}.gguf")
        except OSError:
            shutil.copyfile(second, models / f"{SECOND}.gguf")
        more = {"MECUM_ENGINE_SLOTS": str(SLOTS), "MECUM_ENGINE_CONTEXT": str(CONTEXT), **(env or {})}
        child = spawn("mecum", [program, "serve", "--port", str(port)], port=port, home=Path(folder), env=more)
        try:
            deadline = time.monotonic() + 60
            while status(port, "/readyz") != 200:
                if child.process.poll() is not None or time.monotonic() > deadline:
                    raise StartError(f"mecum did not come up:\n{child.tail()}")
                time.sleep(0.05)
            yield child
        finally:
            stop(child)


def _needs(file: Path) -> int:
    """Return what a model takes at least, in bytes, as the engine plans it."""
    header, size = gguf.read(file), file.stat().st_size
    plan = make_plan(header, size, EngineSettings(slots=SLOTS, context=CONTEXT), Machine.here())
    return least(plan, header, size, slots=SLOTS)


def _memory_rows(figures: Figures) -> list[list[str]]:
    return [
        [name, figure(rss / 1e6), figure(pss / 1e6), figure(planned / 1e6) if planned else ""]
        for name, (rss, pss, planned) in figures.memory.items()
    ]


def _maps(process: psutil.Process, name: str) -> bool:
    return any(name in one.path for one in process.memory_maps())


def _weights(process: psutil.Process) -> tuple[int, int]:
    full = process.memory_full_info()
    return int(full.rss), int(getattr(full, "pss", full.rss))


def main() -> int:
    """Run the benchmark; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.models", description="What several models cost.")
    parser.add_argument("--mecum", default=MECUM, help="the mecum program to measure")
    parser.add_argument("--model", type=Path, metavar="FILE", help="the second model; else a copy of the starter")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    try:
        with interruptible():
            run(arguments.mecum, arguments.model, arguments.rounds)
    except (StartError, TooSlow) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
