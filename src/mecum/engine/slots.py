"""Which of llama.cpp's slots a prompt goes to, where there is more than one owner (`rulings.md` 21).

A slot keeps the tokens of its last prompt, and what a new one shares with them is not computed again. That is what makes
long chats quick, and what would tell one owner, by the time it takes, what another has written (arXiv 2409.20002). So each
prompt is sent to a slot of its owner, the one that has most in common with it, as llama.cpp would choose; where there is
none, to the slot that was used longest ago, whatever is in it being void.

Invariants, for every order of events (`tests/engine/test_slots.py`; with the real engine `tests/engine/test_owners.py`): a
prompt is sent to a slot with another's tokens only with the word that they are void (`fresh`); no slot has two prompts at a
time; who comes first is served first. `n` answers to one prompt take slots of llama.cpp's choice, so such a prompt has them
all to itself, and they are void afterwards.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mecum.types import Prompt

ALIKE: Final = 0.1  # of a prompt that a slot must have in common with it to be worth keeping to; llama.cpp's own measure


class Seat:
    """A place for one prompt. `slot` None: the engine's choice. `fresh`: what the slot holds is not to be used.

    Say `took` once the engine has begun with the prompt, and `leave` in any case.
    """

    def __init__(self, slot: int | None, *, fresh: bool, took: Callable[[], None], leave: Callable[[], None]) -> None:
        self.slot = slot
        self.fresh = fresh
        self.took = took
        self._leave = leave
        self._left = False

    def leave(self) -> None:
        """Give the place back. Safe to call more than once."""
        if not self._left:
            self._left = True
            self._leave()


class Together:
    """The slots of an engine that one owner has to themselves: llama.cpp chooses."""

    def __init__(self) -> None:
        self._open = 0
        self._none = asyncio.Event()
        self._none.set()

    async def take(self, prompt: Prompt) -> Seat:  # noqa: ARG002 # as `Slots` has it
        """Return a place, at once."""
        self._open += 1
        self._none.clear()
        return Seat(None, fresh=False, took=lambda: None, leave=self._leave)

    @property
    def is_idle(self) -> bool:
        """Whether no place is taken."""
        return not self._open

    async def idle(self) -> None:
        """Return when no place is taken."""
        await self._none.wait()

    def _leave(self) -> None:
        self._open -= 1
        if not self._open:
            self._none.set()


@dataclass(slots=True)
class _Slot:
    """`owner` is whose tokens it holds: None, nobody's; unless they are `void`, whosever they are."""

    number: int
    owner: str | None = None
    void: bool = False
    text: str = ""
    busy: bool = False
    used: int = 0  # when, in prompts


@dataclass(slots=True, eq=False)
class _Waiter:
    prompt: Prompt
    text: str
    seat: asyncio.Future[Seat]


class Slots:
    """The slots of one child that more than one owner shares."""

    def __init__(self, count: int) -> None:
        self._slots = [_Slot(number) for number in range(count)]
        self._line: deque[_Waiter] = deque()
        self._prompts = 0

    async def take(self, prompt: Prompt) -> Seat:
        """Wait for a slot, and return it."""
        waiter = _Waiter(prompt, _text(prompt), asyncio.get_running_loop().create_future())
        self._line.append(waiter)
        self._advance()
        try:
            return await asyncio.shield(waiter.seat)
        except asyncio.CancelledError:
            if waiter in self._line:
                self._line.remove(waiter)
            else:
                waiter.seat.result().leave()
            self._advance()
            raise

    def _advance(self) -> None:
        while self._line:
            waiter = self._line[0]
            free = [slot for slot in self._slots if not slot.busy]
            if not free or (waiter.prompt.sampling.n > 1 and len(free) < len(self._slots)):
                return
            self._line.popleft()
            seat = self._all() if waiter.prompt.sampling.n > 1 else self._one(waiter, free)
            waiter.seat.set_result(seat)

    def _all(self) -> Seat:
        for slot in self._slots:
            slot.busy = slot.void = True

        def leave() -> None:
            for slot in self._slots:
                slot.busy = False
            self._advance()

        return Seat(None, fresh=True, took=lambda: None, leave=leave)

    def _one(self, waiter: _Waiter, free: list[_Slot]) -> Seat:
        owner, slot = waiter.prompt.owner, _choice(waiter, free)
        fresh = slot.void or slot.owner not in (None, owner)
        self._prompts += 1
        slot.busy, slot.void, slot.used = True, fresh, self._prompts  # void until the engine has begun with what is new

        def took() -> None:
            slot.owner, slot.void, slot.text = owner, False, waiter.text

        def leave() -> None:
            slot.busy = False
            self._advance()

        return Seat(slot.number, fresh=fresh, took=took, leave=leave)


def _choice(waiter: _Waiter, free: list[_Slot]) -> _Slot:
    """Return the owner's slot that has most in common with the prompt, else the one that was used longest ago."""
    own = [slot for slot in free if slot.owner == waiter.prompt.owner and not slot.void]
    best = max(own, key=lambda slot: common(slot.text, waiter.text), default=None)
    if best is not None and common(best.text, waiter.text) > ALIKE * len(waiter.text):
        return best
    return min(free, key=lambda slot: slot.used)


def common(one: str, other: str) -> int:
    """Return how many characters two texts begin with in common."""
    low, high = 0, min(len(one), len(other))
    while low < high:  # the beginnings of this length are alike: low; that of high + 1 are not
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _text(prompt: Prompt) -> str:
    """Return a text that begins like another's where the prompts do."""
    return "\0".join(f"{message.role}\0{message.content}" for message in prompt.messages)
