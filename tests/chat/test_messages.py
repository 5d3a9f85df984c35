"""Messages come out in an order and form that a template takes, without losing a word."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mecum.chat.messages import fold_system, join, normalise, text_of
from mecum.engine.base import Traits
from mecum.types import Message

ANY = Traits()
STRICT = Traits(alternation=True)
NO_SYSTEM = Traits(system_role=False)
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def system(text: str) -> Message:
    return Message("system", text)


def user(text: str) -> Message:
    return Message("user", text)


def assistant(text: str) -> Message:
    return Message("assistant", text)


def tool(text: str) -> Message:
    return Message("tool", text, tool_call_id="c")


CALLS = Message("assistant", None, tool_calls=(CALL,))


@pytest.mark.parametrize(
    "chat",
    [
        (user("a"),),
        (system("s"), user("a"), assistant("b"), user("c")),
        (Message("system", "s", name="S"), Message("user", "a", name="A")),
        (user("a"), user("b"), assistant("c"), assistant("d")),
        (user("a"), CALLS, tool("1"), tool("2"), assistant("b")),
        (system(""), user("")),
        (system("s"), Message("user", ({"type": "text", "text": "a"}, IMAGE))),
        (assistant("a"),),
        (),
    ],
)
def test_what_is_in_order_comes_back_as_it_was(chat: tuple[Message, ...]) -> None:
    assert normalise(chat, ANY) == chat
    assert fold_system(chat, ANY) == chat


@pytest.mark.parametrize(
    ("chat", "expected"),
    [
        # leading system messages become one
        ((system("s"), system("t"), user("a")), (system("s\n\nt"), user("a"))),
        # a later one goes in front of the next user turn, several in their order
        ((user("a"), assistant("b"), system("s"), user("c")), (user("a"), assistant("b"), user("s\n\nc"))),
        ((user("a"), system("s"), system("t"), user("b")), (user("a"), user("s\n\nt\n\nb"))),
        ((user("a"), system("s"), assistant("b"), system("t"), user("c")), (user("a"), assistant("b"), user("s\n\nt\n\nc"))),
        ((system("1"), user("a"), system("s"), user("b")), (system("1"), user("a"), user("s\n\nb"))),
        ((user("a"), system("s"), user("b"), system("t"), user("c")), (user("a"), user("s\n\nb"), user("t\n\nc"))),
        # without a next one in front of the last; without any as one
        ((user("a"), assistant("b"), system("s")), (user("s\n\na"), assistant("b"))),
        ((user("a"), system("s"), system("t")), (user("s\n\nt\n\na"),)),
        ((assistant("a"), system("s")), (assistant("a"), user("s"))),
        # calls and results stay together
        ((user("a"), CALLS, system("s"), tool("1"), user("b")), (user("a"), CALLS, tool("1"), user("s\n\nb"))),
    ],
)  # fmt: skip
def test_where_system_messages_go(chat: tuple[Message, ...], expected: tuple[Message, ...]) -> None:
    assert normalise(chat, ANY) == expected


@pytest.mark.parametrize(
    ("chat", "expected"),
    [
        ((user("a"), user("b"), user("c")), (user("a\n\nb\n\nc"),)),
        ((user("a"), assistant("b"), assistant("c"), user("d")), (user("a"), assistant("b\n\nc"), user("d"))),
        ((user("a"), assistant("b"), CALLS, assistant("c")), (user("a"), assistant("b"), CALLS, assistant("c"))),
        ((user("a"), CALLS, tool("1"), tool("2")), (user("a"), CALLS, tool("1"), tool("2"))),
        ((user("a"), system("s"), user("b")), (user("a\n\ns\n\nb"),)),
        ((system("s"), user("a"), user("b")), (system("s"), user("a\n\nb"))),
        ((Message("user", "a"), Message("user", (IMAGE,))), (Message("user", ({"type": "text", "text": "a"}, IMAGE)),)),
    ],
)
def test_what_is_merged_where_a_template_demands_alternation(
    chat: tuple[Message, ...], expected: tuple[Message, ...]
) -> None:
    assert normalise(chat, STRICT) == expected


@pytest.mark.parametrize(
    ("chat", "expected"),
    [
        ((system("s"), user("a"), assistant("b"), user("c")), (user("s\n\na"), assistant("b"), user("c"))),
        ((system("s"), assistant("b"), user("c")), (assistant("b"), user("s\n\nc"))),
        ((system("s"), assistant("b")), (user("s"), assistant("b"))),
        ((system("s"),), (user("s"),)),
        ((user("a"),), (user("a"),)),
        ((), ()),
    ],
)
def test_folding_where_the_template_has_no_system_role(chat: tuple[Message, ...], expected: tuple[Message, ...]) -> None:
    assert fold_system(normalise(chat, NO_SYSTEM), NO_SYSTEM) == expected


def test_joining() -> None:
    text = {"type": "text", "text": "b"}
    assert join() is None
    assert join(None, None) is None
    assert join(None, "") == ""
    assert join("a", None, "", "b") == "a\n\nb"
    assert join("a", (IMAGE,), None, "b") == ({"type": "text", "text": "a"}, IMAGE, text)
    assert join((IMAGE,), (text,)) == (IMAGE, text)


def test_the_text_of_a_message() -> None:
    assert text_of(user("a")) == "a"
    assert text_of(CALLS) == ""
    assert text_of(Message("user", ({"type": "text", "text": "a"}, IMAGE, {"type": "text", "text": "b"}))) == "a\nb"


def test_a_long_list_takes_no_long_time() -> None:
    """Four thousand messages of a thousand characters: joining them one by one would copy gigabytes."""
    for chat in (
        [system("x" * 1000)] * 4000,
        [user("a"), *[system("x" * 1000)] * 4000, user("b")],
        [user("x" * 1000)] * 4000,
    ):
        began = time.process_time()
        normalise(chat, STRICT)
        assert time.process_time() - began < 1


CONTENTS = st.sampled_from(["a", "b", "", ({"type": "text", "text": "c"}, IMAGE)])
MESSAGES = st.one_of(
    st.builds(Message, st.sampled_from(["system", "user", "assistant"]), CONTENTS),
    st.just(CALLS),
    st.builds(tool, st.sampled_from("12")),
)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(chat=st.lists(MESSAGES, max_size=8).map(tuple), alternation=st.booleans(), system_role=st.booleans())
def test_the_invariants(chat: tuple[Message, ...], alternation: bool, system_role: bool) -> None:
    traits = Traits(alternation=alternation, system_role=system_role)
    ordered = normalise(chat, traits)
    folded = fold_system(ordered, traits)
    for result in (ordered, folded):
        assert [turn.role for turn in result[1:]].count("system") == 0
        assert sorted(_words(result)) == sorted(_words(chat))
        assert [turn for turn in result if turn.role == "tool" or turn.tool_calls] == [
            turn for turn in chat if turn.role == "tool" or turn.tool_calls
        ]
    assert normalise(ordered, traits) == ordered
    assert system_role or not any(turn.role == "system" for turn in folded)
    if alternation:
        neighbours = itertools.pairwise(folded)
        assert not any(a.role == b.role == "user" for a, b in neighbours)


def _words(messages: tuple[Message, ...]) -> list[str]:
    return [character for message in messages for character in text_of(message) if character.isalnum()]
