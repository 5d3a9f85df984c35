"""Messages as clients send them to messages as chat templates take them (`Traits`). Pure.

Invariants (`tests/chat/test_messages.py`): at most one system message, and it is the first; no text is lost; tool messages
are never merged; a list that is in order already comes back as it was, so that the engine's prompt cache holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import takewhile

from mecum.engine.base import Traits
from mecum.types import Json, Message

Content = str | tuple[Json, ...] | None


def normalise(messages: Iterable[Message], traits: Traits) -> tuple[Message, ...]:
    """Return the messages in an order and a form that the model's template takes."""
    turns = list(messages)
    system = _joined(turn.content for turn in takewhile(_is_system, turns))
    leading = sum(1 for _ in takewhile(_is_system, turns))
    turns = _place_late_systems(turns[leading:])
    if traits.alternation:
        turns = _merge_neighbours(turns)
    if system is None:
        return tuple(turns)
    if traits.system_role:
        return (Message("system", system), *turns)
    return tuple(_before_next_user(turns, 0, system))


def _is_system(message: Message) -> bool:
    return message.role == "system"


def _place_late_systems(turns: list[Message]) -> list[Message]:
    """Put each later system message in front of the next user turn; without one, in front of the last, or as one."""
    while (at := next((i for i, turn in enumerate(turns) if _is_system(turn)), None)) is not None:
        late = turns[at].content
        turns = _before_next_user(turns[:at] + turns[at + 1 :], at, late)
    return turns


def _before_next_user(turns: list[Message], start: int, content: Content) -> list[Message]:
    users = [i for i, turn in enumerate(turns) if turn.role == "user"]
    target = next((i for i in users if i >= start), users[-1] if users else None)
    if target is None:
        return [*turns[:start], Message("user", content), *turns[start:]]
    merged = replace(turns[target], content=join(content, turns[target].content))
    return [*turns[:target], merged, *turns[target + 1 :]]


def _merge_neighbours(turns: list[Message]) -> list[Message]:
    merged: list[Message] = []
    for turn in turns:
        if merged and _mergeable(merged[-1], turn):
            merged[-1] = replace(turn, content=join(merged[-1].content, turn.content))
        else:
            merged.append(turn)
    return merged


def _mergeable(one: Message, other: Message) -> bool:
    return one.role == other.role and one.role in ("user", "assistant") and not (one.tool_calls or other.tool_calls)


def _joined(contents: Iterable[Content]) -> Content:
    whole: Content = None
    for content in contents:
        whole = join(whole, content)
    return whole


def join(one: Content, other: Content) -> Content:
    """Return two contents as one, a blank line between texts; parts stay parts."""
    if not one or not other:
        return one or other
    if isinstance(one, str) and isinstance(other, str):
        return f"{one}\n\n{other}"
    return (*_parts(one), *_parts(other))


def _parts(content: str | tuple[Json, ...]) -> tuple[Json, ...]:
    return ({"type": "text", "text": content},) if isinstance(content, str) else content


def text_of(message: Message) -> str:
    """Return a message's text without its images."""
    if isinstance(message.content, str):
        return message.content
    return "\n".join(part["text"] for part in message.content or () if part["type"] == "text")
