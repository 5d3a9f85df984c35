"""Whose turn it is. As many requests are at work as the engine has slots; the others wait here, bounded.

Invariants, each with a property test in `tests/engine/test_queue.py`: never more than `slots` at work; an owner's requests
go first come, first served; between owners turns go round, so that one who sends a hundred requests does not keep another
waiting for a hundred; a ticket that leaves, at whatever moment, gives back what it held.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable

from mecum.errors import QueueFull, QueueTimeout


class Queue:
    """Turns at one engine.

    `slots` tells how many may be at work now (it may change); `waiting` bounds those that are not; `timeout` bounds a
    wait, in seconds.
    """

    def __init__(self, slots: Callable[[], int], *, waiting: int, timeout: float) -> None:
        self._slots = slots
        self._limit = waiting
        self._timeout = timeout
        self._present = 0  # weights of all tickets, waiting or at work
        self._working = 0  # weights of those at work
        self._lines: OrderedDict[str, deque[Ticket]] = OrderedDict()

    def enter(self, owner: str, *, weight: int = 1) -> Ticket:
        """Take a place. `weight` is how many slots the request will keep busy (`n` answers keep n).

        Raises:
            QueueFull: too many wait already.
        """
        if self._present + weight > self._limit + max(self._slots(), weight):
            raise QueueFull(f"{self._limit} requests wait already. Try again in a moment.", retry_after=self._estimate())
        self._present += weight
        return Ticket(self, owner, weight)

    @property
    def working(self) -> int:
        """How many slots are at work."""
        return self._working

    @property
    def waiting(self) -> int:
        """How many requests wait for their turn."""
        return sum(len(line) for line in self._lines.values())

    async def turn(self, ticket: Ticket) -> None:
        """Wait until the ticket may work (`Ticket.turn`)."""
        self._lines.setdefault(ticket.owner, deque()).append(ticket)
        self._advance()
        try:
            async with asyncio.timeout(self._timeout):
                await ticket.granted.wait()
        except TimeoutError:
            raise QueueTimeout(
                f"No turn came within {self._timeout:g} seconds: the engine is busy. Try again later.", retry_after=5
            ) from None

    def leave(self, ticket: Ticket) -> None:
        """Take back what the ticket holds (`Ticket.leave`)."""
        self._present -= ticket.weight
        if ticket.granted.is_set():
            self._working -= ticket.weight
        elif (line := self._lines.get(ticket.owner)) and ticket in line:
            line.remove(ticket)
            if not line:
                del self._lines[ticket.owner]
        self._advance()

    def _advance(self) -> None:
        """Give turns while the next ticket's weight fits; the owner who was served goes to the end of the round."""
        while self._lines:
            owner, line = next(iter(self._lines.items()))
            if self._working and self._working + line[0].weight > self._slots():
                return
            ticket = line.popleft()
            self._lines.move_to_end(owner)
            if not line:
                del self._lines[owner]
            self._working += ticket.weight
            ticket.granted.set()

    def _estimate(self) -> int:
        return max(1, self.waiting // max(1, self._slots()))


class Ticket:
    """A place in the queue: `await turn()`, do the work, and `leave()` in any case."""

    def __init__(self, queue: Queue, owner: str, weight: int) -> None:
        self._queue = queue
        self.owner = owner
        self.weight = weight
        self.granted = asyncio.Event()
        self._left = False

    async def turn(self) -> None:
        """Wait for the turn.

        Raises:
            QueueTimeout: it did not come in time.
        """
        await self._queue.turn(self)

    def leave(self) -> None:
        """Give the place back. Safe to call more than once."""
        if not self._left:
            self._left = True
            self._queue.leave(self)
