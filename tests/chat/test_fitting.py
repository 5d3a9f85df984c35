"""Passages take what the rest leaves, the best first; sources are those in the prompt; none makes a prompt too long."""

from __future__ import annotations

import asyncio
import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.chat.rooms import NO_TOOLS, SECRET, TOOL, Rooms, asks, passage

from mecum.chat import budget
from mecum.chat.fitting import FURTHER
from mecum.chat.grounding import ground, numbered
from mecum.errors import ContextTooLong
from mecum.types import Hit, Message, Prompt

QUESTION = Message("user", "why?")


def found(*sizes: int) -> tuple[Hit, ...]:
    """Return passages of so many words, each word naming its passage."""
    return tuple(passage(f"p{number} " * size, number) for number, size in enumerate(sizes, 1))


def block(*hits: Hit) -> int:
    """Return how many words the passages make of a prompt."""
    (grounded,) = ground((QUESTION,), numbered(hits), SECRET)
    return len(str(grounded.content).split()) - 1


def shown(prompt: Prompt) -> list[str]:
    """Return the passages in a prompt, each by its word, in the order of their numbers."""
    text = "\n".join(str(turn.content) for turn in prompt.messages)
    return [word for _, word in sorted(re.findall(r"^\[(\d+)\] Title \d+\n> (p\d+)", text, re.MULTILINE), key=_number)]


def _number(found: tuple[str, str]) -> int:
    return int(found[0])


def history(*sizes: int) -> list[Message]:
    roles = ("user", "assistant")
    return [Message(roles[at % 2], f"t{at} " * size) for at, size in enumerate(sizes)]  # type: ignore[arg-type]


async def test_what_fits_costs_one_count() -> None:
    rooms = Rooms(context=1000)
    rooms.library.hits = found(100, 100, 100)
    async with rooms.answering(asks("why?", retrieval=True)) as answer:
        assert answer.retrieval
        assert [hit.index for hit in answer.retrieval.hits] == [1, 2, 3]
        assert answer.cites
    assert rooms.engine.counted == 1
    assert shown(rooms.engine.asked[0]) == ["p1", "p2", "p3"]


async def test_the_best_come_first_and_the_rest_is_left_out() -> None:
    rooms = Rooms(context=1000)
    rooms.library.hits = found(300, 300, 300, 300)
    async with rooms.answering(asks("why?", retrieval=True)) as answer:
        assert answer.retrieval
        assert answer.retrieval.status == "ok"
        assert [hit.chunk_id for hit in answer.retrieval.hits] == ["c1", "c2"]
    assert shown(rooms.engine.asked[0]) == ["p1", "p2"]
    assert rooms.engine.asked[0].sampling.max_tokens == 1000 - 1 - block(*found(300, 300))


async def test_one_that_is_too_large_does_not_keep_out_the_next() -> None:
    rooms = Rooms(context=1000)
    rooms.library.hits = found(100, 5000, 100, 5000, 100)
    async with rooms.answering(asks("why?", retrieval=True)) as answer:
        assert answer.retrieval
        assert [(hit.index, hit.chunk_id) for hit in answer.retrieval.hits] == [(1, "c1"), (2, "c3"), (3, "c5")]
    assert shown(rooms.engine.asked[0]) == ["p1", "p3", "p5"]


async def test_a_long_chat_leaves_room_for_fewer_and_at_last_for_none() -> None:
    used = []
    for length in (100, 500, 700, 900):
        rooms = Rooms(context=1000)
        rooms.library.hits = found(100, 100, 100, 100, 100)
        chat = (*history(length // 2, length // 2), QUESTION)
        async with rooms.answering(asks(*chat, retrieval=True)) as answer:
            assert answer.retrieval
            used.append(len(answer.retrieval.hits))
            assert len(rooms.engine.asked[0].messages) == 3
            assert answer.cites == bool(answer.retrieval.hits)
    assert used == [5, 1, 1, 0]
    with pytest.raises(ContextTooLong) as caught:
        await rooms.answer(asks(*history(500, 600), QUESTION, retrieval=True))
    assert caught.value.prompt_tokens == 1101, "the numbers are those of the chat alone"


@pytest.mark.parametrize("space", [" ", ""])
async def test_where_not_even_the_best_fits_whole_its_beginning_is_shown(space: str) -> None:
    rooms = Rooms(context=1000)
    text = space.join("word" for _ in range(2000)) if space else "字" * 4000
    rooms.engine.words_of = lambda text: len(text) // 5  # type: ignore[method-assign] # a token is five characters
    rooms.library.hits = (passage(text, 1), passage(text, 2))
    async with rooms.answering(asks("why?", retrieval=True)) as answer:
        assert answer.retrieval
        (hit,) = answer.retrieval.hits
    assert (hit.index, hit.chunk_id) == (1, "c1")
    begin, end = hit.text[:-1], hit.text[-1]
    assert text.startswith(begin)
    assert end == "…"
    assert not space or begin.endswith("word")
    prompt = rooms.engine.asked[0]
    assert f"> {hit.text}\n" in str(prompt.messages[-1].content)
    assert 700 <= await rooms.engine.count(prompt) <= 750


async def test_passages_win_over_the_oldest_turns_but_take_no_more_than_half() -> None:
    rooms = Rooms(context=1000)
    rooms.library.hits = found(*[95] * 7)
    chat = (*history(*[60] * 12), QUESTION)  # 721 words: they alone would fit
    async with rooms.answering(asks(*chat, retrieval=True, truncation="auto")) as answer:
        assert answer.retrieval
        assert len(answer.retrieval.hits) == 4
        assert answer.dropped == 8
    assert block(*found(*[95] * 4)) <= 500 < block(*found(*[95] * 5))


async def test_without_a_history_they_may_take_more_than_half() -> None:
    rooms = Rooms(context=1000)
    rooms.library.hits = found(*[100] * 9)
    async with rooms.answering(asks("why?", retrieval=True, truncation="auto")) as answer:
        assert answer.retrieval
        assert (len(answer.retrieval.hits), answer.dropped) == (6, 0)


SIZES = st.lists(st.sampled_from([5, 20, 60, 150, 400]), max_size=8)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(
    passages=SIZES,
    turns=SIZES.filter(lambda sizes: len(sizes) % 2 == 0),
    max_tokens=st.none() | st.integers(1, 600),
    truncate=st.booleans(),
)
def test_the_invariants(passages: list[int], turns: list[int], max_tokens: int | None, truncate: bool) -> None:
    context = 800
    chat = (*history(*turns), QUESTION)
    hits = found(*passages)
    limit = budget.prompt_limit(context, max_tokens)
    least = 1 if truncate else sum(turns) + 1

    async def run() -> None:
        rooms = Rooms(context=context)
        rooms.library.hits = hits
        request = asks(*chat, retrieval=True, truncation="auto" if truncate else "off", sampling={"max_tokens": max_tokens})
        if least >= context:
            with pytest.raises(ContextTooLong):
                await rooms.answer(request)
            return
        async with rooms.answering(request) as answer:
            assert answer.retrieval
            used, dropped = answer.retrieval.hits, answer.dropped or 0
        prompt = rooms.engine.asked[0]
        tokens = sum(turns[dropped:]) + 1 + (block(*used) if used else 0)
        # Sources are the passages in the prompt, in the order of their worth.
        assert shown(prompt) == [hit.text.split()[0] for hit in used]
        numbers = [int(hit.chunk_id[1:]) for hit in used]
        assert numbers == sorted(set(numbers))
        assert [hit.index for hit in used] == list(range(1, len(used) + 1))
        # Their size is counted, not guessed, and leaves the answer its share.
        assert prompt.sampling.max_tokens == min(context - tokens, max_tokens or context)
        assert tokens < context
        if used:
            alone = block(*used)
            assert alone <= max(limit - least, (context - least) // 2)
            if dropped:
                assert alone <= context // 2
        # As many as fit: the first that was left out is too large.
        cut = any(hit.text.endswith("…") for hit in used)
        if (
            not truncate
            and not cut
            and (left := [hit for hit in hits if hit.chunk_id not in {one.chunk_id for one in used}])
        ):
            first = hits.index(left[0])
            assert least + block(*hits[: first + 1]) > limit
        # As few turns as possible are dropped.
        if dropped:
            shorter = [cut for cut in budget.droppable(chat) if cut < dropped]
            assert all(sum(turns[cut:]) + 1 + (block(*used) if used else 0) > limit for cut in shorter)
        most = 4 + 6 + math.ceil(math.log2(len(hits) + 1)) + FURTHER + math.ceil(math.log2(len(turns) + 2))
        assert rooms.engine.counted <= most
        rooms.check_nothing_is_held()

    asyncio.run(run())


async def test_an_engine_that_cannot_count_is_asked_with_fewer_until_it_takes_it() -> None:
    rooms = Rooms(context=None)
    rooms.library.hits = found(5000, 5000, 5000, 100)
    async with rooms.answering(asks("why?", retrieval=True)) as answer:
        assert answer.retrieval
        assert [hit.chunk_id for hit in answer.retrieval.hits] == ["c1"]
    assert [len(shown(prompt)) for prompt in rooms.engine.asked] == [4, 2, 1]
    rooms.library.hits = found(9000)
    async with rooms.answering(asks("why?", retrieval=True)) as answer:
        assert answer.retrieval
        assert answer.retrieval.hits == ()
    assert rooms.engine.asked[-1].messages == (QUESTION,)
    with pytest.raises(ContextTooLong):
        await rooms.answer(asks("why? " * 9000, retrieval=True))
    rooms.check_nothing_is_held()


CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize("template", ["knows tools", "knows none"])
async def test_passages_stay_with_the_question_when_tools_have_answered(template: str) -> None:
    """Where the template knows no tools, a result is a user's turn too, and may be no place for them, nor be cut off."""
    rooms = Rooms(context=1000, **({"traits": NO_TOOLS} if template == "knows none" else {}))
    rooms.library.hits = found(100)
    turns = (
        *history(300, 300),
        QUESTION,
        Message("assistant", None, tool_calls=(CALL,)),
        Message("tool", "r " * 200, tool_call_id="c"),
    )
    request = asks(*turns, retrieval=True, truncation="auto", sampling={"tools": (TOOL,)})
    async with rooms.answering(request) as answer:
        assert answer.dropped == 2
        assert rooms.library.queries[0].text == "why?"
    prompt = rooms.engine.asked[0]
    with_passages = [turn for turn in prompt.messages if "> p1" in str(turn.content)]
    assert [str(turn.content).endswith("\n\nwhy?") for turn in with_passages] == [True]
    assert "r r r" in str(prompt.messages[-1].content)
