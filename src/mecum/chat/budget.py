"""How much fits. Pure: what is counted comes in as numbers. Proof: `tests/chat/test_budget.py`.

A prompt must leave room for one token at least. `metadata.truncation: "auto"` drops whole turns, the oldest first, and
never the system message nor the last user turn with what follows it. Passages take what the rest leaves, the best first:
they never make a prompt too long by themselves, and they push out history only up to half of the context.
"""

from __future__ import annotations

from itertools import groupby

from mecum.types import Message

ANSWER_SHARE = 4  # truncation leaves at least a quarter of the context for the answer, if the caller may use it


def room(context: int, prompt_tokens: int, max_tokens: int | None) -> int:
    """Return how many tokens may be generated: `max_tokens`, or less where the context ends before."""
    left = context - prompt_tokens
    return left if max_tokens is None else min(left, max_tokens)


def prompt_limit(context: int, max_tokens: int | None) -> int:
    """Return how long a truncated prompt may be, in tokens."""
    share = context // ANSWER_SHARE
    return context - max(1, min(share, share if max_tokens is None else max_tokens))


def thought(room: int) -> int:
    """Return how many tokens a model may think before an answer that must have a form: it shall come to that form, too."""
    return room // 2


def passage_room(context: int, prompt_tokens: int, max_tokens: int | None) -> int:
    """Return how many tokens the passages may take beside a prompt of so many.

    What is left besides the answer's share; where the prompt reaches into that, half of what is left.
    """
    return max(prompt_limit(context, max_tokens) - prompt_tokens, (context - prompt_tokens) // 2)


def contested_room(context: int, prompt_tokens: int, max_tokens: int | None) -> int:
    """Return how many tokens the passages may take at the cost of the oldest turns.

    `prompt_tokens` are those of what is never dropped.
    """
    return min(context // 2, passage_room(context, prompt_tokens, max_tokens))


def droppable(messages: tuple[Message, ...]) -> list[int]:
    """Return how many messages may be dropped behind the system message, in rising order, beginning with 0.

    A cut is only made in front of a user turn, so that an answer never loses its question nor a tool's result its call.
    """
    start = _start(messages)
    users = [i for i, message in enumerate(messages) if message.role == "user"]
    firsts = [next(group)[1] for _, group in groupby(enumerate(users), key=lambda pair: pair[1] - pair[0])]
    return sorted({0, *(first - start for first in firsts)})


def drop(messages: tuple[Message, ...], count: int) -> tuple[Message, ...]:
    """Return the messages without the `count` oldest behind the system message."""
    start = _start(messages)
    return messages[:start] + messages[start + count :]


def _start(messages: tuple[Message, ...]) -> int:
    return 1 if messages and messages[0].role == "system" else 0
