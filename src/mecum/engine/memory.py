"""Which models are in memory: whom to let in, what to load and what to unload. Pure; `several` does it.

Requests come in an order, and a model that is not loaded is loaded for the oldest request that waits for it. Where memory is
short, models make room that have been unused for longest, idle ones before busy ones. A busy one ends its answers first, and
meanwhile takes no request that came after the one that waits for its room: so two models in the room of one take turns, and
each turn serves all that came meanwhile. What is loaded and not asked for its room goes on as if nothing were.

Invariants, for every order of events (`tests/engine/test_memory.py`): what is loaded, and what is on its way in or out,
never takes more than the budget; nothing is unloaded while it is at work; whoever waits gets in or is refused, if answers
end and loads succeed; who waits for room is not overtaken by a later one that takes it away.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

Phase = Literal["out", "coming", "in", "going"]


@dataclass(frozen=True, slots=True)
class Tenant:
    """A model. `size` is what it takes in memory, or would take, in bytes; `used` is when it was last at work.

    With `least` bytes it can do as well before another is unloaded for it. `waits` is the number of the oldest request that
    waits for it, None where none does; the numbers grow.
    """

    name: str
    size: int
    least: int
    phase: Phase = "out"
    busy: bool = False
    used: float = 0.0
    waits: int | None = None


@dataclass(slots=True)
class Verdict:
    """What to do now, by the models' names. After each event there is another one.

    `admit`: all that waits for it may begin. `load`: with how many bytes at most. `refuse`: it does not fit, even alone.
    """

    admit: list[str] = field(default_factory=list)
    load: dict[str, int] = field(default_factory=dict)
    unload: list[str] = field(default_factory=list)
    refuse: list[str] = field(default_factory=list)


def decide(tenants: Sequence[Tenant], budget: int) -> Verdict:
    """Return what to do."""
    return _Decision(tenants, budget).made()


class _Decision:
    """`free` is what nobody has now; `spare` is what will be left when the first that waits for room has it."""

    def __init__(self, tenants: Sequence[Tenant], budget: int) -> None:
        self._tenants = tenants
        self._budget = budget
        self._free = budget - sum(one.size for one in tenants if one.phase != "out")
        self._spare = self._free + sum(one.size for one in tenants if one.phase == "going")
        self._claimed: set[str] = set()  # asked for their room by an older request than any that comes now
        self._room_is_wanted = False
        self._verdict = Verdict()

    def made(self) -> Verdict:
        for one in sorted((one for one in self._tenants if one.waits is not None), key=_waits):
            if one.phase == "in" and one.name not in self._claimed:
                self._verdict.admit.append(one.name)
            elif one.phase == "out":
                self._want(one)
        return self._verdict

    def _want(self, one: Tenant) -> None:
        room = min(self._free, self._spare)
        if one.least > self._budget:
            self._verdict.refuse.append(one.name)
        elif one.least <= room:
            granted = self._verdict.load[one.name] = min(one.size, room)
            self._free -= granted
            self._spare -= granted
        elif not self._room_is_wanted:  # who comes later waits until this one has its room
            self._room_is_wanted = True
            wanted = min(one.size, self._budget)
            self._claim(wanted - self._spare)
            self._spare -= wanted

    def _claim(self, missing: int) -> None:
        stays = {*self._verdict.admit}
        loaded = [one for one in self._tenants if one.phase == "in"]
        busy = {one.name for one in loaded if one.busy or one.name in stays}
        chosen = victims(sorted(loaded, key=lambda one: (one.name in busy, one.used)), missing)
        self._claimed = {one.name for one in chosen}
        self._spare += sum(one.size for one in chosen)
        self._verdict.unload += [one.name for one in chosen if one.name not in busy]


def victims(candidates: Iterable[Tenant], missing: int) -> list[Tenant]:
    """Return those of the candidates, the first best, that give so many bytes together, and none that is not needed."""
    chosen: list[Tenant] = []
    for one in candidates:
        if missing <= 0:
            break
        chosen.append(one)
        missing -= one.size
    for one in reversed(chosen):  # the later ones are dearer, so they are spared first
        if missing + one.size <= 0:
            chosen.remove(one)
            missing += one.size
    return chosen


def _waits(one: Tenant) -> int:
    return one.waits or 0
