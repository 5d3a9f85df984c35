"""One chat, from the request to the deltas. This file reads as the recipe; each step lives in a module of its own.

Invariants: everything that can be refused is refused before `answer` returns; whatever an Answer holds (its place inside
the gate, its turn, the engine's reply) is given back when it is closed, and exactly once (`tests/chat/test_answer.py`).
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from mecum.chat import budget, tools
from mecum.chat.checks import check_abilities
from mecum.chat.gate import Gate, Place
from mecum.chat.messages import text_of
from mecum.chat.prompt import assemble, complete
from mecum.chat.request import ChatRequest
from mecum.engine.base import Engine, Model
from mecum.engine.queue import Queue
from mecum.errors import ContextTooLong, EngineDown, ModelLoading, ModelNotFound
from mecum.knowledge import Library
from mecum.roles import Roles
from mecum.types import Delta, Message, Principal, Prompt, Retrieval, Role, Sampling

ROLE_DEFAULT = "mecum"  # on the OpenAI routes this name means "the role's model, or the default"


class Chat:
    """Answers requests with one engine. `ready_timeout` bounds the wait for a model that loads, in seconds."""

    def __init__(
        self, *, engine: Engine, queue: Queue, roles: Roles, library: Library, gate: Gate, ready_timeout: float
    ) -> None:
        self._engine = engine
        self._queue = queue
        self._roles = roles
        self._library = library
        self._gate = gate
        self._ready_timeout = ready_timeout

    async def answer(self, request: ChatRequest, principal: Principal) -> Answer:
        """Open an answer: when this returns, the engine has begun.

        Raises:
            InvalidRequest, NotFound: the request cannot be answered as it is.
            Busy, EngineError: not now, or not by this engine.
        """
        async with AsyncExitStack() as held:
            place = self._gate.enter()
            held.callback(place.leave)
            answer = await place.guard(lambda: self._open(request, principal, place, held))
            answer.holds(held.pop_all())
            return answer

    async def _open(self, request: ChatRequest, principal: Principal, place: Place, held: AsyncExitStack) -> Answer:
        ticket = self._queue.enter(principal.owner, weight=request.sampling.n)
        held.callback(ticket.leave)
        await self._ready()
        role = await self._roles.get(request.role_id, principal) if request.role_id else None
        model = self._model(request, role)
        check_abilities(request, model)
        retrieval = await self._retrieve(request, role, principal)
        messages = assemble(role, request.messages, model.traits)
        prompt, reading = tools.adapt(self._prompt(request, role, model, messages), model.traits)
        prompt, dropped = await self._fit(prompt, request, model)
        await ticket.turn()
        reply = await self._engine.chat(complete(prompt, model.traits))
        held.push_async_callback(reply.aclose)
        batches = aiter(reply)
        if reading:
            held.push_async_callback((batches := tools.read(reply, reading)).aclose)
        return Answer(
            batches,
            place=place,
            model=self._named(model.name) or model,
            requested=request.model,
            retrieval=retrieval,
            dropped=dropped if request.truncation == "auto" else None,
        )

    async def _ready(self) -> None:
        try:
            async with asyncio.timeout(self._ready_timeout):
                await self._engine.ready()
        except TimeoutError:
            raise ModelLoading("The model is still loading. Try again in a moment.", retry_after=5) from None

    def _model(self, request: ChatRequest, role: Role | None) -> Model:
        """Return the request's model, else the role's, else the default (`rulings.md` 4)."""
        models = self._engine.status().models
        if not models:
            raise EngineDown("The engine has no model.")
        if request.model and (model := self._named(request.model)):
            return model
        if request.model and not request.model_fallback and request.model != ROLE_DEFAULT:
            known = ", ".join(model.name for model in models)
            raise ModelNotFound(f"There is no model '{request.model[:256]}'. Installed: {known}.", param="model")
        return (role and role.model and self._named(role.model)) or models[0]

    def _named(self, name: str) -> Model | None:
        return next((model for model in self._engine.status().models if model.name == name), None)

    async def _retrieve(self, request: ChatRequest, role: Role | None, principal: Principal) -> Retrieval | None:
        wanted = request.retrieval if request.retrieval is not None else bool(role and role.enable_l0_retrieval)
        if not wanted:
            return None
        question = next((text_of(turn) for turn in reversed(request.messages) if turn.role == "user"), "")
        return await self._library.search(question, principal)

    def _prompt(self, request: ChatRequest, role: Role | None, model: Model, messages: tuple[Message, ...]) -> Prompt:
        asked = request.sampling
        temperature = asked.temperature if asked.temperature is not None else role.temperature if role else None
        sampling = replace(
            asked,
            temperature=temperature if temperature is not None else request.default_temperature,
            max_tokens=asked.max_tokens or request.default_max_tokens,
        )
        return Prompt(model.name, messages, sampling, cache=not _reproducible(sampling))

    async def _fit(self, prompt: Prompt, request: ChatRequest, model: Model) -> tuple[Prompt, int]:
        """Return the prompt with what fits the context, and how many messages had to go."""
        tokens = await self._count(prompt, model)
        if tokens is None or model.context is None:
            return prompt, 0  # the engine cannot tell: it will refuse what does not fit
        dropped = 0
        if request.truncation == "auto":
            limit = budget.prompt_limit(model.context, prompt.sampling.max_tokens)
            prompt, tokens, dropped = await self._truncate(prompt, tokens, limit, model)
        if tokens >= model.context:
            raise ContextTooLong(prompt_tokens=tokens, context=model.context)
        most = budget.room(model.context, tokens, prompt.sampling.max_tokens)
        return replace(prompt, sampling=replace(prompt.sampling, max_tokens=most)), dropped

    async def _truncate(self, prompt: Prompt, tokens: int, limit: int, model: Model) -> tuple[Prompt, int, int]:
        """Drop as few of the oldest turns as make the prompt fit `limit`: a binary search over the places to cut."""
        cuts = budget.droppable(prompt.messages)
        low, high, best = 0, len(cuts) - 1, (prompt, tokens, 0)
        if tokens <= limit:
            return best
        while low <= high:
            middle = (low + high) // 2
            shorter = replace(prompt, messages=budget.drop(prompt.messages, cuts[middle]))
            size = await self._count(shorter, model) or 0
            if size <= limit or middle == len(cuts) - 1:
                best = (shorter, size, cuts[middle])
            low, high = (low, middle - 1) if size <= limit else (middle + 1, high)
        return best

    async def _count(self, prompt: Prompt, model: Model) -> int | None:
        return await self._engine.count(complete(prompt, model.traits))


class Answer:
    """An answer that has begun: batches of Deltas, and what is known before the first of them.

    `dropped` is how many messages truncation dropped, None where it was not asked for. Close it in any case.
    """

    def __init__(
        self,
        batches: AsyncIterator[Sequence[Delta]],
        *,
        place: Place,
        model: Model,
        requested: str | None,
        retrieval: Retrieval | None,
        dropped: int | None,
    ) -> None:
        self.id = f"chatcmpl-{secrets.token_hex(16)}"
        self.created = int(time.time())
        self.model = model.name
        self.fingerprint = model.fingerprint
        self.fell_back_from = requested if requested and requested not in (model.name, ROLE_DEFAULT) else None
        self.retrieval = retrieval
        self.dropped = dropped
        self._next = batches.__anext__
        self._place = place
        self._held = AsyncExitStack()

    def holds(self, held: AsyncExitStack) -> None:
        """Take over what closing has to give back."""
        self._held = held

    def __aiter__(self) -> AsyncIterator[Sequence[Delta]]:
        return self

    async def __anext__(self) -> Sequence[Delta]:
        return await self._place.guard(self._next)

    async def aclose(self) -> None:
        """Stop the engine's work on it and give everything back. Safe to call more than once."""
        await self._held.aclose()


def _reproducible(sampling: Sampling) -> bool:
    # The prompt cache changes the text even at temperature 0 (`rulings.md` 8), so such a request goes without it.
    return sampling.seed is not None and sampling.temperature == 0
