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
    """Return the messages in an order that the model's template takes, the system message first if there is one."""
    turns = list(messages)
    system = list(takewhile(_is_system, turns))
    turns = _place_late_systems(turns[len(system) :])
    if traits.alternation:
        turns = _merge_neighbours(turns)
    return (*([_merged(system)] if system else ()), *turns)


def fold_system(messages: tuple[Message, ...], traits: Traits) -> tuple[Message, ...]:
    """Return the messages with the system message in front of the first user turn, where the template has no such role."""
    if traits.system_role or not messages or not _is_system(messages[0]):
        return messages
    return tuple(_before_next_user(list(messages[1:]), 0, messages[0].content))


def _is_system(message: Message) -> bool:
    return message.role == "system"


def _place_late_systems(turns: list[Message]) -> list[Message]:
    """Put each later system message in front of the next user turn; without one, in front of the last, or as one."""
    placed: list[Message] = []
    late: list[Content] = []
    for turn in turns:
        if _is_system(turn):
            late.append(turn.content)
        elif late and turn.role == "user":
            placed.append(replace(turn, content=join(*late, turn.content)))
            late.clear()
        else:
            placed.append(turn)
    return _before_next_user(placed, len(placed), join(*late)) if late else placed


def _before_next_user(turns: list[Message], start: int, content: Content) -> list[Message]:
    users = [i for i, turn in enumerate(turns) if turn.role == "user"]
    target = next((i for i in users if i >= start), users[-1] if users else None)
    if target is None:
        return [*turns[:start], Message("user", content), *turns[start:]]
    merged = replace(turns[target], content=join(content, turns[target].content))
    return [*turns[:target], merged, *turns[target + 1 :]]


def _merge_neighbours(turns: list[Message]) -> list[Message]:
    runs: list[list[Message]] = []
    for turn in turns:
        if runs and _mergeable(runs[-1][-1], turn):
            runs[-1].append(turn)
        else:
            runs.append([turn])
    return list(map(_merged, runs))


def _mergeable(one: Message, other: Message) -> bool:
    return one.role == other.role and one.role in ("user", "assistant") and not (one.tool_calls or other.tool_calls)


def _merged(turns: list[Message]) -> Message:
    return replace(turns[-1], content=join(*(turn.content for turn in turns)))


def join(*contents: Content) -> Content:
    """Return contents as one, a blank line between texts; parts stay parts."""
    filled = [content for content in contents if content]
    texts = [content for content in filled if isinstance(content, str)]
    if not filled:
        return next((content for content in contents if content is not None), None)
    if len(texts) == len(filled):
        return "\n\n".join(texts)
    return tuple(part for content in filled for part in _parts(content))


def _parts(content: str | tuple[Json, ...]) -> tuple[Json, ...]:
    return ({"type": "text", "text": content},) if isinstance(content, str) else content


def text_of(message: Message) -> str:
    """Return a message's text without its images."""
    if isinstance(message.content, str):
        return message.content
    return "\n".join(part["text"] for part in message.content or () if part["type"] == "text")
