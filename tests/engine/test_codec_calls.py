"""Tool calls: whole or in pieces, with and without index and id, they come out in the same order and form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.engine.chunks import chunk, decode

from mecum.errors import EngineBroke
from mecum.types import Delta


def function(name: str | None = None, arguments: object = None) -> dict[str, Any]:
    return {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}


CALLS: dict[str, list[list[dict[str, Any]]]] = {
    "OpenAI, vLLM: in pieces": [
        [{"index": 0, "id": "a", "type": "function", "function": function("f", "")}],
        [{"index": 0, "function": function(None, '{"x"')}],
        [{"index": 0, "function": function(None, ": 1}")}],
        [{"index": 1, "id": "b", "type": "function", "function": function("g", "")}],
        [{"index": 1, "function": function(None, "{}")}],
    ],
    "llama.cpp: interleaved": [
        [{"index": 0, "id": "a", "type": "function", "function": function("f", '{"x"')}],
        [{"index": 1, "id": "b", "type": "function", "function": function("g", "{")}],
        [{"index": 0, "function": function(None, ": 1}")}, {"index": 1, "function": function(None, "}")}],
    ],
    "Ollama: whole": [
        [{"index": 0, "id": "a", "type": "function", "function": function("f", '{"x": 1}')}],
        [{"index": 1, "id": "b", "type": "function", "function": function("g", "{}")}],
    ],
    "older Ollama: all numbered 0": [
        [{"index": 0, "id": "a", "type": "function", "function": function("f", '{"x": 1}')}],
        [{"index": 0, "id": "b", "type": "function", "function": function("g", "{}")}],
    ],
    "whole, in one chunk, without index or id": [
        [{"function": function("f", '{"x": 1}')}, {"function": function("g", "{}")}],
    ],
    "whole, in two chunks, without index or id": [
        [{"function": function("f", '{"x": 1}')}],
        [{"function": function("g", "{}")}],
    ],
    "in pieces, without index or id": [
        [{"function": function("f", "")}],
        [{"function": function(None, '{"x": ')}],
        [{"function": function("", "1}")}],
        [{"function": function("g", "{}")}],
    ],
    "in pieces, by id alone": [
        [{"id": "a", "function": function("f", '{"x": ')}],
        [{"id": "a", "function": function("f", "1}")}],
        [{"id": "b", "function": function("g", "{}")}],
    ],
    "older vLLM: a new id for every piece": [
        [{"index": 0, "id": "a", "type": "function", "function": function("f", "")}],
        [{"index": 0, "id": "a2", "type": "function", "function": function(None, '{"x": ')}],
        [{"index": 0, "id": "a3", "type": "function", "function": function(None, "1}")}],
        [{"index": 1, "id": "b", "type": "function", "function": function("g", "{}")}],
    ],
    "the name again with every piece": [
        [{"index": 0, "id": "a", "function": function("f", '{"x": ')}],
        [{"index": 0, "function": function("f", "1}")}],
        [{"index": 1, "id": "b", "function": function("g", "{")}],
        [{"index": 1, "id": "b", "function": function("g", "}")}],
    ],
    "numbered from 1, one id for all": [
        [{"index": 1, "id": "a", "function": function("f", '{"x": 1}')}],
        [{"index": 2, "id": "a", "function": function("g", "{}")}],
    ],
    "arguments as an object": [
        [{"index": 0, "function": function("f", {"x": 1})}],
        [{"index": 1, "function": function("g", "{}")}],
    ],
}


@pytest.mark.parametrize("server", CALLS)
@pytest.mark.parametrize("finish", ["tool_calls", "stop"])
def test_tool_calls_come_in_order_the_start_first(server: str, finish: str) -> None:
    deltas = decode(*(chunk({"tool_calls": calls}) for calls in CALLS[server]), chunk({}, finish))
    pieces = [piece for delta in deltas for piece in delta.tool_calls or ()]
    starts = [piece for piece in pieces if "id" in piece]
    assert [start["index"] for start in starts] == [0, 1]
    assert all(start["type"] == "function" and start["id"] and start["function"]["arguments"] == "" for start in starts)
    arguments = ["".join(p["function"]["arguments"] for p in pieces if p["index"] == number) for number in (0, 1)]
    assert [start["function"]["name"] for start in starts] == ["f", "g"]
    assert [json.loads(text) for text in arguments] == [{"x": 1}, {}]
    assert deltas[-1] == Delta(finish_reason="tool_calls")
    assert all(pieces.index(starts[p["index"]]) <= place for place, p in enumerate(pieces))


def test_a_call_cut_short_ends_in_length() -> None:
    assert (
        decode(chunk({"tool_calls": CALLS["OpenAI, vLLM: in pieces"][0]}), chunk({}, "length"))[-1].finish_reason == "length"
    )


def test_arguments_nested_without_end() -> None:
    deep: list[Any] = []
    for _ in range(500):
        deep = [deep]
    with pytest.raises(EngineBroke):
        decode(chunk({"tool_calls": [{"function": {"name": "f", "arguments": deep}}]}))
