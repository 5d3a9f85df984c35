"""What the model is asked. Pure.

Invariant: a role's prompt comes first and the caller's system message after it, and both stay byte-identical from turn to
turn, so that the engine's prompt cache keeps all before the last user turn (`tests/chat/test_prompt.py`).
"""

from __future__ import annotations

from dataclasses import replace

from mecum.chat.messages import fold_system, normalise
from mecum.chat.tools import flatten
from mecum.engine.base import Traits
from mecum.types import Message, Prompt, Role


def assemble(role: Role | None, messages: tuple[Message, ...], traits: Traits) -> tuple[Message, ...]:
    """Return the role's prompt, then the caller's turns, in an order that the template takes.

    The system message still stands alone and a tool's result is still one, so that what shortens the chat, or puts passages
    into it, knows them: `complete` comes last.
    """
    persona = (Message("system", role.system_prompt),) if role and role.system_prompt else ()
    return normalise((*persona, *messages), traits)


def complete(prompt: Prompt, traits: Traits) -> Prompt:
    """Return the prompt as the engine is to have it."""
    return replace(prompt, messages=fold_system(normalise(flatten(prompt.messages, traits), traits), traits))
