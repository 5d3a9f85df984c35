"""Whether the server lives, can answer, and how it does; and which models there are."""

from __future__ import annotations

import time
from typing import Any

from mecum import __version__
from mecum.chat.gate import Gate
from mecum.engine.base import Engine, Model, Status
from mecum.engine.loading import Progress
from mecum.engine.queue import Queue
from mecum.errors import Draining, EngineDown, ModelLoading, ModelNotFound
from mecum.types import Json

ALIAS = "mecum"  # a name that always means the default model


class Health:
    """What the status routes tell. `began` is a monotonic time in seconds."""

    def __init__(self, *, engine: Engine, gate: Gate, queue: Queue) -> None:
        self._engine = engine
        self._gate = gate
        self._queue = queue
        self._began = time.monotonic()

    def check(self, *, known: bool = True) -> None:
        """Return if chats can be answered now; why they cannot is told to those who are `known`.

        Raises:
            Draining, ModelLoading, EngineDown: they cannot.
        """
        if not self._gate.is_open:
            raise Draining("The server is shutting down.", retry_after=5)
        status = self._engine.status()
        if status.state == "starting":
            raise ModelLoading((known and status.reason) or "The model is still loading.")
        if status.state != "ready":
            reason = (known and status.reason) or f"The engine is {status.state}."
            raise EngineDown(reason, retry_after=status.retry_after or 1)

    def state(self) -> Json:
        """Return what anybody may know: the state."""
        state = self._engine.status().state if self._gate.is_open else "draining"
        return {"status": "ok" if state == "ready" else state}

    def report(self) -> Json:
        """Return the state of server, engine and model, and the uptime in seconds."""
        status = self._engine.status()
        return {
            **self.state(),
            "version": __version__,
            "uptime": round(time.monotonic() - self._began, 1),
            "engine": _engine_body(status),
            "model": model_body(status.models[0]) if status.models else None,
            "models": [load_body(model, self._engine.progress(model.name)) for model in status.models],
            "memory": memory_body(status),
            "queue": {"working": self._queue.working, "waiting": self._queue.waiting},
        }


def listing(engine: Engine) -> Json:
    """Return all models as `GET /v1/models` has them; the first is the default."""
    return {"object": "list", "data": [model_body(model) for model in engine.status().models]}


def one(engine: Engine, name: str) -> Json:
    """Return one model.

    Raises:
        ModelNotFound: there is none of that name.
    """
    status = engine.status()
    found = status.models[0] if status.models and name == ALIAS else status.named(name)
    if found is None:
        raise ModelNotFound(f"There is no model '{name[:256]}'.", param="model")
    return model_body(found)


def model_body(model: Model) -> Json:
    """Return a model as OpenAI has it, and what else is known of it."""
    return {
        "id": model.name,
        "object": "model",
        "created": model.created,
        "owned_by": model.owned_by,
        "context_length": model.context,
        "slots": model.slots,
        "size": model.size,
        "loaded": model.load == "loaded",
    }


def load_body(model: Model, progress: Progress | None) -> Json:
    """Return whether a model is loaded, and why it is not if it should be; `memory` in bytes, `users` are requests."""
    return {
        "id": model.name,
        "state": model.load,
        "progress": round(progress.share, 3) if progress and progress.share is not None else None,
        "loading_seconds": round(progress.seconds, 1) if progress else None,
        "reason": model.reason,
        "memory": model.memory,
        "users": model.users,
    }


def memory_body(status: Status) -> Json:
    """Return how many bytes all models may take, and those that are loaded do at most; None where that is not ours."""
    taken = [model.memory for model in status.models if model.load == "loaded"]
    known = None if status.budget is None else sum(size for size in taken if size)
    return {"budget": status.budget, "taken": known}


def envelope(data: Any) -> Json:
    """Return data as the management routes answer it."""
    return {"success": True, "code": 0, "message": "success", "data": data}


def _engine_body(status: Status) -> Json:
    return {
        "state": status.state,
        "kind": status.kind,
        "version": status.version,
        "restarts": status.restarts,
        "reason": status.reason,
    }
