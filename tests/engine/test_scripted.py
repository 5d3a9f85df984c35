"""The scripted engine says what its script says, within the bounds that a request sets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.engine.forgotten import forgotten_generators

from mecum.engine.scripted import CONTEXT, Scripted
from mecum.errors import ContextTooLong, EngineBroke, EngineDown, InvalidRequest, MecumError, ModelLoading, QueueFull
from mecum.types import Delta, Message, Prompt, Sampling, Usage


async def play(script: str, **sampling: Any) -> list[Delta]:
    engine = Scripted()
    await engine.start()
    reply = await engine.chat(Prompt("scripted", (Message("user", script),), Sampling(**sampling)))
    deltas = [delta async for batch in reply for delta in batch]
    assert engine.open_replies == 1
    await reply.aclose()
    await reply.aclose()
    assert engine.open_replies == 0
    return deltas


def text(deltas: list[Delta], choice: int = 0) -> str:
    return "".join(delta.content or "" for delta in deltas if delta.choice == choice)


def finishes(deltas: list[Delta]) -> list[tuple[int, str | None]]:
    return [(delta.choice, delta.finish_reason) for delta in deltas if delta.finish_reason]


@pytest.mark.parametrize(
    ("script", "said", "finish"),
    [
        ("Hello there", "You said: Hello there", "stop"),
        ("", "You said: ", "stop"),
        ("!say one  two\\nthree ", "one  two\nthree ", "stop"),
        ("!chars añ😀", "añ😀", "stop"),
        ("!words 3", "word1 word2 word3", "stop"),
        ('!json {"a": 1}', '{"a": 1}', "stop"),
        ("!say a\n!say b", "ab", "stop"),
        ("!say a\n!finish length", "a", "length"),
        ("!finish content_filter\n!say a", "a", "content_filter"),
        ("!silent 0\n!say a", "a", "stop"),
        ("!wait 0\n!pause 0\n!say a", "a", "stop"),
        ("before\n!say a\nafter", "a", "stop"),
        ("!say a\r\n!say b\r\n", "ab", "stop"),
        ("!say a\u2028b\x0bc", "a\u2028b\x0bc", "stop"),
        ("not !say a", "You said: not !say a", "stop"),
    ],
)
async def test_what_is_said(script: str, said: str, finish: str) -> None:
    deltas = await play(script)
    assert text(deltas) == said
    assert finishes(deltas) == [(0, finish)]
    assert deltas[-1].usage is not None


async def test_the_last_user_message_is_the_script() -> None:
    engine = Scripted()
    await engine.start()
    turns = (
        Message("user", "!say no"),
        Message("user", ({"type": "text", "text": "!say yes"},)),
        Message("assistant", "hm"),
    )
    async for batch in await engine.chat(Prompt("scripted", turns, Sampling())):
        assert text(list(batch)) in ("yes", "")


async def test_reasoning_comes_apart() -> None:
    deltas = await play("!reason so so\n!say a")
    assert [delta.reasoning for delta in deltas if delta.reasoning] == ["so", " so"]
    assert text(deltas) == "a"


async def test_tool_calls() -> None:
    deltas = await play('!tool f {"x": 1}\n!tool g')
    pieces = [piece for delta in deltas for piece in delta.tool_calls or ()]
    assert [piece["function"].get("name") for piece in pieces if "id" in piece] == ["f", "g"]
    assert "".join(piece["function"]["arguments"] for piece in pieces if piece["index"] == 0) == '{"x": 1}'
    assert finishes(deltas) == [(0, "tool_calls")]


@pytest.mark.parametrize(("limit", "said", "finish"), [(1, "word1", "length"), (3, "word1 word2 word3", "stop")])
async def test_max_tokens_bounds_each_choice(limit: int, said: str, finish: str) -> None:
    deltas = await play("!words 3", max_tokens=limit, n=2)
    assert [text(deltas, 0), text(deltas, 1)] == [said, said]
    assert finishes(deltas) == [(0, finish), (1, finish)]
    assert deltas[-1].usage == Usage(2, 2 * min(limit, 3))


@pytest.mark.parametrize(("stops", "said"), [(("wo",), "one t"), (("two", "ne"), "o"), (("x",), "one two")])
async def test_stop_strings_never_show(stops: tuple[str, ...], said: str) -> None:
    assert text(await play("!say one two", stop=stops)) == said


async def test_logprobs() -> None:
    deltas = await play("!say ä b", logprobs=True, top_logprobs=1)
    entries = [delta.logprobs["content"][0] for delta in deltas if delta.logprobs]
    assert [entry["token"] for entry in entries] == ["ä", " b"]
    assert entries[0]["bytes"] == [195, 164]
    assert len(entries[0]["top_logprobs"]) == 1


async def test_a_forced_tool_is_called_with_fitting_arguments() -> None:
    parameters = {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"enum": ["x"]}, "c": {"anyOf": [{"type": "null"}]}},
    }
    tools = tuple({"type": "function", "function": {"name": name, "parameters": parameters}} for name in ("f", "g"))
    for choice, name in (("required", "f"), ({"type": "function", "function": {"name": "g"}}, "g")):
        deltas = await play("hi", tools=tools, tool_choice=choice)
        pieces = [piece["function"] for delta in deltas for piece in delta.tool_calls or ()]
        assert pieces[0]["name"] == name
        assert json.loads("".join(piece["arguments"] for piece in pieces)) == {"a": 1, "b": "x", "c": None}
    assert text(await play("hi", tools=tools, tool_choice="none")) == "You said: hi"


async def test_a_schema_gets_a_fitting_value() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "array"}, "b": {"const": 7}, "c": {"default": "d"}}}
    json_schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    assert json.loads(text(await play("hi", response_format=json_schema))) == {"a": [], "b": 7, "c": "d"}
    assert text(await play("hi", response_format={"type": "json_object"})) == "{}"


@pytest.mark.parametrize(
    ("code", "expected"),
    [(400, InvalidRequest), (429, QueueFull), (502, EngineBroke), (503, ModelLoading), (500, RuntimeError)],
)
async def test_refusals_come_before_the_answer(code: int, expected: type[Exception]) -> None:
    engine = Scripted()
    await engine.start()
    with pytest.raises(expected):
        await engine.chat(Prompt("scripted", (Message("user", f"!say a\n!refuse {code}"),), Sampling()))
    assert engine.open_replies == 0


async def test_breaking_off_comes_in_the_middle() -> None:
    engine = Scripted()
    await engine.start()
    reply = await engine.chat(Prompt("scripted", (Message("user", "!say a\n!break"),), Sampling()))
    assert await anext(reply) == (Delta("a"),)
    with pytest.raises(EngineBroke):
        await anext(reply)
    await reply.aclose()


async def test_what_is_too_long() -> None:
    engine = Scripted()
    await engine.start()
    words = Prompt("scripted", (Message("user", "a " * (CONTEXT - 1)), Message("system", "b")), Sampling())
    assert await engine.count(words) == CONTEXT
    with pytest.raises(ContextTooLong):
        await engine.chat(words)


async def test_stopped() -> None:
    engine = Scripted()
    prompt = Prompt("scripted", (Message("user", "hi"),), Sampling())
    assert engine.status().state == "stopped"
    for call in (engine.ready(), engine.chat(prompt)):
        with pytest.raises(EngineDown):
            await call
    await engine.start()
    await engine.ready()
    await engine.aclose()
    with pytest.raises(MecumError):
        await engine.chat(prompt)


@pytest.mark.parametrize("batches", [0, 1, 2])
async def test_an_answer_closed_half_way_leaves_no_generator_behind(batches: int) -> None:
    engine = Scripted()
    await engine.start()
    with forgotten_generators() as forgotten:
        reply = await engine.chat(Prompt("scripted", (Message("user", "!words 50"),), Sampling()))
        for _ in range(batches):
            await anext(reply)
        await reply.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(reply)
        del reply
    assert forgotten == []
