"""The queue's invariants, over any order of coming, leaving, timing out and being cancelled."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from mecum.engine.queue import Queue, Ticket
from mecum.errors import QueueFull, QueueTimeout

MODEL = "m"
MODELS = ("m", "n")


def queue_of(slots: int, *, waiting: int = 64, timeout: float = 60) -> Queue:
    return Queue(lambda model: slots, waiting=waiting, timeout=timeout)


async def granted_in_order(queue: Queue, owners: list[str]) -> list[str]:
    """Let all come at once and work one after the other; return the owners as they had their turns."""
    order: list[str] = []

    async def work(name: str, ticket: Ticket) -> None:
        try:
            await ticket.turn()
            order.append(name)
            await asyncio.sleep(0)
        finally:
            ticket.leave()

    await asyncio.gather(*(work(owner, queue.enter(owner[0], MODEL)) for owner in owners))
    return order


async def test_first_come_first_served() -> None:
    assert await granted_in_order(queue_of(1), ["a1", "a2", "a3", "a4"]) == ["a1", "a2", "a3", "a4"]


async def test_owners_take_turns() -> None:
    came = ["a1", "a2", "a3", "a4", "b1", "b2", "c1"]
    assert await granted_in_order(queue_of(1), came) == ["a1", "a2", "b1", "c1", "a3", "b2", "a4"]


async def test_one_request_waits_for_one_of_a_hundred() -> None:
    order = await granted_in_order(queue_of(1, waiting=200), [f"a{n}" for n in range(100)] + ["b"])
    assert order.index("b") <= 2


async def test_who_comes_again_goes_behind_the_others() -> None:
    queue = queue_of(1)
    first, second, other = queue.enter("a", MODEL), queue.enter("a", MODEL), queue.enter("b", MODEL)
    await first.turn()
    turns = [asyncio.create_task(ticket.turn()) for ticket in (other, second)]
    await asyncio.sleep(0)
    first.leave()
    await turns[0]
    assert not turns[1].done()
    other.leave()
    await turns[1]
    second.leave()


async def test_full() -> None:
    queue = queue_of(2, waiting=3)
    tickets = [queue.enter("a", MODEL) for _ in range(5)]
    with pytest.raises(QueueFull) as caught:
        queue.enter("b", MODEL)
    assert caught.value.retry_after >= 1
    tickets[0].leave()
    queue.enter("b", MODEL).leave()
    tickets[0].leave()  # more than once is once
    queue.enter("b", MODEL)
    with pytest.raises(QueueFull):
        queue.enter("b", MODEL)


async def test_nobody_may_wait() -> None:
    queue = queue_of(1, waiting=0)
    ticket = queue.enter("a", MODEL)
    with pytest.raises(QueueFull):
        queue.enter("b", MODEL)
    ticket.leave()
    queue.enter("b", MODEL).leave()


async def test_a_wait_that_is_too_long() -> None:
    queue = queue_of(1, timeout=0.05)
    first, second, third = (queue.enter("a", MODEL) for _ in range(3))
    await first.turn()
    with pytest.raises(QueueTimeout) as caught:
        await second.turn()
    assert caught.value.retry_after >= 1
    second.leave()
    waiting = asyncio.create_task(third.turn())
    await asyncio.sleep(0)
    first.leave()
    await waiting
    third.leave()
    assert (queue.working, queue.waiting) == (0, 0)


async def test_a_turn_that_comes_in_the_moment_of_giving_up_is_given_back() -> None:
    queue = queue_of(1)
    first, second, third = (queue.enter("a", MODEL) for _ in range(3))
    await first.turn()
    waits = [asyncio.create_task(ticket.turn()) for ticket in (second, third)]
    await asyncio.sleep(0)
    first.leave()  # it is the second's turn now
    waits[0].cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waits[0]
    assert queue.working == 1
    second.leave()
    await waits[1]
    third.leave()
    assert (queue.working, queue.waiting) == (0, 0)


async def test_a_request_for_several_slots_waits_for_them_and_is_not_passed_by() -> None:
    queue = queue_of(3)
    one, three, later = queue.enter("a", MODEL), queue.enter("b", MODEL, weight=3), queue.enter("c", MODEL)
    await one.turn()
    waits = [asyncio.create_task(ticket.turn()) for ticket in (three, later)]
    await asyncio.sleep(0)
    assert (queue.working, queue.waiting) == (1, 2)
    one.leave()
    await waits[0]
    assert not waits[1].done()
    three.leave()
    await waits[1]
    later.leave()


async def test_a_request_for_more_slots_than_there_are_works_alone() -> None:
    queue = queue_of(2)
    many, one = queue.enter("a", MODEL, weight=5), queue.enter("b", MODEL)
    await many.turn()
    wait = asyncio.create_task(one.turn())
    await asyncio.sleep(0)
    assert not wait.done()
    many.leave()
    await wait
    one.leave()


async def test_who_waits_for_one_model_keeps_nobody_from_another() -> None:
    queue = queue_of(1, waiting=2)
    busy, waiting, further = (queue.enter("a", MODEL) for _ in range(3))
    await busy.turn()
    waits = [asyncio.create_task(ticket.turn()) for ticket in (waiting, further)]
    other = queue.enter("a", "other")
    await asyncio.wait_for(other.turn(), 5)
    assert (queue.working, queue.waiting) == (2, 2)
    for model in (MODEL, "other"):  # what waits is bounded for all models together
        with pytest.raises(QueueFull):
            queue.enter("b", model)
    for ticket in (busy, waiting, further, other):
        ticket.leave()
    for task in waits:
        task.cancel()
    assert (queue.working, queue.waiting) == (0, 0)


async def test_slots_may_change() -> None:
    slots = 1
    queue = Queue(lambda model: slots, waiting=64, timeout=60)
    tickets = [queue.enter("a", MODEL) for _ in range(4)]
    waits = [asyncio.create_task(ticket.turn()) for ticket in tickets]
    await asyncio.sleep(0)
    assert queue.working == 1
    slots = 3
    tickets[0].leave()
    await asyncio.sleep(0)
    assert queue.working == 3
    slots = 1
    tickets[1].leave()
    assert queue.working == 2
    for ticket, wait in zip(tickets, waits, strict=True):
        ticket.leave()
        await wait


class Life(RuleBasedStateMachine):
    """Tickets for two models come, ask for their turn, and leave at any moment; a plain model says who may work."""

    @initialize(slots=st.tuples(st.integers(1, 4), st.integers(1, 4)), waiting=st.integers(0, 6))
    def begin(self, slots: tuple[int, int], waiting: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.slots = dict(zip(MODELS, slots, strict=True))
        self.limit = waiting
        self.queue = Queue(self.slots.__getitem__, waiting=waiting, timeout=60)
        self.here: list[Ticket] = []
        self.asked: dict[Ticket, asyncio.Task[None]] = {}
        self.turns: dict[tuple[str, str], list[Ticket]] = defaultdict(list)  # of an owner at a model, as they asked

    def _excess(self, model: str, more: int = 0) -> int:
        present = sum(ticket.weight for ticket in self.here if ticket.model == model)
        return max(0, present + more - max(self.slots[model], more))

    @rule(owner=st.sampled_from("abc"), model=st.sampled_from(MODELS), weight=st.integers(1, 3), asks=st.booleans())
    def come(self, owner: str, model: str, weight: int, asks: bool) -> None:
        without_slot = sum(self._excess(one, weight if one == model else 0) for one in MODELS)
        try:
            ticket = self.queue.enter(owner, model, weight=weight)
        except QueueFull:
            assert without_slot > self.limit
            return
        assert without_slot <= self.limit
        self.here.append(ticket)
        if asks:
            self._ask(ticket)

    @precondition(lambda self: any(ticket not in self.asked for ticket in self.here))
    @rule(data=st.data())
    def ask(self, data: st.DataObject) -> None:
        self._ask(data.draw(st.sampled_from([ticket for ticket in self.here if ticket not in self.asked])))

    def _ask(self, ticket: Ticket) -> None:
        self.asked[ticket] = self.loop.create_task(ticket.turn())
        self.turns[ticket.model, ticket.owner].append(ticket)
        self._settle()

    @precondition(lambda self: self.here)
    @rule(data=st.data(), cancelled=st.booleans())
    def go(self, data: st.DataObject, cancelled: bool) -> None:
        ticket = data.draw(st.sampled_from(self.here))
        self.here.remove(ticket)
        if ticket in self.asked:
            self.turns[ticket.model, ticket.owner].remove(ticket)
            if cancelled:
                self.asked[ticket].cancel()
                self._settle()
        ticket.leave()
        if (task := self.asked.pop(ticket, None)) is not None:
            task.cancel()
        self._settle()

    def _settle(self) -> None:
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.run_until_complete(asyncio.sleep(0))

    @invariant()
    def never_more_at_work_than_slots(self) -> None:
        at_work = [ticket for ticket in self.here if ticket.granted.is_set()]
        for model in MODELS:
            weights = [ticket.weight for ticket in at_work if ticket.model == model]
            assert sum(weights) <= self.slots[model] or len(weights) == 1
        assert self.queue.working == sum(ticket.weight for ticket in at_work)
        assert all(self.asked[ticket].done() for ticket in at_work)

    @invariant()
    def nobody_waits_while_there_is_room(self) -> None:
        waiting = [ticket for ticket in self.asked if not ticket.granted.is_set()]
        assert self.queue.waiting == len(waiting) <= self.limit
        for model in {ticket.model for ticket in waiting}:
            working = sum(ticket.weight for ticket in self.here if ticket.model == model and ticket.granted.is_set())
            assert working
            heaviest = max(ticket.weight for ticket in waiting if ticket.model == model)
            assert working + heaviest > self.slots[model]

    @invariant()
    def an_owner_is_served_in_the_order_of_asking(self) -> None:
        for tickets in self.turns.values():
            granted = [ticket.granted.is_set() for ticket in tickets]
            assert granted == sorted(granted, reverse=True)

    def teardown(self) -> None:
        if not hasattr(self, "loop"):
            return
        for ticket in self.here:
            ticket.leave()
        for task in self.asked.values():
            task.cancel()
        self._settle()
        assert (self.queue.working, self.queue.waiting) == (0, 0)
        self.queue.enter("d", MODEL, weight=self.limit + self.slots[MODEL]).leave()
        self.loop.close()


def test_any_life() -> None:
    run_state_machine_as_test(
        Life, settings=settings(derandomize=True, deadline=None, max_examples=80, stateful_step_count=25)
    )


@settings(derandomize=True, deadline=None, max_examples=60)
@given(counts=st.lists(st.integers(1, 12), min_size=2, max_size=4), slots=st.integers(1, 3))
def test_between_two_turns_of_an_owner_every_other_that_waits_has_one(counts: list[int], slots: int) -> None:
    owners = [owner for owner, count in zip("abcd", counts, strict=False) for _ in range(count)]
    order = asyncio.run(granted_in_order(queue_of(slots, waiting=100), owners))
    left = dict(zip("abcd", counts, strict=False))
    for owner in order[:slots]:  # these found the queue empty
        left[owner] -= 1
    waited = dict.fromkeys(left, 0)
    for owner in order[slots:]:
        left[owner] -= 1
        waited[owner] = 0
        for other, still in left.items():
            if other != owner and still:
                waited[other] += 1
                assert waited[other] < len(counts)
