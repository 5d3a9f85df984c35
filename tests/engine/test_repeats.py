"""A pattern reads what reading each event by itself gives, or leaves it alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.engine.chunks import USAGE, chunk, say

from mecum.engine.repeats import Pattern

LLAMA = {"created": 1_700_000_000, "id": "x", "model": "m", "object": "chat.completion.chunk"}
TEXTS = [" the", '"', "\\", "\n", "größer", "水", "🙂", "\u2028", '"content":"', "data: ", "}}]}", ",", '","', "a\u0000b"]


def event(payload: object, *, compact: bool = True, ascii_only: bool = False) -> bytes:
    """Return an event as one kind of server or another writes it, without its blank line."""
    separators = (",", ":") if compact else None
    return b"data: " + json.dumps(payload, separators=separators, ensure_ascii=ascii_only).encode()


def events(*lines: bytes) -> bytes:
    return b"".join(line + b"\n\n" for line in lines)


def pattern(line: bytes) -> Pattern:
    found = Pattern.of(line)
    assert found
    return found


@pytest.mark.parametrize("compact", [True, False])
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("text", TEXTS)
def test_any_text_is_read_by_the_pattern_of_any_other(text: str, compact: bool, ascii_only: bool) -> None:
    lines = [event(say(one, **LLAMA), compact=compact, ascii_only=ascii_only) for one in TEXTS]
    known = pattern(event(say(text, **LLAMA), compact=compact, ascii_only=ascii_only))
    assert known.read(events(*lines)) == (TEXTS, b"")


def test_a_run_ends_where_anything_differs() -> None:
    known = pattern(event(say("a")))
    run = [event(say(text)) for text in "xyz"]
    for other in (
        event(say("b", "stop")),
        event(say("b", created=1)),
        event(say("b"), compact=False),
        event(chunk({"content": "b", "role": "assistant"})),
        event(chunk({"content": None})),
        event(chunk({}, "stop")),
        event(say("b")).replace(b'"b"', b"1"),
        event(say("b")).replace(b'"b"', b""),
        event(say("b")) + b"\n: a comment",
        b": a comment\n" + event(say("b")),
        b"data: [DONE]",
    ):
        rest = events(other, event(say("c")))
        assert known.read(rest) == ([], rest)
        whole = events(*run, other, event(say("c")))
        texts, left = known.read(whole)
        assert (texts, left) in [(["x", "y", "z"], rest), ([], whole)]


@pytest.mark.parametrize(
    "strings",
    [
        [b'"a","b"'],
        [b'"a', b'b"'],
        [b'"a","b"', b'"a', b'b"'],  # three strings, of which none is where it should be
        [b'"a"', b""],
        [b'"a"', b"\xff"],
        [b'"\xff"'],
        [b'"\xed\xa0\x80"'],
        [b'"\\ud800"'],
        [b'"a\tb"'],
        [b'["a"', b'"b"]', b'"c","d"'],
        [b'"a"]', b'["b"'],
        [b'"a"', b"null"],
        [b'{"b":"c"}'],
    ],
)
def test_what_is_not_one_string_each_is_left_alone(strings: list[bytes]) -> None:
    known = pattern(event(say("a")))
    lines = [known.head + string + known.tail[:-2] for string in strings]
    assert known.read(events(*lines)) == ([], events(*lines))


@pytest.mark.parametrize(
    "payload",
    [
        chunk({"content": ""}, "stop"),
        say("a", "stop"),
        say("a", index=1),
        chunk({"role": "assistant", "content": None}),
        chunk({"reasoning_content": "a"}),
        chunk({"reasoning_content": "a", "content": "b"}),
        chunk({"content": "a", "tool_calls": [{"function": {"name": "f"}}]}),
        {**say("a"), "choices": [*say("a")["choices"], *say("b")["choices"]]},
        {"content": "a", **chunk({"refusal": "no"})},
        {"choices": [], "usage": USAGE},
        {"error": {"message": "no", "content": "a"}},
        {"content": "a"},
        [1],
        "content",
    ],
)
def test_an_event_that_says_more_or_other_than_a_text_makes_no_pattern(payload: Any) -> None:
    assert Pattern.of(event(payload)) is None


def test_a_text_that_is_named_twice_makes_no_pattern() -> None:
    twice = event(say("a")).replace(b'"content":"a"', b'"content":"a","content":"a"')
    assert Pattern.of(twice) is None


def test_what_stands_on_several_lines_makes_no_pattern() -> None:
    assert Pattern.of(event(say("a")).replace(b'"content"', b'\ndata: "content"')) is None
    assert Pattern.of(b": hello\n" + event(say("a"))) is None
