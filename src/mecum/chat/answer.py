"""One chat, from the request to the deltas. This file reads as the recipe; each step lives in a module of its own.

Invariants: everything that can be refused is refused before `answer` returns; whatever an Answer holds (its place inside
the gate, its turn, the engine's reply) is given back when it is closed, and exactly once (`tests/chat/test_answer.py`).
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from mecum.chat import calls, thinking, tools
from mecum.chat.checks import check_abilities
from mecum.chat.debug import Debug, debug_of
from mecum.chat.fitting import Fitted, Fitting
from mecum.chat.gate import Gate, Place
from mecum.chat.prompt import assemble
from mecum.chat.question import may_search, query_of
from mecum.chat.request import ChatRequest
from mecum.chat.sampling import settled
from mecum.engine.base import Engine, Model, Reply
from mecum.engine.queue import Queue
from mecum.errors import ContextTooLong, EngineDown, ModelLoading, ModelNotFound
from mecum.knowledge import Library
from mecum.roles import Roles
from mecum.types import Delta, Message, Principal, Prompt, Retrieval, Role, Sampling

ROLE_DEFAULT = "mecum"  # on the OpenAI routes this name means "the role's model, or the default"


class Chat:
    """Answers requests with one engine. `ready_timeout` bounds the wait for a model that loads, in seconds.

    `secret` is this installation's, from which the fence around passages is made (`rulings.md` 8).
    """

    def __init__(
        self,
        *,
        engine: Engine,
        queue: Queue,
        roles: Roles,
        library: Library,
        gate: Gate,
        ready_timeout: float,
        secret: bytes,
    ) -> None:
        self._engine = engine
        self._queue = queue
        self._roles = roles
        self._library = library
        self._gate = gate
        self._ready_timeout = ready_timeout
        self._secret = secret

    async def answer(self, request: ChatRequest, principal: Principal) -> Answer:
        """Open an answer: when this returns, the engine has begun.

        Raises:
            InvalidRequest, NotFound: the request cannot be answered as it is.
            Busy, EngineError: not now, or not by this engine.
            RetrievalFailed: the documents were asked for and could not be searched.
        """
        async with AsyncExitStack() as held:
            place = self._gate.enter()
            held.callback(place.leave)
            answer = await place.guard(lambda: self._open(request, principal, place, held))
            answer.holds(held.pop_all())
            return answer

    async def _open(self, request: ChatRequest, principal: Principal, place: Place, held: AsyncExitStack) -> Answer:
        role = await self._roles.get(request.role_id, principal) if request.role_id else None
        chosen = await self._model(request, role)
        ticket = self._queue.enter(principal.owner, chosen.name, weight=request.sampling.n)
        held.callback(ticket.leave)
        model = await self._ready(chosen, held)
        check_abilities(request, model)
        found = await self._retrieve(request, role, principal)
        messages = assemble(role, request.messages, model.traits)
        prompt, reading = tools.adapt(self._prompt(request, role, model, messages, principal), model.traits)
        fitting = Fitting(prompt, found.hits if found else (), model, self._engine.count, secret=self._secret)
        fitted = await fitting.fit(truncate=request.truncation == "auto")
        await ticket.turn()
        reply, fitted = await self._begin(fitting, fitted)
        held.push_async_callback(reply.aclose)
        debug = await self._debug(found, fitting, fitted, model) if request.debug else None
        batches = aiter(reply)
        if model.traits.thinking:
            opened = model.traits.thinking == "opened" and not prompt.sampling.response_format  # a form leaves no thought
            held.push_async_callback((batches := thinking.split(batches, opened=opened)).aclose)
        if reading:
            held.push_async_callback((batches := calls.read(batches, reading)).aclose)
        return Answer(
            batches,
            place=place,
            model=self._named(model.name) or model,
            requested=request.model,
            retrieval=found and replace(found, hits=fitted.hits),
            cites=fitted.cites,
            dropped=fitted.dropped if request.truncation == "auto" else None,
            debug=debug,
        )

    async def _model(self, request: ChatRequest, role: Role | None) -> Model:
        """Return the request's model, else the role's, else the default (`rulings.md` 4), as they are installed now."""
        await self._engine.refresh()
        if not self._engine.status().models:
            await self._in_time(self._engine.ready())  # a server elsewhere, which lists them when it answers
        models = self._engine.status().models
        if not models:
            raise EngineDown("The engine has no model.")
        wanted = request.model if request.model != ROLE_DEFAULT else None  # also where a model's file is called so
        if wanted and (model := self._named(wanted)):
            return model
        if wanted and not request.model_fallback:
            known = ", ".join(model.name for model in models)
            raise ModelNotFound(f"There is no model '{wanted[:256]}'. Installed: {known}.", param="model")
        return (role and role.model and self._named(role.model)) or models[0]

    async def _ready(self, model: Model, held: AsyncExitStack) -> Model:
        """Return the model as it is when it is loaded; it stays so until `held` lets go of it."""
        use = self._engine.use(model.name)
        held.callback(use.leave)
        await self._in_time(use.ready())
        return self._named(model.name) or model

    async def _in_time(self, ready: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(self._ready_timeout):
                await ready
        except TimeoutError:
            raise ModelLoading("The model is still loading. Try again in a moment.", retry_after=5) from None

    def _named(self, name: str) -> Model | None:
        return self._engine.status().named(name)

    async def _retrieve(self, request: ChatRequest, role: Role | None, principal: Principal) -> Retrieval | None:
        wanted = request.retrieval if request.retrieval is not None else bool(role and role.enable_l0_retrieval)
        if not wanted:
            return None
        query = query_of(request, role)
        if not may_search(query, request):
            return Retrieval(status="empty", mode="keyword", query=query.text, k=query.k or 0, ms=0.0)
        return await self._library.search(query, principal)

    def _prompt(
        self, request: ChatRequest, role: Role | None, model: Model, messages: tuple[Message, ...], principal: Principal
    ) -> Prompt:
        sampling = settled(request, role, model.defaults)
        return Prompt(model.name, messages, sampling, cache=not _reproducible(sampling), owner=principal.owner)

    async def _begin(self, fitting: Fitting, fitted: Fitted) -> tuple[Reply, Fitted]:
        """Ask the engine; one that cannot count and finds it too long, again with fewer passages."""
        while True:
            try:
                return await self._engine.chat(fitted.prompt), fitted
            except ContextTooLong:
                if not fitted.hits:
                    raise
                fitted = fitting.with_half(fitted)

    async def _debug(self, found: Retrieval | None, fitting: Fitting, fitted: Fitted, model: Model) -> Debug:
        passages = await fitting.passage_tokens(fitted)
        return debug_of(found, fitted, context=model.context, passages_tokens=passages)


class Answer:
    """An answer that has begun: batches of Deltas, and what is known before the first of them.

    `retrieval` is None where the documents were not asked for; its hits are those in the prompt, and `cites` says whether
    the model was asked to cite them. `dropped` is how many messages truncation dropped, None where it was not asked for.
    Close it in any case.
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
        cites: bool = False,
        debug: Debug | None = None,
    ) -> None:
        self.id = f"chatcmpl-{secrets.token_hex(16)}"
        self.created = int(time.time())
        self.model = model.name
        self.fingerprint = model.fingerprint
        named = not requested or requested == ROLE_DEFAULT or model.is_called(requested)
        self.fell_back_from = None if named else requested
        self.retrieval = retrieval
        self.cites = cites
        self.dropped = dropped
        self.debug = debug
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
