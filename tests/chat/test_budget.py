"""Room for an answer, and which turns may go."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mecum.chat.budget import drop, droppable, prompt_limit, room
from mecum.types import Message

CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
ROLES = {"s": "system", "u": "user", "a": "assistant", "t": "tool", "c": "assistant"}


def chat(roles: str) -> tuple[Message, ...]:
    """Return messages by their roles' letters; c is an assistant's call. The content is the position."""
    return tuple(
        Message(ROLES[role], str(at), tool_calls=(CALL,) if role == "c" else ())  # type: ignore[arg-type]
        for at, role in enumerate(roles)
    )


@pytest.mark.parametrize(
    ("tokens", "asked", "most"), [(30, None, 70), (30, 10, 10), (30, 500, 70), (99, None, 1), (99, 5, 1), (0, 100, 100)]
)
def test_room(tokens: int, asked: int | None, most: int) -> None:
    assert room(100, tokens, asked) == most


@pytest.mark.parametrize(("asked", "limit"), [(None, 75), (500, 75), (25, 75), (10, 90), (1, 99)])
def test_a_truncated_prompt_leaves_a_quarter_or_what_is_asked(asked: int | None, limit: int) -> None:
    assert prompt_limit(100, asked) == limit


def test_a_tiny_context_leaves_one_token() -> None:
    assert prompt_limit(3, None) == 2


@pytest.mark.parametrize(
    ("roles", "cuts"),
    [
        ("u", [0]),
        ("su", [0]),
        ("suauau", [0, 2, 4]),
        ("uauau", [0, 2, 4]),
        ("sauau", [0, 1, 3]),  # a greeting goes with nothing
        ("suuau", [0, 3]),  # turns of one user belong together
        ("sucttau", [0, 5]),  # a result never loses its call, nor an answer its question
        ("suctt", [0]),
        ("sa", [0]),
        ("s", [0]),
        ("", [0]),
    ],
)
def test_where_a_chat_may_be_cut(roles: str, cuts: list[int]) -> None:
    assert droppable(chat(roles)) == cuts


def test_dropping() -> None:
    assert [turn.content for turn in drop(chat("suauau"), 2)] == ["0", "3", "4", "5"]
    assert [turn.content for turn in drop(chat("uauau"), 4)] == ["4"]
    assert drop(chat("su"), 0) == chat("su")


@settings(derandomize=True, deadline=None, max_examples=200)
@given(roles=st.text("uatc", max_size=10), system=st.booleans())
def test_the_invariants(roles: str, system: bool) -> None:
    messages = chat("s" * system + roles)
    cuts = droppable(messages)
    assert cuts == sorted(set(cuts))
    assert cuts[0] == 0
    last = max((at for at, turn in enumerate(messages) if turn.role == "user"), default=None)
    for cut in cuts[1:]:
        left = drop(messages, cut)
        assert len(left) == len(messages) - cut
        assert left[: 1 * system] == messages[: 1 * system]
        assert left[1 * system].role == "user"
        assert last is not None
        assert left[-(len(messages) - last) :] == messages[last:]
