"""Puts the rooms together. The only place, with `cli`, that names a concrete engine.

Invariant: what `start` opens in order, `aclose` closes in reverse, also after a start that failed half-way.
"""

from __future__ import annotations

from fastapi import FastAPI

from mecum.api.urls import create_api
from mecum.chat.answer import Chat
from mecum.chat.gate import Gate
from mecum.engine.base import Engine
from mecum.engine.embedded import Embedded
from mecum.engine.queue import Queue
from mecum.engine.scripted import Scripted
from mecum.engine.upstream import Upstream
from mecum.knowledge import EmptyLibrary
from mecum.roles import NoRoles
from mecum.settings.schema import Settings


class App:
    """Everything that runs. `asgi` is the web application; `start` and `aclose` are called by whoever runs it."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self.settings = settings
        self.engine = engine
        self.gate = Gate()
        self.queue = Queue(self._slots, waiting=settings.engine.queue, timeout=settings.engine.queue_timeout)
        self.chat = Chat(
            engine=engine,
            queue=self.queue,
            roles=NoRoles(),
            library=EmptyLibrary(),
            gate=self.gate,
            ready_timeout=settings.engine.queue_timeout,
        )
        self.asgi: FastAPI = create_api(
            chat=self.chat, engine=engine, gate=self.gate, queue=self.queue, settings=settings.server
        )

    async def start(self) -> None:
        """Start the engine, and return while the model may still load.

        Raises:
            StartError: it cannot start.
        """
        await self.engine.start()

    async def aclose(self) -> None:
        """Stop the engine."""
        await self.engine.aclose()

    def _slots(self) -> int:
        models = self.engine.status().models
        return models[0].slots if models else 1


def build(settings: Settings, *, engine: Engine | None = None) -> App:
    """Return the program that the settings describe, nothing of it opened. `engine` takes the place of the settings'."""
    return App(settings, engine or _engine(settings))


def _engine(settings: Settings) -> Engine:
    if settings.engine.scripted:
        return Scripted()
    return Upstream(settings.engine) if settings.engine.base_url else Embedded(settings)
