"""What this machine can run: whether a model fits its free memory, and about how fast it would answer.

The memory is what the engine itself would plan (`engine.plan`), so both agree. The speed is an estimate, for choosing, and
is called one wherever it is shown: a token takes reading all weights once, at the memory's speed or the cores', whichever
is less (`tests/models/test_fit.py`).
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from mecum.engine.machine import Machine
from mecum.engine.plan import OVERHEAD, make_plan, token_bytes
from mecum.errors import EngineStartError
from mecum.models.facts import Facts
from mecum.settings.schema import EngineSettings

CORE: Final = 3e9  # bytes of four-bit weights that a core computes with in a second (SmolLM2 at 2.5 GHz: 2.7e9 to 2.9e9)
_SHARE: Final = 0.7  # of the memory's speed that is reached
_BLOCK: Final = 16 * 1024 * 1024  # bytes read in one go; larger than the caches of cores
_MEASURE: Final = 0.1  # seconds
_CONTEXT: Final = 8  # a model of unknown shape is taken to want this part of its size for context
_LEAST: Final = 256 * 1024 * 1024  # bytes, but no less than this


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a model fits, and what one request has room for then. `need` is in bytes; `why` is for people."""

    fits: bool
    need: int
    context: int = 0
    slots: int = 0
    why: str = ""


def fit(facts: Facts, file: Path, size: int, settings: EngineSettings, machine: Machine) -> Fit:
    """Return how a model of `size` bytes would run here."""
    header = facts.header(file, size)
    try:
        plan = make_plan(header, size, settings, machine)
    except EngineStartError as error:
        return Fit(fits=False, need=size + OVERHEAD, why=error.message)
    need = size + plan.slots * plan.context * token_bytes(header) + OVERHEAD
    return Fit(fits=True, need=need, context=plan.context, slots=plan.slots)


def need_of(size: int) -> int:
    """Return the memory that a model of so many bytes wants at least, before anything else is known of it."""
    return size + max(_LEAST, size // _CONTEXT) + OVERHEAD


def read_speed(cores: int) -> float:
    """Measure how many bytes a second this machine's memory gives to so many cores. It takes a tenth of a second."""
    rates = [0.0] * max(1, cores)

    def measure(number: int) -> None:
        block = np.ones(_BLOCK // 8)
        began, read = time.perf_counter(), 0
        while time.perf_counter() - began < _MEASURE:
            block.sum()
            read += _BLOCK
        rates[number] = read / (time.perf_counter() - began)

    threads = [threading.Thread(target=measure, args=(number,)) for number in range(len(rates))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(rates)


def tokens_per_second(size: int, machine: Machine, memory: float, facts: Facts | None = None) -> float | None:
    """Estimate how fast a model answers one request; `memory` is `read_speed`. None where it cannot be told.

    A mixture of experts reads only some of its weights, and a GPU has memory of its own.
    """
    mixture = facts is not None and facts.header(Path(), 0).number("expert_count")
    if machine.gpu or mixture or not size:
        return None
    return min(memory * _SHARE, machine.cores * CORE) / size
