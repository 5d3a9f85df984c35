"""An OpenAI-compatible server elsewhere as the engine: vLLM, llama-server, Ollama, LM Studio, a hosted one.

Invariant: only `settings.engine` decides where requests go; nothing in a request can (`tests/engine/test_upstream.py`).
What the server's `/models` tells (context length) is used; what it does not tell is left to it to refuse.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, TypeVar

from mecum.engine.base import AlwaysLoaded, Model, State, Status, Traits
from mecum.engine.connection import Connection, StreamReply
from mecum.engine.own import sampling_of
from mecum.errors import (
    EngineDown,
    EngineError,
    EngineRefused,
    InvalidRequest,
    MecumError,
    ModelLoading,
    NotFound,
    RouteMissing,
)
from mecum.settings.schema import EngineSettings, ModelSettings
from mecum.types import Json, Prompt, Sampling

T = TypeVar("T", bound=MecumError)
log = logging.getLogger(__name__)
REFRESH = 30  # seconds between looks at a server that answers
RETRY = 2  # seconds between looks at one that does not
SILENCE = 300  # seconds; a server elsewhere may read a long prompt without a word


_NONE: Final[Mapping[str, ModelSettings]] = MappingProxyType({})


class Upstream(AlwaysLoaded):
    """The engine behind `engine.base_url`. Of what `models` sets for one, names and sampling hold there too."""

    def __init__(self, settings: EngineSettings, models: Mapping[str, ModelSettings] = _NONE) -> None:
        base = (settings.base_url or "").rstrip("/")
        root, prefix = (base.removesuffix("/v1"), "/v1") if base.endswith("/v1") else (base, "")
        self._connection = Connection(
            root,
            prefix=prefix,
            api_key=settings.api_key.get_secret_value().strip() if settings.api_key else None,
            silence_timeout=settings.silence_timeout or SILENCE,
        )
        self._prefix = prefix
        self._settings = settings
        self._own = models
        self._models: tuple[Model, ...] = ()
        self._state: State = "starting"
        self._reason: str | None = "The engine has not been reached yet."
        self._fingerprints: dict[str, str] = {}
        self._watcher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look whether the server answers, again and again."""
        self._watcher = asyncio.create_task(self._watch(), name="upstream-watch")

    async def aclose(self) -> None:
        """Close the connections; the server goes on without us."""
        if self._watcher:
            self._watcher.cancel()
            await asyncio.wait({self._watcher})
        await self._connection.aclose()
        self._state = "stopped"

    def status(self) -> Status:
        """Return what the last look at the server gave."""
        retry = None if self._state == "ready" else RETRY
        return Status(state=self._state, kind="upstream", models=self._models, reason=self._reason, retry_after=retry)

    async def ready(self) -> None:
        """Return when the server answers; look again now if it did not.

        Raises:
            EngineError: it cannot be reached, or refuses us.
            Busy: it says itself that it is not ready.
        """
        if self._state != "ready":
            await self._look()

    async def count(self, prompt: Prompt) -> int | None:
        """Return the prompt's tokens where the server can count a chat (llama-server, vLLM), else None."""
        return await self._connection.count(prompt)

    async def chat(self, prompt: Prompt) -> StreamReply:
        """Open an answer (`mecum.engine.base.Engine.chat`)."""
        try:
            reply = await self._connection.chat(prompt)
        except EngineDown as error:
            self._lost(error)
            raise
        if reply.fingerprint and self._fingerprints.get(prompt.model) != reply.fingerprint:
            self._fingerprints[prompt.model] = reply.fingerprint
            self._models = tuple(map(self._marked, self._models))
        return reply

    async def _watch(self) -> None:
        while True:
            try:
                await self._look()
            except MecumError as error:
                log.debug("engine not reached: %s", error.message)
            await asyncio.sleep(REFRESH if self._state == "ready" else RETRY)

    async def _look(self) -> None:
        try:
            listing = await self._connection.get(f"{self._prefix}/models")
        except (NotFound, RouteMissing):
            listing = {}  # a server without a list of models: the configured name has to do
        except InvalidRequest as error:  # not the fault of whoever waits for us
            raise self._lost(EngineRefused(f"The engine does not list its models. {error.message}")) from None
        except (EngineError, ModelLoading) as error:
            raise self._lost(error) from None
        self._models = self._listed(listing)
        if not self._models:
            raise self._lost(EngineDown("The engine lists no model. Name one: engine.upstream_model."))
        self._state, self._reason = "ready", None

    def _lost(self, error: T) -> T:
        if self._state != "stopped":
            self._state, self._reason = "restarting", error.message
        return error

    def _listed(self, listing: Json) -> tuple[Model, ...]:
        listed = listing.get("data")
        rows = [row for row in listed if _is_model(row)] if isinstance(listed, list) else []
        wanted = self._settings.upstream_model
        if wanted and all(row["id"] != wanted for row in rows):
            rows.append({"id": wanted})
        rows.sort(key=lambda row: row["id"] != wanted)  # the default first, the others as they came
        return tuple(self._model(row) for row in rows)

    def _model(self, row: Json) -> Model:
        created, owner = row.get("created"), row.get("owned_by")
        own = self._own.get(row["id"].lower()) or ModelSettings()
        model = Model(
            name=row["id"],
            fingerprint="",
            context=_context(row),
            slots=self._settings.concurrency,
            created=created if isinstance(created, int) else int(time.time()),
            owned_by=owner if isinstance(owner, str) and owner else "upstream",
            traits=Traits(images=True, every_schema=True, forces_calls=True),  # what it cannot do, it refuses itself
            aliases=own.aliases,
            defaults=sampling_of(own),
        )
        return self._marked(model)

    def _marked(self, model: Model) -> Model:
        """Return the model with the fingerprint that its server gave last: theirs, with the model's name and sampling."""
        theirs = self._fingerprints.get(model.name, "")
        ours = f"\0{model.defaults}" if model.defaults != Sampling() else ""
        mark = hashlib.sha256(f"{model.name}\0{theirs}{ours}".encode()).hexdigest()[:10]
        return replace(model, fingerprint=f"fp_{mark}")


def _is_model(row: object) -> bool:
    return isinstance(row, dict) and isinstance(row.get("id"), str) and bool(row["id"])


def _context(row: Json) -> int | None:
    """Return a model's context as vLLM, mecum and several hosted servers, or llama-server, tell it."""
    meta = row.get("meta")
    told = (row.get("max_model_len"), row.get("context_length"), meta.get("n_ctx") if isinstance(meta, dict) else None)
    return next((tokens for tokens in told if isinstance(tokens, int) and tokens > 0), None)
