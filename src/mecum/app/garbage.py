"""Python's garbage collector, for a process that starts once and then serves for long.

What starting made stays for good, so it is not looked through again and again: with it, a full collection would stop every
stream for tens of milliseconds. And the youngest objects are looked at less often, because a read of a stream makes hundreds
that are gone a moment later, without the collector's help (`tests/app/test_garbage.py`).
"""

from __future__ import annotations

import gc
from typing import Final

YOUNG: Final = 10_000  # objects made and not yet gone before the youngest are looked at; Python's own is 700


def settle() -> None:
    """Take everything that exists now as staying. To be called once, when the program has started."""
    gc.freeze()
    _, *older = gc.get_threshold()
    gc.set_threshold(YOUNG, *older)
