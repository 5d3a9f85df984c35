"""What a request, its role and its route make of a chat; what is refused before it begins."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.chat.rooms import ANN, NO_TOOLS, TOOL, Rooms, Stage, asks, collect

from mecum.chat.answer import Chat
from mecum.chat.gate import Gate
from mecum.engine.queue import Queue
from mecum.engine.scripted import Scripted
from mecum.errors import (
    ContextTooLong,
    Draining,
    EngineDown,
    ModelLoading,
    ModelNotFound,
    QueueFull,
    QueueTimeout,
    RoleNotFound,
    UnsupportedParameter,
)
from mecum.knowledge import EmptyLibrary
from mecum.roles import NoRoles
from mecum.types import Delta, Message, Query, Role, Usage

ROLE = Role(uuid="r", name="R", system_prompt="You are R.", model="two", temperature=0.7)
BARE = Role(uuid="b", name="B", system_prompt="You are B.", enable_l0_retrieval=False)
GONE = Role(uuid="g", name="G", system_prompt="You are G.", model="gone")


async def test_an_answer() -> None:
    rooms = Rooms()
    async with rooms.answering(asks("!say a b")) as answer:
        assert answer.id.startswith("chatcmpl-")
        assert answer.created > 1_700_000_000
        assert (answer.model, answer.fingerprint) == ("one", "fp")
        assert (answer.fell_back_from, answer.retrieval, answer.dropped) == (None, None, None)
        assert await collect(answer) == [Delta("a"), Delta(" b"), Delta(finish_reason="stop"), Delta(usage=Usage(3, 2))]
    rooms.check_nothing_is_held()
    async with rooms.answering(asks()) as other:
        assert other.id != answer.id


# Precedence (`rulings.md` 4)


@pytest.mark.parametrize(
    ("asked", "role_id", "fallback", "model", "fell_back_from"),
    [
        (None, None, True, "one", None),
        ("two", None, True, "two", None),
        ("two", None, False, "two", None),
        ("one", "r", False, "one", None),
        (None, "r", False, "two", None),
        ("mecum", None, False, "one", None),
        ("mecum", "r", False, "two", None),
        ("mecum", "r", True, "two", None),
        ("gpt-3.5-turbo", None, True, "one", "gpt-3.5-turbo"),
        ("gpt-3.5-turbo", "r", True, "two", "gpt-3.5-turbo"),
        (None, "g", False, "one", None),
        ("mecum", "g", False, "one", None),
    ],
)
async def test_the_model(
    asked: str | None, role_id: str | None, fallback: bool, model: str, fell_back_from: str | None
) -> None:
    rooms = Rooms(ROLE, GONE, models=("one", "two"))
    async with rooms.answering(asks(model=asked, role_id=role_id, model_fallback=fallback)) as answer:
        assert (answer.model, answer.fell_back_from) == (model, fell_back_from)
        assert rooms.engine.asked[0].model == model


async def test_aliases_and_files_are_names_too(tmp_path: Path) -> None:
    rooms = Rooms(ROLE, models=("one", "two"))
    two = replace(rooms.engine.models[1], aliases=("Deux",), file=tmp_path / "Two-Q4_0.gguf")
    rooms.engine.models = (rooms.engine.models[0], two)
    for asked in ("two", "TWO", "deux", "two-q4_0", "Two-Q4_0.gguf"):
        async with rooms.answering(asks(model=asked)) as answer:
            assert (answer.model, answer.fell_back_from) == ("two", None)
    async with rooms.answering(asks(model="ONE", model_fallback=True)) as answer:
        assert (answer.model, answer.fell_back_from) == ("one", "ONE")


async def test_a_model_is_in_use_until_its_answer_is_closed() -> None:
    rooms = Rooms(models=("one", "two"))
    async with rooms.answering(asks(model="two")) as answer:
        assert rooms.engine.uses == ["two"]
        await collect(answer)
        assert rooms.engine.uses == ["two"]
    rooms.check_nothing_is_held()


async def test_an_unknown_model_is_named_with_those_that_are_known() -> None:
    rooms = Rooms(ROLE, models=("one", "two"))
    for role_id in (None, "r"):
        with pytest.raises(ModelNotFound, match=r"'gpt-4'.*one, two") as caught:
            await rooms.answer(asks(model="gpt-4", role_id=role_id))
        assert caught.value.param == "model"
    rooms.check_nothing_is_held()


@pytest.mark.parametrize(
    ("asked", "role_id", "route", "temperature"),
    [
        (None, None, 0.1, 0.1),
        (None, "b", 0.1, 0.1),
        (None, "r", 0.1, 0.7),
        (0.3, "r", 0.1, 0.3),
        (0.0, "r", 1.0, 0.0),
        (None, None, None, None),
    ],
)
async def test_the_temperature(
    asked: float | None, role_id: str | None, route: float | None, temperature: float | None
) -> None:
    request = asks(sampling={"temperature": asked}, role_id=role_id, default_temperature=route)
    assert (await Rooms(ROLE, BARE, models=("one", "two")).asked(request)).sampling.temperature == temperature


@pytest.mark.parametrize(
    ("asked", "route", "most"),
    [(None, None, 999), (None, 2000, 999), (None, 200, 200), (5, 200, 5), (5, None, 5), (5000, 200, 999)],
)
async def test_max_tokens_are_no_more_than_the_room(asked: int | None, route: int | None, most: int) -> None:
    request = asks("hi", sampling={"max_tokens": asked}, default_max_tokens=route)
    assert (await Rooms(context=1000).asked(request)).sampling.max_tokens == most


async def test_without_a_known_context_max_tokens_are_as_asked() -> None:
    assert (await Rooms(context=None).asked(asks(default_max_tokens=2000))).sampling.max_tokens == 2000
    assert (await Rooms(context=None).asked(asks())).sampling.max_tokens is None


@pytest.mark.parametrize(
    ("asked", "role_id", "searched"),
    [
        (None, None, False),
        (True, None, True),
        (False, None, False),
        (None, "r", True),
        (False, "r", False),
        (None, "b", False),
        (True, "b", True),
    ],
)
async def test_retrieval(asked: bool | None, role_id: str | None, searched: bool) -> None:
    rooms = Rooms(ROLE, BARE, models=("one", "two"))
    chat = ("first?", Message("assistant", "yes"), "second?", Message("assistant", "hm"))
    async with rooms.answering(asks(*chat, retrieval=asked, role_id=role_id)) as answer:
        assert (answer.retrieval is not None) == searched
        assert rooms.library.queries == ([Query(text="second?", before=("first?",))] if searched else [])


async def test_retrieval_from_an_empty_library() -> None:
    engine = Scripted()
    await engine.start()
    queue = Queue(lambda _model: 1, waiting=1, timeout=1)
    rooms = {"queue": queue, "roles": NoRoles(), "library": EmptyLibrary(), "gate": Gate()}
    chat = Chat(engine=engine, ready_timeout=1, secret=b"", **rooms)  # type: ignore[arg-type] # they are what it takes
    answer = await chat.answer(asks("why?", retrieval=True), ANN)
    assert answer.retrieval
    assert (answer.retrieval.status, answer.retrieval.query, answer.retrieval.hits) == ("empty", "why?", ())
    await answer.aclose()
    with pytest.raises(RoleNotFound):
        await chat.answer(asks(role_id="r"), ANN)
    assert (queue.working, engine.open_replies) == (0, 0)


async def test_the_roles_prompt_comes_first() -> None:
    request = asks(Message("system", "Be short."), "hi", role_id="b")
    assert (await Rooms(BARE).asked(request)).messages[0] == Message("system", "You are B.\n\nBe short.")


@pytest.mark.parametrize(
    ("sampling", "cache"),
    [
        ({}, True),
        ({"seed": 0}, True),
        ({"temperature": 0.0}, True),
        ({"seed": 0, "temperature": 0.0}, False),
        ({"seed": 5, "temperature": 0.5}, True),
    ],
)
async def test_what_can_be_reproduced_goes_without_the_cache(sampling: dict[str, Any], cache: bool) -> None:
    assert (await Rooms().asked(asks(sampling=sampling))).cache is cache


async def test_the_rest_of_the_sampling_is_passed_on() -> None:
    sampling = {"top_p": 0.5, "stop": ("x",), "n": 2, "seed": 0, "logprobs": True}
    found = (await Rooms().asked(asks(sampling=sampling))).sampling
    assert {name: getattr(found, name) for name in sampling} == sampling


# Templates


async def test_tools_for_a_template_that_knows_none() -> None:
    rooms = Rooms(traits=NO_TOOLS)
    async with rooms.answering(asks('!json {"name": "f", "arguments": {"x": 1}}', sampling={"tools": (TOOL,)})) as answer:
        deltas = await collect(answer)
    assert [d.tool_calls[0]["function"] for d in deltas if d.tool_calls] == [
        {"name": "f", "arguments": ""},
        {"arguments": '{"x": 1}'},
    ]
    assert deltas[-2].finish_reason == "tool_calls"
    assert rooms.engine.asked[0].sampling.tools == ()
    assert "You can call these tools" in str(rooms.engine.asked[0].messages[0].content)


async def test_no_system_message_where_the_template_has_no_such_role() -> None:
    rooms = Rooms(BARE, traits=NO_TOOLS.__class__(tools=False, system_role=False, alternation=True))
    request = asks(Message("system", "Be short."), "a", "b", role_id="b", sampling={"tools": (TOOL,)})
    messages = (await rooms.asked(request)).messages
    assert [turn.role for turn in messages] == ["user"]
    content = str(messages[0].content)
    places = [content.index(part) for part in ("You are B.", "Be short.", "You can call", "a\n\nb")]
    assert places == sorted(places)


# Refusals


async def test_what_is_refused_is_refused_before_the_engine_is_asked() -> None:
    rooms = Rooms(context=10)
    with pytest.raises(UnsupportedParameter):
        await rooms.answer(asks(sampling={"n": 5}))
    with pytest.raises(RoleNotFound):
        await rooms.answer(asks(role_id="none"))
    with pytest.raises(ContextTooLong) as caught:
        await rooms.answer(asks("a " * 10))
    assert (caught.value.prompt_tokens, caught.value.context) == (10, 10)
    await rooms.asked(asks("a " * 9))
    assert len(rooms.engine.asked) == 1
    rooms.check_nothing_is_held()


async def test_a_full_queue() -> None:
    rooms = Rooms(slots=1)
    tickets = [rooms.queue.enter("x", "one") for _ in range(3)]
    with pytest.raises(QueueFull):
        await rooms.answer(asks())
    for ticket in tickets:
        ticket.leave()
    rooms.check_nothing_is_held()


async def test_a_turn_that_does_not_come() -> None:
    rooms = Rooms(slots=1)
    rooms.queue._timeout = 0.05
    ticket = rooms.queue.enter("x", "one")
    await ticket.turn()
    with pytest.raises(QueueTimeout):
        await rooms.answer(asks())
    assert rooms.engine.asked == []
    ticket.leave()
    rooms.check_nothing_is_held()


async def test_a_model_that_does_not_get_ready() -> None:
    rooms = Rooms(stage=Stage("ready"))
    rooms.chat._ready_timeout = 0.05
    with pytest.raises(ModelLoading) as caught:
        await rooms.answer(asks())
    assert caught.value.retry_after
    rooms.check_nothing_is_held()


async def test_an_engine_without_models_or_stopped() -> None:
    rooms = Rooms()
    rooms.engine.models = ()
    with pytest.raises(EngineDown):
        await rooms.answer(asks())
    with pytest.raises(EngineDown):
        await Rooms().chat.answer(asks(), ANN)
    rooms.check_nothing_is_held()


async def test_a_closed_gate() -> None:
    rooms = Rooms()
    rooms.gate.close()
    with pytest.raises(Draining):
        await rooms.answer(asks())
    rooms.check_nothing_is_held()


async def test_as_many_work_as_there_are_slots() -> None:
    rooms = Rooms(slots=2)
    first, second = [await rooms.answer(asks("!words 3", sampling={"n": n})) for n in (1, 1)]
    third = asyncio.create_task(rooms.answer(asks()))
    for _ in range(5):
        await asyncio.sleep(0)
    assert (rooms.queue.working, rooms.queue.waiting, len(rooms.engine.asked)) == (2, 1, 2)
    await first.aclose()
    await (await third).aclose()
    await second.aclose()
    rooms.check_nothing_is_held()
