"""Calls are read out of a text however it is cut; a text that is no call comes through unchanged."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mecum.chat.calls import MAX_HEAD, Reading, read
from mecum.chat.tools import flatten
from mecum.engine.base import Traits
from mecum.types import Delta, Message, Usage

READING = Reading(frozenset({"f", "g.h-1"}))
USAGE = Usage(1, 2)


class Said:
    """A reply that says these batches."""

    def __init__(self, batches: Iterable[Sequence[Delta]]) -> None:
        self._batches = list(batches)

    async def __aiter__(self) -> AsyncIterator[Sequence[Delta]]:
        for batch in self._batches:
            yield batch

    async def aclose(self) -> None:
        pass


def read_all(batches: Iterable[Sequence[Delta]], reading: Reading = READING) -> list[Delta]:
    async def collect() -> list[Delta]:
        return [delta async for batch in read(Said(batches), reading) for delta in batch]

    return asyncio.run(collect())


def read_text(*pieces: str, finish: str = "stop", choice: int = 0) -> tuple[str, list[tuple[str, str]], str | None]:
    """Return the text, the calls with their arguments, and the finish."""
    end = Delta(choice=choice, finish_reason=finish)  # type: ignore[arg-type]
    return summary(read_all([*([Delta(piece, choice)] for piece in pieces), [end], [Delta(usage=USAGE)]]), choice)


def summary(deltas: list[Delta], choice: int = 0) -> tuple[str, list[tuple[str, str]], str | None]:
    assert deltas[-1] == Delta(usage=USAGE)
    mine = [delta for delta in deltas[:-1] if delta.choice == choice]
    assert [delta.finish_reason is not None for delta in mine] == [False] * (len(mine) - 1) + [True]
    calls: dict[int, tuple[str, str]] = {}
    for piece in (piece for delta in mine for piece in delta.tool_calls or ()):
        index, function = piece["index"], piece["function"]
        assert (index not in calls) == ("id" in piece) == ("name" in function) == (piece.get("type") == "function")
        name, arguments = calls.get(index, (function.get("name"), ""))
        calls[index] = (name, arguments + function["arguments"])
    assert list(calls) == list(range(len(calls)))
    return "".join(delta.content or "" for delta in mine), list(calls.values()), mine[-1].finish_reason


CALLS: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "plain": ('{"name": "f", "arguments": {"x": 1}}', [("f", '{"x": 1}')]),
    "no spaces": ('{"name":"f","arguments":{"x":1}}', [("f", '{"x":1}')]),
    "many spaces": ('\n { "name" : "f" ,\n "arguments" : {"x": 1} \n } \n', [("f", '{"x": 1}')]),
    "empty": ('{"name": "f", "arguments": {}}', [("f", "{}")]),
    "nested": ('{"name": "f", "arguments": {"a": {"b": [{"c": {}}, [1]]}}}', [("f", '{"a": {"b": [{"c": {}}, [1]]}}')]),
    "braces in strings": ('{"name": "f", "arguments": {"a": "}}{{]["}}', [("f", '{"a": "}}{{]["}')]),
    "escapes": (r'{"name": "f", "arguments": {"a": "\"}\\", "b\"": "\\\\"}}', [("f", r'{"a": "\"}\\", "b\"": "\\\\"}')]),
    "letters": ('{"name": "f", "arguments": {"a": "größer 😀 \u2028"}}', [("f", '{"a": "größer 😀 \u2028"}')]),
    "another name": ('{"name": "g.h-1", "arguments": {}}', [("g.h-1", "{}")]),
    "more fields": ('{"name": "f", "arguments": {"x": 1}, "id": {"y": "}"}}', [("f", '{"x": 1}')]),
    "two": ('{"name": "f", "arguments": {"x":1}}\n{"name": "g.h-1", "arguments": {}}', [("f", '{"x":1}'), ("g.h-1", "{}")]),
    "the same twice": ('{"name": "f", "arguments": {}}{"name": "f", "arguments": {}}', [("f", "{}"), ("f", "{}")]),
    "words behind it": ('{"name": "f", "arguments": {}}\nThat is the call. {"x"', [("f", "{}")]),
    "an unknown one behind it": ('{"name": "f", "arguments": {}}\n{"name": "nope", "arguments": {}}', [("f", "{}")]),
    "without its last brace": ('{"name": "f", "arguments": {"x": {}}', [("f", '{"x": {}}')]),
    "arguments as a string": (r'{"name": "f", "arguments": "{\"x\": \"}\"}", "id": 1}', [("f", '{"x": "}"}')]),
    "a string and another call": (
        r'{"name": "f", "arguments": "{\"x\": 1}"}{"name": "f", "arguments": {}}',
        [("f", '{"x": 1}'), ("f", "{}")],
    ),
    "a string that is no object": ('{"name": "f", "arguments": "Paris"}', [("f", '"Paris"')]),
    "half a string": (r'{"name": "f", "arguments": "{\"x\": ', [("f", r'"{\"x\": ')]),
    "a number": ('{"name": "f", "arguments": 5, "id": 1}', [("f", "5")]),
    "arguments null": ('{"name": "f", "arguments": null}', [("f", "{}")]),
    "no arguments": ('{"name": "f", "arguments": }', [("f", "{}")]),
    "in a code block": ('```json\n{\n  "name": "f",\n  "arguments": {"x": 1}\n}\n```', [("f", '{"x": 1}')]),
    "in a bare code block": ('```\n{"name": "f", "arguments": {}}\n```\nThere.', [("f", "{}")]),
    "two code blocks": (
        '```json\n{"name": "f", "arguments": {"x":1}}\n```\n\n```json\n{"name": "g.h-1", "arguments": {}}\n```',
        [("f", '{"x":1}'), ("g.h-1", "{}")],
    ),
    "behind a tag": (
        '<tool_call>\n{"name": "f", "arguments": {"x": "<tool_call>"}}\n</tool_call>',
        [("f", '{"x": "<tool_call>"}')],
    ),
    "two behind tags": (
        '<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>\n' * 2,
        [("f", "{}"), ("f", "{}")],
    ),
    "a list": (
        '[{"name": "f", "arguments": {}}, {"name": "g.h-1", "arguments": {"x":[1]}}]',
        [("f", "{}"), ("g.h-1", '{"x":[1]}')],
    ),
    "Mistral's": ('[TOOL_CALLS] [{"name": "f", "arguments": {}}]', [("f", "{}")]),
    "Llama's": ('{"type": "function", "name": "f", "parameters": {"x": 1}}', [("f", '{"x": 1}')]),
    "two braces": ('<tool_call>\n{{"name": "f", "arguments": {"x": 1}}}\n</tool_call>', [("f", '{"x": 1}')]),
    "words between tags": (
        '<tool_call>{"name": "f", "arguments": {}}</tool_call> and <tool_call>{"name": "f", "arguments": {}}</tool_call>',
        [("f", "{}"), ("f", "{}")],
    ),
}  # fmt: skip
TEXTS: dict[str, str] = {
    "words": "Hello, how are you?",
    "spaces": " \n\t ",
    "empty": "",
    "another object": '{"answer": 42, "name": "f"}',
    "an unknown tool": '{"name": "nope", "arguments": {"x": 1}}',
    "a prefix of a name": '{"name": "ff", "arguments": {}}',
    "an escaped name": r'{"name": "f\u0066", "arguments": {}}',
    "a name with a bad escape": r'{"name": "f\q", "arguments": {}}',
    "another order": '{"arguments": {}, "name": "f"}',
    "no name": '{"name": 5, "arguments": {}}',
    "half a call": '{"name": "f", "argu',
    "an opening brace": "{",
    "code": "{ return x; }",
    "a call in words": 'I call {"name": "f", "arguments": {}} now.',
    "a list": '["f", {"name": "f", "arguments": {}}]',
    "a code block": '```json\n{"name": "Ada", "born": 1815}\n```',
    "code in a block": '```python\nname = {"name": "f", "arguments": {}}\n```',
    "an unknown one behind a tag": 'So: <tool_call>\n{"name": "nope", "arguments": {}}\n</tool_call> <tool_call>',
    "half a tag": "I think that 3 <tool_",
    "tags in words": "Write <tool_call> and then </tool_call>, with <b> between.",
    "half of Mistral's": "[TOOL_CALLER] is a word",
    "a long object": '{"text": "' + "x" * MAX_HEAD + '"}',
}


@pytest.mark.parametrize("case", CALLS)
def test_a_call_cut_at_every_place(case: str) -> None:
    text, calls = CALLS[case]
    expected = ("", calls, "tool_calls")
    assert read_text(*text) == expected
    for cut in range(len(text) + 1):
        assert read_text(text[:cut], text[cut:]) == expected


@pytest.mark.parametrize("case", TEXTS)
def test_a_text_cut_at_every_place(case: str) -> None:
    text = TEXTS[case]
    expected = (text, [], "stop")
    assert read_text(*text) == expected
    for cut in range(len(text) + 1):
        assert read_text(text[:cut], text[cut:]) == expected


def test_words_before_a_tag_are_text() -> None:
    text = 'Let me look: <3\n<tool_call>\n{"name": "f", "arguments": {"x": 1}}\n</tool_call>\nDone.'
    expected = ("Let me look: <3\n", [("f", '{"x": 1}')], "tool_calls")
    assert read_text(*text) == expected
    for cut in range(len(text) + 1):
        assert read_text(text[:cut], text[cut:]) == expected


def test_where_one_call_is_allowed_only_the_first_is_made() -> None:
    for case in ("two", "two code blocks", "two behind tags", "words between tags", "a list"):
        text, calls = CALLS[case]
        deltas = read_all(
            [[Delta(text)], [Delta(finish_reason="stop")], [Delta(usage=USAGE)]], Reading(READING.names, single=True)
        )
        assert summary(deltas) == ("", calls[:1], "tool_calls")


def test_what_the_engine_has_read_is_left_alone() -> None:
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    text = Delta('<tool_call>{"name": "f", "arguments": {}}')
    batches = [[Delta("<too")], [Delta(tool_calls=[call])], [text], [Delta(finish_reason="tool_calls")]]
    assert read_all(batches) == [Delta("<too"), Delta(tool_calls=[call]), text, Delta(finish_reason="tool_calls")]


def test_a_call_that_comes_twice_is_one() -> None:
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    batches = [[Delta(CALLS["plain"][0])], [Delta(tool_calls=[call], finish_reason="tool_calls")], [Delta(usage=USAGE)]]
    assert summary(read_all(batches)) == ("", CALLS["plain"][1], "tool_calls")


def test_words_are_not_held_back() -> None:
    assert read_all([[Delta("Hel")], [Delta("lo")]]) == [Delta("Hel"), Delta("lo")]
    assert read_all([[Delta('{"name": "f", "age')], [Delta('"')]]) == [Delta('{"name": "f", "age'), Delta('"')]
    assert read_all([[Delta("a < b")], [Delta(" and c <")], [Delta(" d")]]) == [
        Delta("a < b"),
        Delta(" and c "),
        Delta("< d"),
    ]
    long = '{"text": "' + "x" * MAX_HEAD
    assert read_all([[Delta(long)], [Delta("y")]]) == [Delta(long), Delta("y")]


def test_arguments_are_not_held_back() -> None:
    deltas = read_all([[Delta(piece)] for piece in ('{"name": "f", ', '"arguments": {"x"', ": 1", "}}")])
    pieces = [piece["function"]["arguments"] for delta in deltas for piece in delta.tool_calls or ()]
    assert pieces == ["", '{"x"', ": 1", "}"]


@pytest.mark.parametrize("cut", range(20, 45))
def test_a_call_that_max_tokens_cut_short(cut: int) -> None:
    whole = '{"name": "f", "arguments": {"x": {"y": "}"}}}'
    text, calls, finish = read_text(*whole[:cut], finish="length")
    assert finish == "length"
    if calls:
        assert text == ""
        assert '{"x": {"y": "}"}}'.startswith(calls[0][1])
        assert whole[:cut].startswith('{"name": "f", "arguments": ' + calls[0][1])
    else:
        assert text == whole[:cut]


def test_several_choices_are_read_apart() -> None:
    call, text = CALLS["nested"][0], TEXTS["an unknown tool"]
    pairs = [pair for a, b in zip(call.ljust(60), text.ljust(60), strict=True) for pair in ((a, 0), (b, 1))]
    ends = [Delta(choice=1, finish_reason="stop"), Delta(finish_reason="stop"), Delta(usage=USAGE)]
    deltas = read_all([*([Delta(*pair)] for pair in pairs), ends])
    assert summary(deltas, 0) == ("", CALLS["nested"][1], "tool_calls")
    assert summary(deltas, 1) == (text.ljust(60), [], "stop")


def test_whatever_else_a_delta_carries_passes() -> None:
    logprobs = {"content": []}
    sign = Delta()
    batches = [
        [sign],
        [Delta(reasoning="why")],
        [Delta("a", reasoning="b")],
        [Delta("c", logprobs=logprobs, finish_reason="stop")],
    ]
    assert read_all(batches) == [
        sign,
        Delta(reasoning="why"),
        Delta(reasoning="b"),
        Delta("a"),
        Delta(logprobs=logprobs),
        Delta("c"),
        Delta(finish_reason="stop"),
    ]


def test_a_long_answer_takes_no_long_time() -> None:
    spaces = " " * 20_000
    expected = ("", [("f", '{"x":' + spaces + "1}")], "tool_calls")
    assert read_text('{"name": "f", "arguments": {"x":' + spaces + "1}" + spaces + "}") == expected
    many = CALLS["plain"][0] * 2000
    assert len(read_text(many)[1]) == 2000


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='ab{}[]"\\ü😀\n ', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='ab{}"\\', max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(
    calls=st.lists(
        st.tuples(st.sampled_from(sorted(READING.names)), st.dictionaries(st.text(max_size=3), VALUES)),
        min_size=1,
        max_size=3,
    ),
    indent=st.none() | st.integers(0, 2),
    ascii_only=st.booleans(),
    sizes=st.lists(st.integers(1, 7), min_size=1, max_size=10),
)
def test_any_calls_cut_anywhere(
    calls: list[tuple[str, Any]], indent: int | None, ascii_only: bool, sizes: list[int]
) -> None:
    text = "\n".join(json.dumps({"name": n, "arguments": a}, indent=indent, ensure_ascii=ascii_only) for n, a in calls)
    pieces, at = [], 0
    while at < len(text):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(text[at : at + size])
        at += size
    said, found, finish = read_text(*pieces)
    assert (said, finish) == ("", "tool_calls")
    assert [(name, json.loads(arguments)) for name, arguments in found] == calls


@settings(derandomize=True, deadline=None, max_examples=150)
@given(
    pieces=st.lists(
        st.sampled_from(["{", "}", '"name"', ":", ",", " ", '"arguments"', '"f"', "x", '"', "\\", "[", "]"]), max_size=14
    )
)
def test_any_text_comes_through_or_is_a_call(pieces: list[str]) -> None:
    text = "".join(pieces)
    said, calls, finish = read_text(*pieces)
    assert (said, calls, finish) == read_text(text)
    if calls:
        assert finish == "tool_calls"
        assert said == ""
    else:
        assert (said, finish) == (text, "stop")


def test_a_call_in_the_history_reads_as_what_it_was() -> None:
    calls = [("f", '{"x": "}\\""}'), ("g.h-1", "{}")]
    made = tuple({"id": name, "type": "function", "function": {"name": name, "arguments": text}} for name, text in calls)
    (turn,) = flatten((Message("assistant", None, tool_calls=made),), Traits(tools=False))
    assert read_text(str(turn.content)) == ("", calls, "tool_calls")
