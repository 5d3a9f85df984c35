"""Whose turn it is. At each model as many requests are at work as it has slots; the others wait here, bounded.

Invariants, each with a property test in `tests/engine/test_queue.py`: never more than `slots` at work; an owner's requests
go first come, first served; between owners turns go round, so that one who sends a hundred requests does not keep another
waiting for a hundred; who waits for one model keeps nobody from another; a ticket that leaves, at whatever moment, gives
back what it held.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable

from mecum.errors import QueueFull, QueueTimeout


class Queue:
    """Turns at the models of one engine, at each by itself.

    `slots` tells how many may be at work at a model now (it may change); `waiting` bounds those that are not, at all models
    together; `timeout` bounds a wait, in seconds.
    """

    def __init__(self, slots: Callable[[str], int], *, waiting: int, timeout: float) -> None:
        self._slots = slots
        self._limit = waiting
        self._timeout = timeout
        self._lanes: dict[str, _Lane] = {}

    def enter(self, owner: str, model: str, *, weight: int = 1) -> Ticket:
        """Take a place. `weight` is how many slots the request will keep busy (`n` answers keep n).

        Raises:
            QueueFull: too many wait already.
        """
        lane = self._lanes.get(model) or _Lane(lambda: self._slots(model))
        others = sum(other.excess() for other in self._lanes.values() if other is not lane)
        if others + lane.excess(weight) > self._limit:
            raise QueueFull(f"{self._limit} requests wait already. Try again in a moment.", retry_after=lane.estimate())
        self._lanes[model] = lane
        lane.present += weight
        return Ticket(self, owner, model, weight)

    @property
    def working(self) -> int:
        """How many slots are at work."""
        return sum(lane.working for lane in self._lanes.values())

    @property
    def waiting(self) -> int:
        """How many requests wait for their turn."""
        return sum(lane.waiting for lane in self._lanes.values())

    async def turn(self, ticket: Ticket) -> None:
        """Wait until the ticket may work (`Ticket.turn`)."""
        self._lanes[ticket.model].join(ticket)
        try:
            async with asyncio.timeout(self._timeout):
                await ticket.granted.wait()
        except TimeoutError:
            raise QueueTimeout(
                f"No turn came within {self._timeout:g} seconds: the engine is busy. Try again later.", retry_after=5
            ) from None

    def leave(self, ticket: Ticket) -> None:
        """Take back what the ticket holds (`Ticket.leave`)."""
        lane = self._lanes[ticket.model]
        lane.leave(ticket)
        if not lane.present:
            del self._lanes[ticket.model]


class _Lane:
    """The requests for one model. `present` and `working` are weights: of all its tickets, and of those at work."""

    def __init__(self, slots: Callable[[], int]) -> None:
        self._slots = slots
        self._lines: OrderedDict[str, deque[Ticket]] = OrderedDict()
        self.present = 0
        self.working = 0

    @property
    def waiting(self) -> int:
        return sum(len(line) for line in self._lines.values())

    def excess(self, more: int = 0) -> int:
        """Return the weight of those, and of `more`, that find no slot: they wait, or will have to."""
        return max(0, self.present + more - max(self._slots(), more))

    def estimate(self) -> int:
        """Return in about how many seconds it may be better."""
        return max(1, self.waiting // max(1, self._slots()))

    def join(self, ticket: Ticket) -> None:
        self._lines.setdefault(ticket.owner, deque()).append(ticket)
        self._advance()

    def leave(self, ticket: Ticket) -> None:
        self.present -= ticket.weight
        if ticket.granted.is_set():
            self.working -= ticket.weight
        elif (line := self._lines.get(ticket.owner)) and ticket in line:
            line.remove(ticket)
            if not line:
                del self._lines[ticket.owner]
        self._advance()

    def _advance(self) -> None:
        """Give turns while the next ticket's weight fits; the owner who was served goes to the end of the round."""
        while self._lines:
            owner, line = next(iter(self._lines.items()))
            if self.working and self.working + line[0].weight > self._slots():
                return
            ticket = line.popleft()
            self._lines.move_to_end(owner)
            if not line:
                del self._lines[owner]
            self.working += ticket.weight
            ticket.granted.set()


class Ticket:
    """A place in the queue: `await turn()`, do the work, and `leave()` in any case."""

    def __init__(self, queue: Queue, owner: str, model: str, weight: int) -> None:
        self._queue = queue
        self.owner = owner
        self.model = model
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
