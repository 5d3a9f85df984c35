"""Which of several models a name means, and what each is called. Pure.

The rule: a name means, of all the models that it fits, the one that was there first; and a model is called by the first of
its names that means it. Invariants, for every order of events (`tests/engine/test_names.py`): a name goes on meaning the
same file as long as that is there, because what comes later takes no name from it, and what is the default makes no
difference; every model has a name of its own, and is understood by it for ever after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Claim:
    """What a model could be called, in lower case, the best first and the last one no other's; `came` in seconds."""

    names: tuple[str, ...]
    came: float


def holders(claims: Sequence[Claim]) -> dict[str, int]:
    """Return which of the models each name means, by their places in the sequence."""
    held: dict[str, int] = {}
    for place, one in sorted(enumerate(claims), key=lambda numbered: (numbered[1].came, numbered[1].names[-1])):
        for name in one.names:
            held.setdefault(name, place)
    return held


def names_of(claims: Sequence[Claim]) -> list[str]:
    """Return what each of the models is called."""
    held = holders(claims)
    return [next((name for name in one.names if held[name] == place), one.names[-1]) for place, one in enumerate(claims)]
