"""How far a load is, seen from outside: the memory that the child has, of what it will have once the model is loaded.

llama.cpp says nothing of it at the level of its log that keeps requests out (`command.ERRORS_ONLY`), and the dots that it
would print end with the weights, while most of the time may pass with what comes then. All of a load fills memory: pages of
the file, weights arranged anew for the processor, the contexts. Invariants (`tests/engine/test_loading.py`, with curves of
real loads): within one load it never goes back and never reaches 1; nobody who does not ask pays for it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from mecum.engine.gguf import Header
from mecum.engine.machine import resident_memory
from mecum.engine.plan import Plan, token_bytes

NEARLY: Final = 0.99  # the most that is told of a model that is not loaded
PROGRAM: Final = 50_000_000  # bytes of a child that has nothing of its model yet
ARRANGED: Final = 0.6  # of the weights, which llama.cpp then has twice …
_ARRANGED_TYPES: Final = frozenset({2, 14, 15, 25})  # … where they are Q4_0, Q4_K or IQ4_NL (`general.file_type`)


@dataclass(frozen=True, slots=True)
class Progress:
    """`share` is from 0 to 1, None where nothing is known of it; `seconds` since the load began."""

    share: float | None
    seconds: float


class Loading:
    """One load, which began at that monotonic time. `resident` is what the child will have in memory, in bytes."""

    def __init__(self, resident: int | None, began: float) -> None:
        self._resident = resident
        self._most = 0.0
        self.began = began

    def progress(self, pid: int | None) -> Progress:
        """Return how far it is now; between two tries there is no child, and `pid` None."""
        return Progress(self._share(pid), time.monotonic() - self.began)

    def _share(self, pid: int | None) -> float | None:
        if not self._resident:
            return None
        has = resident_memory(pid) if pid else 0
        if has is None:
            return None
        self._most = max(self._most, min(has / self._resident, NEARLY))  # pages of the file may go when memory is short
        return self._most


def resident_of(plan: Plan, header: Header, weights: int) -> int | None:
    """Return what a child will have in memory when it has loaded `weights` bytes; None where a GPU has a part of it."""
    if plan.fit or plan.gpu_layers > 0:
        return None
    twice = ARRANGED if header.values.get("general.file_type") in _ARRANGED_TYPES else 0.0
    return int(weights * (1 + twice)) + plan.slots * plan.context * token_bytes(header) + PROGRAM
