"""Puts the rooms together. The only place, with `cli`, that names a concrete engine, embedder or store.

Invariant: what `start` opens in order, `aclose` closes in reverse, also after a start that failed half-way.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial

from fastapi import FastAPI

from mecum.api.urls import create_api
from mecum.app.embedders import embedder_of, left, others
from mecum.app.home import install_secret
from mecum.app.watched import AuditedTarget
from mecum.audit.log import AuditLog
from mecum.chat.answer import Chat
from mecum.chat.gate import Gate
from mecum.engine.aliases import default_model
from mecum.engine.base import Engine
from mecum.engine.embedder.base import Embedder
from mecum.engine.queue import Queue
from mecum.engine.scripted import Scripted
from mecum.engine.several import Several
from mecum.engine.upstream import Upstream
from mecum.keys.ring import Keyring
from mecum.knowledge.library import Library
from mecum.knowledge.watch import LibraryTarget, Watcher
from mecum.models.shelf import Shelf
from mecum.roles.stored import StoredRoles
from mecum.settings.schema import LibrarySettings, Settings
from mecum.store.sqlite import Sqlite
from mecum.store.sqlite.glance import key_owners
from mecum.types import Principal


class App:
    """Everything that runs. `asgi` is the web application; `start` and `aclose` are called by whoever runs it.

    `token` makes its bearer the owner of this machine, with all that there is to do (`run.json`).
    """

    def __init__(self, settings: Settings, engine: Engine, embedder: Embedder) -> None:
        store = Sqlite(settings.home)
        self.settings = settings
        self.engine = engine
        self.library = Library(
            store,
            embedder,
            top_k=settings.library.top_k,
            others=partial(others, settings),
            cache=settings.home / "cache",
        )
        self.roles = StoredRoles(store.roles)
        self.token = secrets.token_urlsafe(32)
        self.keys = Keyring(store.keys, self.token)
        self.audit = AuditLog(store.audit)
        self._watcher = _watcher(settings.library, self.library, self.audit)
        self.gate = Gate()
        self.queue = Queue(self._slots, waiting=settings.engine.queue, timeout=settings.engine.queue_timeout)
        self.chat = Chat(
            engine=engine,
            queue=self.queue,
            roles=self.roles,
            library=self.library,
            gate=self.gate,
            ready_timeout=settings.engine.queue_timeout,
            secret=install_secret(settings.home),
        )
        self.asgi: FastAPI = create_api(
            chat=self.chat,
            engine=engine,
            gate=self.gate,
            queue=self.queue,
            library=self.library,
            roles=self.roles,
            keys=self.keys,
            audit=self.audit,
            settings=settings.server,
            documents=settings.library,
            shelf=Shelf(settings.home),
        )

    async def start(self, *, engine: bool = True) -> None:
        """Start everything, and return while the model may still load. Without `engine` nothing can chat.

        Raises:
            StartError: it cannot start.
        """
        if engine:
            await self.engine.start()  # first, for a model takes the longest
        await self.library.start()
        await self.roles.start()
        await self.audit.start()
        await self.keys.start()

    async def watch(self) -> None:
        """Keep the folders of the settings in the library from now on. For a server: a command does its one thing."""
        await self._watcher.start()

    async def aclose(self) -> None:
        """Stop everything."""
        await self._watcher.aclose()
        await self.keys.aclose()
        await self.audit.aclose()
        await self.library.aclose()
        await self.engine.aclose()

    def _slots(self, name: str) -> int:
        model = self.engine.status().named(name)
        return model.slots if model else 1


def build(settings: Settings, *, engine: Engine | None = None, embedder: Embedder | None = None) -> App:
    """Return the program that the settings describe, nothing of it opened; what is given takes the place of theirs."""
    embedder = embedder or embedder_of(settings)
    return App(settings, engine or _engine(settings, partial(left, embedder)), embedder)


def _watcher(settings: LibrarySettings, library: Library, audit: AuditLog) -> Watcher:
    roots = [folder.expanduser().resolve() for folder in settings.watch]
    target = AuditedTarget(LibraryTarget(library, Principal()), audit, Principal())
    return Watcher(roots, target, largest=int(settings.max_upload_mb * 2**20))


def _engine(settings: Settings, reserved: Callable[[int], int]) -> Engine:
    if settings.engine.scripted:
        return Scripted()
    if settings.engine.base_url:
        return Upstream(settings.engine, settings.models)
    return Several(
        settings,
        default=_default(settings),
        owners=lambda: {Principal().owner, *key_owners(settings.home)},
        reserved=reserved,
    )


def _default(settings: Settings) -> Callable[[], str | None]:
    """Return what tells the default model now: where the settings pass on what was chosen, another choice holds at once."""
    shelf, given = Shelf(settings.home), default_model(settings)

    def chosen() -> str | None:
        name = shelf.default()
        return str(shelf.folder / name) if name else None

    return chosen if given == chosen() else lambda: given
