"""Measurements that other programs spoil are taken again: most machines that run a benchmark do something else as well.

Invariant: of all tries the one is kept during which programs that are not ours took the least of the machine. How much that
was, at worst, is told with the figures (`Quiet.worst`).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import psutil

from bench.processes import cpu_seconds, family

T = TypeVar("T")
TRIES = 4


@dataclass(slots=True)
class Quiet:
    """Takes measurements. `allowed` is how many cores other programs may take meanwhile.

    `budget` is how many seconds waiting and repeating may take in all; when it is spent, figures are taken as they come.
    """

    allowed: float = 0.1
    budget: float = 150.0
    patience: float = 10.0  # seconds that one measurement may wait
    worst: float = 0.0

    async def measure(self, take: Callable[[int], Awaitable[T]]) -> T:
        """Return what `take` gives in the least disturbed of its tries; it is told which try it is, from 0."""
        taken: list[tuple[float, T]] = []
        while len(taken) < TRIES and (not taken or self.budget > 0):
            await self._wait()
            before, began = _others(), time.monotonic()
            value = await take(len(taken))
            seconds = time.monotonic() - began
            taken.append(((_others() - before) / seconds, value))
            if taken[-1][0] <= self.allowed:
                break
            self.budget -= seconds
        cores, value = min(taken, key=lambda pair: pair[0])
        self.worst = max(self.worst, cores)
        return value

    async def _wait(self) -> None:
        """Return when other programs pause, or when there is no more patience."""
        began = time.monotonic()
        while time.monotonic() < began + min(self.patience, self.budget):
            before = _others()
            await asyncio.sleep(0.5)
            if _others() - before <= 0.5 * self.allowed:
                return
        self.budget -= time.monotonic() - began

    def verdict(self) -> str:
        """Return a line for the report."""
        patience = "" if self.budget > 0 else "; too much for more repeating: take these figures with caution"
        return f"Other programs took {max(0.0, self.worst):.2f} cores during the most disturbed measurement{patience}.\n"


def _others() -> float:
    """Return the CPU seconds that all programs of normal priority have used, but for this one and those below it."""
    times = psutil.cpu_times()  # what runs with a raised niceness is counted apart, and gives way
    return float(times.user + times.system) - sum(cpu_seconds(process) for process in family(os.getpid()))
