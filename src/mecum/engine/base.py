"""What every engine promises. One contract suite (`tests/engine/test_contract.py`) runs over all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from mecum.types import Delta, Prompt

State = Literal["starting", "ready", "restarting", "failed", "stopped"]


@dataclass(frozen=True, slots=True)
class Traits:
    """What a model's chat template and engine can express; the messages are normalised to it (`mecum.chat.messages`)."""

    system_role: bool = True
    alternation: bool = False  # the template refuses two user or two assistant turns in a row
    tools: bool = True
    images: bool = False
    every_schema: bool = False  # the engine itself honours or refuses every keyword of a JSON schema


@dataclass(frozen=True, slots=True)
class Model:
    """A model that an engine can answer with.

    `context` is what one request may use, prompt and answer together, in tokens; None where the engine does not say.
    `slots` is how many requests it works on at once. `fingerprint` changes when the same request could give another text.
    """

    name: str
    fingerprint: str
    context: int | None = None
    slots: int = 1
    size: int | None = None  # bytes on disk
    created: int = 0  # seconds since 1970
    owned_by: str = "local"
    traits: Traits = field(default_factory=Traits)


@dataclass(frozen=True, slots=True)
class Status:
    """What an engine says of itself, at once and without asking anybody.

    `reason` is why it is not ready, in a sentence for people. `retry_after` is in seconds, None where waiting is of no
    use. The first of `models` is the default.
    """

    state: State
    kind: Literal["embedded", "upstream", "scripted"]
    models: tuple[Model, ...] = ()
    reason: str | None = None
    retry_after: int | None = None
    version: str = ""
    restarts: int = 0
    pid: int | None = None


class Reply(Protocol):
    """An answer that has begun: the engine accepted the prompt. Close it, or the engine goes on working.

    Iterating gives batches: all deltas that one read from the engine brought, never held back for more.
    Exactly one delta of each choice carries a `finish_reason`, then at most one delta carries the usage.

    Raises, while iterating:
        EngineDown, EngineBroke: the engine died or broke off; no further deltas come.
        MecumError: what the engine itself says in the middle of an answer, such as that its context is full.
    """

    def __aiter__(self) -> AsyncIterator[Sequence[Delta]]:
        """Return the batches."""
        ...

    async def aclose(self) -> None:
        """Stop the engine's work on this answer. Safe to call more than once."""
        ...


class Engine(Protocol):
    """Something that answers prompts."""

    async def start(self) -> None:
        """Begin to start, and return soon: `status` tells how it goes.

        Raises:
            EngineStartError: it is known at once that it cannot start (no such file, not a model, too little memory).
        """
        ...

    async def aclose(self) -> None:
        """Stop, leaving no process behind."""
        ...

    def status(self) -> Status:
        """Return the present state, without waiting."""
        ...

    async def ready(self) -> None:
        """Return when the engine can take requests.

        Raises:
            EngineDown: it does not run and is not about to (the circuit is open, it failed for good).
        """
        ...

    async def count(self, prompt: Prompt) -> int | None:
        """Return how many tokens the prompt makes with the model's template, or None where the engine cannot tell.

        Raises:
            InvalidRequest: the template refuses these messages.
            EngineDown, EngineBroke: the engine does not answer.
        """
        ...

    async def chat(self, prompt: Prompt) -> Reply:
        """Open an answer; returns when the engine has accepted the prompt, which may be before its first token.

        Raises:
            InvalidRequest, ContextTooLong, ModelNotFound: the engine refuses the prompt.
            EngineDown, EngineBroke, EngineRefused, Busy: the engine is at fault.
        """
        ...
