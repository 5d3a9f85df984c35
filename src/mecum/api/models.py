"""The models as their administrator sees them: what is loaded and what it takes, and loading and unloading by hand.

Invariants (`tests/api/test_models.py`): a model that answers is never unloaded (409); what the files say of themselves is
read once, not with every look.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.responses import Response

from mecum.api.answers import LOAD
from mecum.api.bodies import answer
from mecum.api.openapi import answered, takes
from mecum.api.personas import enveloped
from mecum.api.roles import add_schemas
from mecum.api.status import ALIAS, load_body, memory_body, model_body
from mecum.engine.base import Engine, Model
from mecum.errors import ModelNotFound
from mecum.models.installed import Installed
from mecum.models.shelf import Shelf
from mecum.types import Json

PATH: Final = "/api/models"


def install(app: FastAPI, engine: Engine, shelf: Shelf) -> None:
    """Add the routes, and what `/openapi.json` says of them."""
    routes = _Routes(engine, shelf)
    one = f"{PATH}/{{name:path}}"
    for path, method, handler, name, summary, shape in (
        (PATH, "GET", routes.all, "list_installed_models", "List the models: what is loaded, and what it takes", "Shelf"),
        (f"{one}/load", "POST", routes.load, "load_model", "Load a model; 202 while it loads", "InstalledAnswer"),
        (f"{one}/unload", "POST", routes.unload, "unload_model", "Unload a model that nobody uses", "InstalledAnswer"),
    ):
        responses = answered(shape) | (answered(shape, status=202) if name == "load_model" else {})
        app.add_api_route(
            path, handler, methods=[method], tags=["models"], summary=summary, operation_id=name, response_model=None,
            responses=responses, openapi_extra=takes(),
        )  # fmt: skip
    add_schemas(app, _schemas())


class _Routes:
    """The handlers."""

    def __init__(self, engine: Engine, shelf: Shelf) -> None:
        self._engine = engine
        self._shelf = shelf
        self._known: dict[tuple[Path, int, int], Installed] = {}

    async def all(self) -> Response:
        await self._engine.refresh()
        status = self._engine.status()
        items = [await self._body(model, default=number == 0) for number, model in enumerate(status.models)]
        return answer({"items": items, "memory": memory_body(status)})

    async def load(self, name: str) -> Response:
        model = await self._named(name)
        await self._engine.load(model.name)
        after = await self._named(name)
        return answer(await self._body(after), status=200 if after.load == "loaded" else 202)

    async def unload(self, name: str) -> Response:
        model = await self._named(name)
        await self._engine.unload(model.name)
        return answer(await self._body(await self._named(name)))

    async def _named(self, name: str) -> Model:
        await self._engine.refresh()
        status = self._engine.status()
        found = status.models[0] if status.models and name == ALIAS else status.named(name)
        if found is None:
            raise ModelNotFound(f"There is no model '{name[:256]}'.", param="model")
        return found

    async def _body(self, model: Model, *, default: bool | None = None) -> Json:
        first = self._engine.status().models[:1]
        about = await asyncio.to_thread(self._about, model.file) if model.file else None
        facts = about.facts if about else None
        return {
            **model_body(model),
            **load_body(model, self._engine.progress(model.name)),
            "default": default if default is not None else model.name in [one.name for one in first],
            "aliases": list(model.aliases),
            "file": model.file.name if model.file else None,
            "quantisation": facts.quantisation if facts else None,
            "architecture": facts.architecture if facts else None,
            "trained_context": facts.context if facts else None,
            "licence": about.licence if about else None,
            "source": about.origin.source if about and about.origin else None,
        }

    def _about(self, file: Path) -> Installed | None:
        try:
            stat = file.stat()
        except OSError:
            return None
        key = (file, stat.st_size, stat.st_mtime_ns)
        if key not in self._known:
            self._known[key] = self._shelf.about(file)
        return self._known[key]


def _schemas() -> Json:
    text: Json = {"type": ["string", "null"]}
    more: Json = {
        "default": {"type": "boolean"},
        "aliases": {"type": "array", "items": {"type": "string"}},
        "file": text,
        "quantisation": text,
        "architecture": text,
        "trained_context": {"type": ["integer", "null"], "description": "tokens that it was trained for"},
        "licence": {**text, "description": "as its source or its file says"},
        "source": {**text, "description": "where it came from"},
    }
    own: Json = {"type": "object", "required": list(more), "properties": more}
    installed: Json = {"allOf": [{"$ref": "#/components/schemas/Model"}, LOAD, own]}
    memory: Json = {"$ref": "#/components/schemas/ModelMemory"}
    page: Json = {
        "type": "object",
        "required": ["items", "memory"],
        "properties": {"items": {"type": "array", "items": installed}, "memory": memory},
    }
    return {"Shelf": enveloped(page), "InstalledAnswer": enveloped(installed)}
