"""What every engine promises. One contract suite (`tests/engine/test_contract.py`) runs over all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from mecum.engine.loading import Progress
from mecum.engine.models import spellings
from mecum.errors import UnsupportedParameter
from mecum.types import Delta, Prompt, Sampling

State = Literal["starting", "ready", "restarting", "failed", "stopped"]
Load = Literal["unloaded", "loading", "loaded", "failed"]


@dataclass(frozen=True, slots=True)
class Traits:
    """What a model's chat template and engine can express; the messages are normalised to it (`mecum.chat.messages`)."""

    system_role: bool = True
    alternation: bool = False  # the template refuses two user or two assistant turns in a row
    tools: bool = True
    images: bool = False
    every_schema: bool = False  # the engine itself honours or refuses every keyword of a JSON schema
    thinking: Literal["", "tagged", "opened"] = ""  # the template knows <think>; opens it, and the engine does not split
    forces_calls: bool = False  # the engine itself honours every tool_choice


@dataclass(frozen=True, slots=True)
class Model:
    """A model that an engine can answer with.

    `context` is what one request may use, prompt and answer together, in tokens; None where the engine does not say.
    `slots` is how many requests it works on at once. `fingerprint` changes when the same request could give another text.
    Of a model that is not loaded, context and slots are what it is planned to have, and fingerprint and traits are not known
    before it is. `reason` says why it failed, or is loaded anew.
    """

    name: str
    fingerprint: str
    context: int | None = None
    slots: int = 1
    size: int | None = None  # bytes on disk
    created: int = 0  # seconds since 1970
    owned_by: str = "local"
    traits: Traits = field(default_factory=Traits)
    defaults: Sampling = field(default_factory=Sampling)  # how it is sampled where neither the request nor its role says so
    aliases: tuple[str, ...] = ()
    file: Path | None = None  # the first one, where it is a file of ours
    load: Load = "loaded"
    reason: str | None = None
    memory: int | None = None  # bytes that it takes at most, or would take
    users: int = 0  # requests that use it, or wait for it

    def is_called(self, name: str) -> bool:
        """Return whether a name means it: its own, an alias, or one of its file's; of what is ours, case does not matter."""
        ours = [*self.aliases, *((self.name, *spellings(self.file)) if self.file else ())]
        return name == self.name or name.lower() in map(str.lower, ours)


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
    pid: int | None = None  # of the default model's process
    budget: int | None = None  # bytes of memory that all models together may take, where that is ours to say

    def named(self, name: str) -> Model | None:
        """Return the model that a name means: the one of exactly that name, else the first that is called so."""
        exact = (model for model in self.models if model.name == name)
        return next(exact, None) or next((model for model in self.models if model.is_called(name)), None)


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


class Use(Protocol):
    """One request's use of a model. From when `ready` returns until `leave`, the model is not unloaded."""

    async def ready(self) -> None:
        """Return when the model can take the request: load it where it is not loaded, and make room for it.

        Raises:
            ModelNotFound: it is there no more.
            EngineDown: it does not run and is not about to.
        """
        ...

    def leave(self) -> None:
        """Say that the request needs it no more. Safe to call more than once."""
        ...


class Engine(Protocol):
    """Something that answers prompts. Its models are independent: what happens to one is nothing to the others."""

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

    def progress(self, model: str) -> Progress | None:
        """Return how far the model of that name is while it loads; None while it does not. It costs a look at a process."""
        ...

    async def ready(self) -> None:
        """Return when the engine can take requests for the default model.

        Raises:
            EngineDown: it does not run and is not about to (the circuit is open, it failed for good).
        """
        ...

    async def refresh(self) -> None:
        """Look for models that came, or went, since the last time; cheap where nothing changed."""
        ...

    def use(self, model: str) -> Use:
        """Return a new use of the model of that name. Whoever counts or chats holds one."""
        ...

    async def load(self, model: str) -> None:
        """Begin to load a model, if it is not loaded; returns soon.

        Raises:
            ModelNotFound: there is none of that name.
            EngineDown: it cannot be loaded.
        """
        ...

    async def unload(self, model: str) -> None:
        """Unload a model, and return when its memory is free.

        Raises:
            ModelNotFound: there is none of that name.
            ModelInUse: requests use it, or wait for it.
            UnsupportedParameter: this engine's models are not ours to unload.
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


class AlwaysLoaded:
    """What engines have in common whose models are loaded as long as they run, or are not ours to load."""

    async def ready(self) -> None:
        """Return when the engine can take requests."""
        raise NotImplementedError

    def progress(self, model: str) -> Progress | None:  # noqa: ARG002 # they never load
        """Return None."""
        return None

    async def refresh(self) -> None:
        """Do nothing: it tells by itself which models it has."""

    def use(self, model: str) -> Use:  # noqa: ARG002 # they are ready together
        """Return a use that waits until the engine is ready."""
        return _Unbound(self.ready)

    async def load(self, model: str) -> None:
        """Do nothing: it is."""

    async def unload(self, model: str) -> None:
        """Refuse."""
        raise UnsupportedParameter(f"{model} cannot be unloaded: this engine keeps its models.", param="model")


class _Unbound:
    def __init__(self, ready: Callable[[], Awaitable[None]]) -> None:
        self._ready = ready

    async def ready(self) -> None:
        await self._ready()

    def leave(self) -> None:
        pass
