"""A Chat over the scripted engine, with everything around it real and small, and ways to stop it at any point."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from mecum.chat.answer import Answer, Chat
from mecum.chat.gate import Gate
from mecum.chat.messages import text_of
from mecum.chat.request import ChatRequest
from mecum.engine.base import Model, Status, Traits, Use
from mecum.engine.queue import Queue
from mecum.engine.scripted import Scripted, ScriptedReply
from mecum.errors import MecumError, RoleNotFound
from mecum.types import Delta, Hit, Message, Principal, Prompt, Query, Retrieval, Role, Sampling

SECRET = b"of this install"
ANN = Principal("ann")


@dataclass
class Stage:
    """Where chats stand still, or fail with `error`; `reached` tells that one has come there."""

    phase: str = ""
    error: MecumError | None = None
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    async def at(self, phase: str) -> None:
        if phase == self.phase:
            self.reached.set()
            if self.error:
                raise self.error
            await asyncio.Event().wait()


class Engine(Scripted):
    """The scripted engine with the models that a test names. It notes what it was asked and how often it counted."""

    def __init__(self, stage: Stage, *models: str, **model: Any) -> None:
        super().__init__()
        self._stage = stage
        made = Model(**{"name": "one", "fingerprint": "fp", "context": 1000, "slots": 4, **model})
        self.models = tuple(replace(made, name=name) for name in models or ("one",))
        self.asked: list[Prompt] = []
        self.counted = 0
        self.counts = True
        self.uses: list[str] = []  # of which models, by those who hold one now

    def use(self, model: str) -> Use:
        self.uses.append(model)
        return Counted(super().use(model), lambda: self.uses.remove(model))

    def status(self) -> Status:
        return replace(super().status(), models=self.models)

    async def ready(self) -> None:
        await self._stage.at("ready")
        await super().ready()

    async def count(self, prompt: Prompt) -> int:
        self.counted += 1
        await self._stage.at("count")
        if not self.counts:
            return None  # type: ignore[return-value] # as an engine does that cannot tell
        return sum(self.words_of(text_of(message)) for message in prompt.messages)

    def words_of(self, text: str) -> int:
        """Return the tokens of a text."""
        return len(text.split())

    async def chat(self, prompt: Prompt) -> ScriptedReply:
        await self._stage.at("chat")
        self.asked.append(prompt)
        counted, self.counts, counts = self.counted, True, self.counts
        try:
            return await super().chat(prompt)
        finally:
            self.counted, self.counts = counted, counts  # its own counting is its own affair


class Counted:
    """A use that says when it was given back."""

    def __init__(self, use: Use, left: Callable[[], None]) -> None:
        self._use = use
        self._left = left
        self.ready = use.ready

    def leave(self) -> None:
        self._use.leave()
        self._left()


class Roles:
    """The roles that a test names."""

    def __init__(self, stage: Stage, *roles: Role) -> None:
        self._stage = stage
        self._roles = {role.uuid: role for role in roles}

    async def get(self, role_id: str, principal: Principal) -> Role:
        await self._stage.at("role")
        if role_id not in self._roles or principal != ANN:
            raise RoleNotFound("none", param="metadata.role_id")
        return self._roles[role_id]


class Library:
    """Finds the same passages for every question, and notes the questions."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.hits: tuple[Hit, ...] = (passage("text"),)
        self.queries: list[Query] = []

    async def search(self, query: Query, principal: Principal) -> Retrieval:
        await self._stage.at("search")
        assert principal == ANN
        self.queries.append(query)
        status: Literal["ok", "empty"] = "ok" if self.hits else "empty"
        return Retrieval(status=status, mode="keyword", query=query.text, k=query.k or 5, ms=1.0, hits=self.hits)


class Rooms:
    """Everything that a chat needs."""

    def __init__(
        self, *roles: Role, stage: Stage | None = None, slots: int = 4, models: tuple[str, ...] = (), **model: Any
    ) -> None:
        self.stage = stage or Stage()
        self.engine = Engine(self.stage, *models, **model)
        self.queue = Queue(lambda _model: slots, waiting=2, timeout=60)
        self.gate = Gate()
        self.library = Library(self.stage)
        self.chat = Chat(
            engine=self.engine,
            queue=self.queue,
            roles=Roles(self.stage, *roles),
            library=self.library,
            gate=self.gate,
            ready_timeout=60,
            secret=SECRET,
        )

    async def answer(self, request: ChatRequest) -> Answer:
        await self.engine.start()
        return await self.chat.answer(request, ANN)

    @contextlib.asynccontextmanager
    async def answering(self, request: ChatRequest) -> AsyncIterator[Answer]:
        async with contextlib.aclosing(await self.answer(request)) as answer:
            yield answer

    async def asked(self, request: ChatRequest) -> Prompt:
        """Return what the engine was asked for a request."""
        async with self.answering(request):
            return self.engine.asked[-1]

    def check_nothing_is_held(self) -> None:
        assert (self.engine.open_replies, self.engine.uses) == (0, [])
        assert (self.queue.working, self.queue.waiting, self.gate.inside) == (0, 0, 0)
        self.queue.enter("x", "one", weight=6).leave()  # all places are free


def asks(*messages: Message | str, sampling: dict[str, Any] | None = None, **fields: Any) -> ChatRequest:
    """Return a request; a plain string is a user's turn."""
    turns = tuple(Message("user", turn) if isinstance(turn, str) else turn for turn in messages or ("hi",))
    return ChatRequest(messages=turns, sampling=Sampling(**(sampling or {})), **fields)


def passage(text: str, number: int = 1, **fields: Any) -> Hit:
    """Return a passage as a search finds it."""
    more = {"title": f"Title {number}", "path": f"/{number}.md", "page": None, "score": 1 - number / 100, **fields}
    return Hit(index=number, document_id=f"d{number}", chunk_id=f"c{number}", text=text, **more)


async def collect(answer: Answer) -> list[Delta]:
    return [delta async for batch in answer for delta in batch]


NO_TOOLS = Traits(tools=False)
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
