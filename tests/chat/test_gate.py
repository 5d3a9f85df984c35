"""After `close` no chat begins; after `interrupt` all end with Draining; nobody else's cancellation is taken for ours."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mecum.chat.gate import Gate, Place
from mecum.errors import Draining, EngineDown


async def for_ever() -> None:
    await asyncio.Event().wait()


def waiting(place: Place, call: Any = for_ever) -> asyncio.Task[Any]:
    return asyncio.create_task(place.guard(call))


async def test_coming_and_going() -> None:
    gate = Gate()
    assert gate.is_open
    one, two = gate.enter(), gate.enter()
    assert gate.inside == 2
    one.leave()
    one.leave()
    assert gate.inside == 1
    two.leave()
    assert gate.inside == 0


async def test_after_close_nobody_comes_in() -> None:
    gate = Gate()
    place = gate.enter()
    gate.close()
    assert not gate.is_open
    with pytest.raises(Draining) as caught:
        gate.enter()
    assert caught.value.retry_after
    assert gate.inside == 1
    assert await place.guard(lambda: asyncio.sleep(0, "goes on")) == "goes on"


async def test_who_waits_for_the_end_is_told_at_once() -> None:
    gate = Gate()
    waiting = [asyncio.create_task(gate.closed()) for _ in range(2)]
    await asyncio.sleep(0.02)
    assert not any(one.done() for one in waiting)
    gate.close()
    for _ in range(2):  # the event wakes a task, which then ends: no time passes
        await asyncio.sleep(0)
    assert all(one.done() for one in waiting)
    await gate.closed()


async def test_idle() -> None:
    gate = Gate()
    assert await gate.idle(0.01)
    place = gate.enter()
    assert not await gate.idle(0.01)
    idle = asyncio.create_task(gate.idle(60))
    await asyncio.sleep(0)
    place.leave()
    assert await idle
    again = gate.enter()
    assert not await gate.idle(0.01)
    again.leave()


async def test_an_interrupted_wait_ends_with_draining() -> None:
    gate = Gate()
    places = [gate.enter() for _ in range(3)]
    tasks = [waiting(place) for place in places]
    await asyncio.sleep(0)
    gate.interrupt()
    for task in tasks:
        with pytest.raises(Draining):
            await task
        assert task.cancelling() == 0  # nothing of it stays behind
    assert all(place.interrupted for place in places)


async def test_an_interruption_between_two_waits_ends_the_next() -> None:
    gate = Gate()
    place = gate.enter()
    await place.guard(lambda: asyncio.sleep(0))
    gate.interrupt()
    for _ in range(2):
        with pytest.raises(Draining):
            await place.guard(for_ever)


async def test_interrupting_again_changes_nothing() -> None:
    """Not even while the wait is being cleaned up."""
    gate = Gate()
    cleaned = False

    async def cleans_up() -> None:
        nonlocal cleaned
        try:
            await for_ever()
        finally:
            await asyncio.sleep(0.01)
            cleaned = True

    task = waiting(gate.enter(), cleans_up)
    for _ in range(3):
        await asyncio.sleep(0)
        gate.interrupt()
    with pytest.raises(Draining):
        await task
    assert cleaned


async def test_a_foreign_cancellation_stays_one() -> None:
    gate = Gate()
    task = waiting(gate.enter())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


@pytest.mark.parametrize("ours_first", [True, False])
async def test_both_at_once_count_as_a_foreign_one(ours_first: bool) -> None:
    gate = Gate()
    task = waiting(gate.enter())
    await asyncio.sleep(0)
    for step in (gate.interrupt, task.cancel) if ours_first else (task.cancel, gate.interrupt):
        step()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_interruption_inside_somebodys_timeout() -> None:
    gate = Gate()
    place = gate.enter()
    asyncio.get_running_loop().call_soon(gate.interrupt)
    with pytest.raises(Draining):
        async with asyncio.timeout(60):
            await place.guard(for_ever)
    await asyncio.sleep(0)  # the task is as good as new


async def test_somebodys_timeout_stays_one() -> None:
    place = Gate().enter()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await place.guard(for_ever)


async def test_an_earlier_cancellation_that_was_survived_does_not_hide_ours() -> None:
    gate = Gate()
    place = gate.enter()

    async def survivor() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await for_ever()
        await place.guard(for_ever)

    task = asyncio.create_task(survivor())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    gate.interrupt()
    with pytest.raises(Draining):
        await task


async def test_an_interruption_in_the_moment_of_the_result() -> None:
    """The result is lost, never half of it: what was opened has seen the cancellation."""
    gate = Gate()
    done = asyncio.Event()
    seen: list[str] = []

    async def opens() -> str:
        try:
            await done.wait()
        except asyncio.CancelledError:
            seen.append("closed")
            raise
        return "open"

    task = waiting(gate.enter(), opens)
    await asyncio.sleep(0)
    done.set()
    gate.interrupt()
    with pytest.raises(Draining):
        await task
    assert seen == ["closed"]


async def test_other_errors_pass() -> None:
    async def fails() -> None:
        raise EngineDown("gone")

    with pytest.raises(EngineDown):
        await Gate().enter().guard(fails)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    steps=st.lists(st.sampled_from(["interrupt", "cancel", "turn", "finish"]), max_size=6),
    phases=st.integers(1, 3),
)
def test_whatever_happens_a_chat_ends_in_one_of_three_ways(steps: list[str], phases: int) -> None:
    async def chat(gate: Gate, goes_on: asyncio.Semaphore) -> str:
        place = gate.enter()
        try:
            for _ in range(phases):
                await place.guard(goes_on.acquire)
        except Draining:
            return "drained"
        finally:
            place.leave()
        return "finished"

    async def run() -> None:
        gate, goes_on = Gate(), asyncio.Semaphore(0)
        task = asyncio.create_task(chat(gate, goes_on))
        acts = {"interrupt": gate.interrupt, "cancel": task.cancel, "finish": goes_on.release, "turn": lambda: None}
        for step in steps:
            acts[step]()
            if step == "turn":
                await asyncio.sleep(0)
        for _ in range(phases):
            goes_on.release()
        result = (await asyncio.gather(task, return_exceptions=True))[0]
        if isinstance(result, asyncio.CancelledError):
            assert "cancel" in steps
        else:
            assert result in (("finished", "drained") if "interrupt" in steps else ("finished",))
        assert gate.inside == 0
        assert await gate.idle(1)

    asyncio.run(run())
