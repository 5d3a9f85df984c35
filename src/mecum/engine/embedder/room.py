"""How much memory an embedder's workers take, how many of them there is room for, and what chats leave them.

All in bytes. An estimate, before anything is started: the weights, what grows with the tokens, and `OVERHEAD` for the
program and its buffers (`tests/engine/embedder/test_room.py`).
"""

from __future__ import annotations

from typing import Final

from mecum.engine.embedder.workers import Unusable
from mecum.engine.plan import OVERHEAD

EASY: Final = 4  # workers that take no more than this part of the free memory together are left room for both


def is_alone(name: str, need: int, free: int) -> bool:
    """Return whether there is room for one worker only, which needs `need` besides the overhead.

    Raises:
        Unusable: not even for one.
    """
    one = need + OVERHEAD
    if one > free:
        raise Unusable(
            f"The embedder {name} needs about {one / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB "
            "are free. Choose a smaller one, or end other programs."
        )
    return 2 * one > free


def left(need: int, free: int) -> int:
    """Return how much of the free memory chats leave to workers: a half at most, for chats come first."""
    one = need + OVERHEAD
    if 2 * one <= free // EASY:
        return 2 * one
    return one if one <= free // 2 else 0
