"""Models worth pulling, and which of them suits this machine: `catalogue.toml`, whose rows name the pages they were read on.

Invariants (`tests/models/test_catalogue.py`): a row without all its facts and at least one page is refused, and one is never
chosen that does not fit the free memory. An empty catalogue recommends nothing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from typing import Any, Final

from mecum.engine.machine import Machine
from mecum.engine.plan import OVERHEAD
from mecum.models.fit import tokens_per_second
from mecum.models.source import FromHub

FILE: Final = "catalogue.toml"
TALK: Final = 4096  # tokens of context that a chat wants at least
READING: Final = 4.0  # tokens a second; slower than that one waits for the words
_LEFT: Final = 0.8  # of the free memory, at most: the machine has other work, too


@dataclass(frozen=True, slots=True)
class Entry:
    """A row. `size` in bytes, `context` in tokens, `token_bytes` what one of them takes; `pages` are where that was read."""

    name: str
    repo: str
    file: str
    parameters: str
    size: int
    context: int
    token_bytes: int
    licence: str
    read: date
    pages: tuple[str, ...]

    @property
    def source(self) -> FromHub:
        """Where it is pulled from."""
        return FromHub(self.repo, self.file)

    def context_in(self, memory: int) -> int:
        """Return how much context one chat has where so much memory is free; 0 where the model does not fit at all."""
        room = int(memory * _LEFT) - self.size - OVERHEAD
        return max(0, min(self.context, room // self.token_bytes // 256 * 256))

    def fits(self, memory: int) -> bool:
        """Return whether a chat has room beside the model."""
        return self.context_in(memory) >= min(TALK, self.context)


@dataclass(frozen=True, slots=True)
class Advice:
    """What to pull, and why. `speed` is estimated tokens a second, None where it cannot be told."""

    entry: Entry
    context: int
    speed: float | None
    fast_enough: bool


def entries(text: str | None = None) -> tuple[Entry, ...]:
    """Return the rows, the weakest first. `text` is for tests.

    Raises:
        ValueError: a row lacks something, or has something that is not known.
    """
    content = text if text is not None else (files("mecum.models") / FILE).read_text(encoding="utf-8")
    return tuple(_entry(row) for row in tomllib.loads(content).get("model", ()))


def recommend(found: Sequence[Entry], machine: Machine, memory_speed: float) -> Advice | None:
    """Return the best row for a machine: the strongest that fits and is fast enough to read along; else the smallest."""
    fitting = [_advice(entry, machine, memory_speed) for entry in found if entry.fits(machine.memory)]
    quick = [advice for advice in fitting if advice.fast_enough]
    return quick[-1] if quick else min(fitting, key=lambda advice: advice.entry.size, default=None)


def _advice(entry: Entry, machine: Machine, memory_speed: float) -> Advice:
    speed = tokens_per_second(entry.size, machine, memory_speed)
    return Advice(entry, entry.context_in(machine.memory), speed, speed is None or speed >= READING)


def _entry(row: dict[str, Any]) -> Entry:
    try:
        entry = Entry(**{**row, "pages": tuple(row["pages"])})
    except (TypeError, KeyError) as error:
        raise ValueError(f"{FILE}: the row {row.get('name')!r} is not whole: {error}") from None
    if not entry.pages or not all(page.startswith("https://") for page in entry.pages):
        raise ValueError(f"{FILE}: the row {entry.name!r} names no page")
    return entry
