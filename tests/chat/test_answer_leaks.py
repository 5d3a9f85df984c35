"""Whatever an answer holds is given back, exactly once, however and whenever it ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.chat.rooms import NO_TOOLS, TOOL, Rooms, Stage, asks, collect
from tests.engine.forgotten import forgotten_generators

from mecum.errors import Draining, EngineBroke, EngineDown, MecumError
from mecum.types import Role

ROLE = Role(uuid="r", name="R", system_prompt="You are R.")
PHASES = ["ready", "role", "search", "count", "chat"]  # what is awaited before an answer, the turn apart


def request(script: str = "!words 5", **fields: Any) -> Any:
    return asks(script, role_id="r", retrieval=True, **fields)


@pytest.mark.parametrize("phase", PHASES)
async def test_an_error_before_the_answer(phase: str) -> None:
    rooms = Rooms(ROLE, stage=Stage(phase, EngineDown("gone")))
    with pytest.raises(EngineDown):
        await rooms.answer(request())
    rooms.check_nothing_is_held()


@pytest.mark.parametrize("phase", PHASES)
async def test_a_client_that_leaves_before_the_answer(phase: str) -> None:
    rooms = Rooms(ROLE, stage=Stage(phase))
    opening = asyncio.create_task(rooms.answer(request()))
    await rooms.stage.reached.wait()
    assert rooms.gate.inside == 1
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    rooms.check_nothing_is_held()


@pytest.mark.parametrize("phase", PHASES)
async def test_shutting_down_before_the_answer(phase: str) -> None:
    rooms = Rooms(ROLE, stage=Stage(phase))
    opening = asyncio.create_task(rooms.answer(request()))
    await rooms.stage.reached.wait()
    rooms.gate.interrupt()
    with pytest.raises(Draining):
        await opening
    rooms.check_nothing_is_held()


@pytest.mark.parametrize("interrupted", [True, False])
async def test_leaving_and_shutting_down_while_it_waits_for_its_turn(interrupted: bool) -> None:
    rooms = Rooms(ROLE, slots=1)
    ticket = rooms.queue.enter("x", "one")
    await ticket.turn()
    opening = asyncio.create_task(rooms.answer(request()))
    while not rooms.queue.waiting:  # noqa: ASYNC110 # a queue has no event for that
        await asyncio.sleep(0)
    if interrupted:
        rooms.gate.interrupt()
    else:
        opening.cancel()
    with pytest.raises(Draining if interrupted else asyncio.CancelledError):
        await opening
    assert (rooms.queue.waiting, rooms.queue.working) == (0, 1)
    ticket.leave()
    rooms.check_nothing_is_held()


@pytest.mark.parametrize("turns", range(12))
@pytest.mark.parametrize("interrupted", [True, False])
async def test_leaving_and_shutting_down_after_so_many_turns_of_the_loop(turns: int, interrupted: bool) -> None:
    """No await stands still here: the end comes at whatever point the chat has reached, the result's moment too."""
    rooms = Rooms(ROLE)

    async def talk() -> None:
        async with rooms.answering(request("!words 3")) as answer:
            await collect(answer)

    talking = asyncio.create_task(talk())
    for _ in range(turns):
        await asyncio.sleep(0)
    if interrupted:
        rooms.gate.interrupt()
    else:
        talking.cancel()
    with contextlib.suppress(Draining, asyncio.CancelledError):
        await talking
    rooms.check_nothing_is_held()


TOOLS = {"traits": NO_TOOLS, "sampling": {"tools": (TOOL,)}}


@pytest.mark.parametrize("tools", [False, True], ids=["as it comes", "read for calls"])
@pytest.mark.parametrize("batches", [0, 1, 3])
async def test_closing_half_way_and_twice(batches: int, tools: bool) -> None:
    rooms = Rooms(ROLE, **({"traits": NO_TOOLS} if tools else {}))
    with forgotten_generators() as forgotten:
        answer = await rooms.answer(request("!words 50", sampling={"tools": (TOOL,)} if tools else None))
        for _ in range(batches):
            await anext(answer)
        assert (rooms.engine.open_replies, rooms.queue.working, rooms.gate.inside) == (1, 1, 1)
        await answer.aclose()
        await answer.aclose()
        rooms.check_nothing_is_held()
        del answer
    assert forgotten == []


@pytest.mark.parametrize("tools", [False, True], ids=["as it comes", "read for calls"])
@pytest.mark.parametrize("end", ["leaves", "shut down", "breaks off"])
async def test_ends_in_the_middle_of_the_answer(end: str, tools: bool) -> None:
    rooms = Rooms(ROLE, **({"traits": NO_TOOLS} if tools else {}))
    expected: type[BaseException] = {"leaves": asyncio.CancelledError, "shut down": Draining, "breaks off": EngineBroke}[end]
    first = asyncio.Event()

    async def talk() -> None:
        script = "!say a\n" + ("!break" if end == "breaks off" else "!wait 60")
        async with rooms.answering(request(script, sampling={"tools": (TOOL,)} if tools else None)) as answer:
            async for _ in answer:
                first.set()

    with forgotten_generators() as forgotten:
        talking = asyncio.create_task(talk())
        await first.wait()
        await asyncio.sleep(0)
        ends: dict[str, Callable[[], object]] = {"leaves": talking.cancel, "shut down": rooms.gate.interrupt}
        ends.get(end, lambda: None)()
        with pytest.raises(expected):
            await talking
        rooms.check_nothing_is_held()
    assert forgotten == []


async def test_shutting_down_between_two_batches() -> None:
    rooms = Rooms(ROLE)
    async with rooms.answering(request()) as answer:
        await anext(answer)
        rooms.gate.interrupt()
        with pytest.raises(Draining):
            await anext(answer)
    rooms.check_nothing_is_held()


async def test_closing_while_somebody_reads_gives_everything_back() -> None:
    rooms = Rooms(ROLE)
    answer = await rooms.answer(request())
    reading = asyncio.create_task(anext(answer))  # type: ignore[arg-type]
    closing = asyncio.create_task(answer.aclose())
    await asyncio.gather(reading, closing, return_exceptions=True)
    await answer.aclose()
    assert (rooms.queue.working, rooms.gate.inside) == (0, 0)


@settings(derandomize=True, deadline=None, max_examples=80)
@given(
    chats=st.lists(
        st.tuples(
            st.sampled_from(
                ["!words 3", "!say a\n!break", "!refuse 400", "!refuse 500", '!json {"name": "f", "arguments": {}}']
            ),
            st.integers(1, 4),
            st.sampled_from(["reads", "leaves", "closes early"]),
            st.integers(0, 15),
        ),
        min_size=1,
        max_size=6,
    ),
    shut_down_after=st.none() | st.integers(0, 20),
)
def test_many_chats_at_once_end_as_they_like(chats: list[tuple[str, int, str, int]], shut_down_after: int | None) -> None:
    async def talk(rooms: Rooms, script: str, n: int, end: str, turns: int) -> None:
        with contextlib.suppress(MecumError, RuntimeError):
            async with rooms.answering(request(script, sampling={"tools": (TOOL,), "n": n})) as answer:
                if end == "closes early":
                    await anext(answer)
                else:
                    await collect(answer)

    async def run() -> None:
        rooms = Rooms(ROLE, traits=NO_TOOLS)
        tasks = [asyncio.create_task(talk(rooms, *chat)) for chat in chats]
        for turn in range(25):
            for task, (_, _, end, turns) in zip(tasks, chats, strict=True):
                if end == "leaves" and turns == turn:
                    task.cancel()
            if turn == shut_down_after:
                rooms.gate.interrupt()
            await asyncio.sleep(0)
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
        rooms.check_nothing_is_held()

    asyncio.run(run())
