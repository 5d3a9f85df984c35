"""What the model is asked. Pure.

Invariant: a role's prompt comes first and the caller's system message after it, and both stay byte-identical from turn to
turn, so that the engine's prompt cache keeps all before the last user turn.
"""

from __future__ import annotations

from mecum.chat.messages import normalise
from mecum.chat.tools import flatten
from mecum.engine.base import Traits
from mecum.types import Message, Role


def assemble(role: Role | None, messages: tuple[Message, ...], traits: Traits) -> tuple[Message, ...]:
    """Return the messages for the engine: the role's prompt, then the caller's turns, as the template takes them."""
    persona = (Message("system", role.system_prompt),) if role and role.system_prompt else ()
    return normalise((*persona, *flatten(messages, traits)), traits)
