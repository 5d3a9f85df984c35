"""`metadata.truncation: "auto"` drops as little as possible, the oldest first, and never what must stay."""

from __future__ import annotations

import asyncio
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.chat.rooms import Rooms, asks

from mecum.chat import budget
from mecum.engine.base import Traits
from mecum.errors import ContextTooLong
from mecum.types import Message, Prompt

SIZES = st.sampled_from([1, 5, 10, 15, 25, 90, 120])  # words; they often come to the limit exactly


def chat(sizes: list[int], *, system: int = 0) -> tuple[Message, ...]:
    """Return turns of so many words, the user's first and last; each word names its turn."""
    roles = ["user", "assistant"] * len(sizes)
    turns = [Message(role, f"t{at} " * size) for at, (role, size) in enumerate(zip(roles, sizes, strict=False))]  # type: ignore[arg-type]
    return (*([Message("system", "s " * system)] if system else ()), *turns)


def words(messages: tuple[Message, ...]) -> int:
    return sum(len(str(message.content).split()) for message in messages)


def by_trying(messages: tuple[Message, ...], limit: int) -> int:
    cuts = budget.droppable(messages)
    return next((cut for cut in cuts if words(budget.drop(messages, cut)) <= limit), cuts[-1])


@settings(derandomize=True, deadline=None, max_examples=120)
@given(
    sizes=st.lists(SIZES, min_size=1, max_size=15).filter(lambda sizes: len(sizes) % 2 == 1),
    system=st.sampled_from([0, 5, 10]),
    max_tokens=st.none() | st.integers(1, 60),
    system_role=st.booleans(),
)
def test_as_few_as_possible_are_dropped(sizes: list[int], system: int, max_tokens: int | None, system_role: bool) -> None:
    messages = chat(sizes, system=system)
    limit = budget.prompt_limit(100, max_tokens)
    expected = by_trying(messages, limit)
    left = budget.drop(messages, expected)

    async def run() -> None:
        rooms = Rooms(context=100, traits=Traits(system_role=system_role))
        request = asks(*messages, truncation="auto", sampling={"max_tokens": max_tokens})
        if words(left) >= 100:
            with pytest.raises(ContextTooLong) as caught:
                await rooms.answer(request)
            assert caught.value.prompt_tokens == words(left)
        else:
            async with rooms.answering(request) as answer:
                assert answer.dropped == expected
                check(rooms.engine.asked[0], left, max_tokens)
        assert rooms.engine.counted <= 1 + math.ceil(math.log2(len(budget.droppable(messages)) + 1))
        rooms.check_nothing_is_held()

    def check(prompt: Prompt, left: tuple[Message, ...], max_tokens: int | None) -> None:
        assert words(prompt.messages) == words(left)
        assert ("s" in str(prompt.messages[0].content).split()) == bool(system)
        assert f"t{len(sizes) - 1}" in str(prompt.messages[-1].content)
        assert prompt.sampling.max_tokens == min(100 - words(left), max_tokens or 100)

    asyncio.run(run())


async def test_what_fits_is_left_alone_and_said_so() -> None:
    rooms = Rooms(context=100)
    async with rooms.answering(asks("a", truncation="auto")) as answer:
        assert answer.dropped == 0
    assert rooms.engine.counted == 1


async def test_without_the_callers_leave_nothing_is_dropped() -> None:
    rooms = Rooms(context=30)
    with pytest.raises(ContextTooLong):
        await rooms.answer(asks(*chat([20, 5, 5])))


async def test_an_unknown_context_is_left_to_the_engine() -> None:
    rooms = Rooms(context=None)
    async with rooms.answering(asks(*chat([20, 5, 5]), truncation="auto")) as answer:
        assert answer.dropped == 0
    assert len(rooms.engine.asked[0].messages) == 3


async def test_a_result_never_loses_its_call() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turns = (
        Message("user", "a " * 50),
        Message("assistant", "b " * 10),
        Message("user", "c"),
        Message("assistant", None, tool_calls=(call,)),
        Message("tool", "d " * 60, tool_call_id="c"),
    )
    rooms = Rooms(context=100)
    async with rooms.answering(asks(*turns, truncation="auto")) as answer:
        assert answer.dropped == 2
    assert rooms.engine.asked[0].messages == turns[2:]
