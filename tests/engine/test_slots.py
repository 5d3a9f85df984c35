"""Slots and their owners: no order of events lets one owner's prompt meet another's tokens."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mecum.engine.slots import Seat, Slots, Together, common
from mecum.types import Message, Prompt, Sampling


def prompt(owner: str, text: str = "hello", *, n: int = 1) -> Prompt:
    return Prompt("model", (Message("user", text),), Sampling(n=n), owner=owner)


async def take(slots: Slots, owner: str, text: str = "hello", *, n: int = 1) -> Seat:
    async with asyncio.timeout(1):
        seat = await slots.take(prompt(owner, text, n=n))
    seat.took()
    return seat


async def used(slots: Slots, owner: str, text: str = "hello") -> tuple[int | None, bool]:
    """Take a slot, work, and give it back; return which it was, and whether what it held was void."""
    seat = await take(slots, owner, text)
    seat.leave()
    return seat.slot, seat.fresh


async def test_a_chat_stays_in_its_slot() -> None:
    slots = Slots(3)
    first, second = "The weather. " * 20, "A poem. " * 20
    assert await used(slots, "ann", first) == (0, False)
    assert await used(slots, "ann", second) == (1, False)
    for turn in range(3):
        assert await used(slots, "ann", first + f"turn {turn}") == (0, False)
        assert await used(slots, "ann", second + f"turn {turn}") == (1, False)


async def test_owners_have_slots_of_their_own() -> None:
    slots = Slots(2)
    same = "the very same prompt"
    assert await used(slots, "ann", same) == (0, False)
    assert await used(slots, "eve", same) == (1, False)
    assert await used(slots, "ann", same) == (0, False)
    assert await used(slots, "eve", same) == (1, False)
    assert await used(slots, "bob", same) == (0, True)  # the one that was used longest ago, erased
    assert await used(slots, "bob", same) == (0, False)
    assert await used(slots, "ann", same) == (1, True)


async def test_an_own_slot_that_is_busy_is_no_reason_to_wait() -> None:
    slots = Slots(2)
    seat = await take(slots, "ann", "x" * 100)
    assert await used(slots, "ann", "x" * 100) == (1, False)
    seat.leave()


async def test_a_slot_that_changed_hands_stays_void_until_the_engine_has_begun() -> None:
    """A prompt that is refused before that has erased nothing."""
    slots = Slots(1)
    await used(slots, "ann")
    refused = await slots.take(prompt("eve"))
    assert refused.fresh
    refused.leave()
    assert await used(slots, "eve") == (0, True)
    assert await used(slots, "eve") == (0, False)


async def test_who_comes_first_is_served_first_and_who_leaves_is_passed_over() -> None:
    slots = Slots(1)
    seat = await take(slots, "ann")
    waiting = [asyncio.create_task(slots.take(prompt(owner))) for owner in ("bob", "eve", "fay")]
    await asyncio.sleep(0)
    waiting[0].cancel()
    with suppress(asyncio.CancelledError):
        await waiting[0]
    seat.leave()
    seat.leave()  # twice is once
    second = await asyncio.wait_for(waiting[1], 1)
    assert not waiting[2].done()
    second.leave()
    (await asyncio.wait_for(waiting[2], 1)).leave()


async def test_who_leaves_in_the_moment_of_their_turn_gives_it_back() -> None:
    slots = Slots(1)
    seat = await take(slots, "ann")
    waiting = asyncio.create_task(slots.take(prompt("bob")))
    await asyncio.sleep(0)
    seat.leave()
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting
    assert (await used(slots, "eve"))[0] == 0


async def test_several_answers_to_a_prompt_have_all_slots_and_leave_them_void() -> None:
    slots = Slots(3)
    await used(slots, "ann")
    busy = await take(slots, "eve")
    several = asyncio.create_task(take(slots, "ann", n=2))
    behind = asyncio.create_task(take(slots, "eve"))
    await asyncio.sleep(0.01)
    assert not several.done()
    busy.leave()
    seat = await several
    assert (seat.slot, seat.fresh) == (None, True)
    assert not behind.done()
    seat.leave()
    (await behind).leave()
    assert [(await used(slots, "ann", text))[1] for text in ("x" * 99, "y" * 99)] == [True, True]


async def test_together_nobody_waits() -> None:
    together = Together()
    assert together.is_idle
    seats = [await together.take(prompt("ann")) for _ in range(9)]
    assert {(seat.slot, seat.fresh) for seat in seats} == {(None, False)}
    waiting = asyncio.create_task(together.idle())
    for seat in seats:
        await asyncio.sleep(0)
        assert not waiting.done()
        seat.leave()
        seat.leave()
    await asyncio.wait_for(waiting, 1)


@given(st.text("ab", max_size=12), st.text("ab", max_size=12))
def test_what_texts_have_in_common(one: str, other: str) -> None:
    expected = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    assert common(one, other) == expected


class Engine(RuleBasedStateMachine):
    """Slots beside what an engine would have in them: whose tokens, prompt by prompt."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.slots = Slots(3)
        self.holds: list[set[str]] = [set() for _ in range(3)]  # whose tokens may lie in a slot
        self.tasks: list[tuple[asyncio.Task[Seat], str, int]] = []
        self.seats: list[tuple[Seat, str]] = []

    def teardown(self) -> None:
        for task, _, _ in self.tasks:
            task.cancel()
        for seat, _ in self.seats:
            seat.leave()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    @rule(
        owner=st.sampled_from("abc"), text=st.text("xy", max_size=30), n=st.sampled_from([1, 1, 1, 2]), begins=st.booleans()
    )
    def ask(self, owner: str, text: str, n: int, *, begins: bool) -> None:
        task = self.loop.create_task(self.slots.take(prompt(owner, text, n=n)))
        self.tasks.append((task, owner, n if begins else 0))
        self.settle()

    @precondition(lambda self: self.seats)
    @rule(which=st.integers(0, 9))
    def leave(self, which: int) -> None:
        self.seats.pop(which % len(self.seats))[0].leave()
        self.settle()

    @precondition(lambda self: self.tasks)
    @rule(which=st.integers(0, 9))
    def give_up(self, which: int) -> None:
        self.tasks.pop(which % len(self.tasks))[0].cancel()
        self.settle()

    def settle(self) -> None:
        for _ in range(5):
            self.loop.run_until_complete(asyncio.sleep(0))
        for entry in [entry for entry in self.tasks if entry[0].done()]:
            self.tasks.remove(entry)
            task, owner, begun = entry
            if not task.cancelled():
                self.seated(task.result(), owner, begun)

    def seated(self, seat: Seat, owner: str, begun: int) -> None:
        """Do what the engine does: nothing, where it refuses the prompt before it begins."""
        self.seats.append((seat, owner))
        if seat.slot is not None:
            assert seat.fresh or self.holds[seat.slot] <= {owner}, "another's tokens"
        else:
            assert seat.fresh
            assert len(self.seats) == 1, "slots of the engine's choice, beside others"
        if begun:
            for slot in [seat.slot] if seat.slot is not None else range(3):  # any of them, or all
                self.holds[slot] = {owner} if seat.slot is not None else self.holds[slot] | {owner}
            seat.took()

    @invariant()
    def no_slot_twice(self) -> None:
        taken = [seat.slot for seat, _ in self.seats]
        assert len(set(taken)) == len(taken)

    @invariant()
    def nobody_waits_for_nothing(self) -> None:
        assert self.seats or not self.tasks


TestEngine = Engine.TestCase
TestEngine.settings = settings(max_examples=50)
