"""Every URL of the server, in one table."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from mecum import __version__
from mecum.api import errors, library_urls, models, openapi, pages, second_me, status
from mecum.api import keys as key_urls
from mecum.api import roles as role_urls
from mecum.api.access import Access, is_known
from mecum.api.chat import endpoint
from mecum.api.middleware import Cors, HeadAsGet, OnlyOurs, RequestLog, origin_name
from mecum.api.needs import described
from mecum.api.parse import LOCAL, OPENAI
from mecum.audit.log import AuditLog
from mecum.chat.answer import Chat
from mecum.chat.gate import Gate
from mecum.engine.base import Engine
from mecum.engine.queue import Queue
from mecum.errors import NotFound
from mecum.keys.ring import Keyring
from mecum.knowledge.library import Library
from mecum.models.shelf import Shelf
from mecum.roles.stored import StoredRoles
from mecum.settings.reach import this_machine_only
from mecum.settings.schema import LibrarySettings, ServerSettings

CHAT_HINT = (
    "mecum speaks Chat Completions: POST /v1/chat/completions. Tell your client to use chat completions, base_url …/v1. "
    "OpenAI's: client.chat.completions; AI SDK: provider.chat('…'); LlamaIndex: is_chat_model=True; LangChain: leave "
    "use_responses_api unset."
)


def create_api(
    *,
    chat: Chat,
    engine: Engine,
    gate: Gate,
    queue: Queue,
    settings: ServerSettings,
    library: Library,
    roles: StoredRoles,
    keys: Keyring,
    audit: AuditLog,
    documents: LibrarySettings,
    shelf: Shelf,
) -> FastAPI:
    """Return the web application. It opens nothing: who builds it starts and closes what it is given."""
    app = FastAPI(title="mecum", version=__version__, docs_url=None, redoc_url=None, redirect_slashes=False)
    errors.install(app)
    _chat_urls(app, chat, settings)
    _model_urls(app, engine)
    models.install(app, engine, shelf)
    role_urls.install(app, roles, audit, settings)
    may_open = settings.allow_open_network or this_machine_only(settings.host)
    key_urls.install(app, keys, audit, roles, settings, may_open=may_open)
    second_me.install(app, library, audit, settings, limit=int(documents.max_upload_mb * 1024 * 1024))
    library_urls.install(app, library, gate, audit, settings=settings, files=documents)
    _status_urls(app, status.Health(engine=engine, gate=gate, queue=queue))
    pages.install(app)
    app.add_middleware(Access, keys=keys, audit=audit, may_open=may_open)  # innermost: what is first in `rulings.md` 1 is
    origins = [origin_name(origin) for origin in settings.allowed_origins]
    if origins:
        app.add_middleware(Cors, origins=origins)
    app.add_middleware(HeadAsGet)
    app.add_middleware(OnlyOurs, hosts=settings.allowed_hosts, origins=origins)
    app.add_middleware(RequestLog)
    openapi.describe(app, lambda path: described(path, closed=not (keys.is_open and may_open)))
    return app


def _chat_urls(app: FastAPI, chat: Chat, settings: ServerSettings) -> None:
    for path, name, dialect, summary in (
        ("/api/kernel2/chat", "chat", LOCAL, "Chat, as the Local Chat API has it: streams unless told otherwise"),
        ("/api/kernel2/chat/completions", "chat_kernel2", OPENAI, "Chat, as OpenAI has it, with base_url …/api/kernel2"),
        ("/v1/chat/completions", "chat_v1", OPENAI, "Chat, as OpenAI has it"),
    ):
        app.add_api_route(
            path, endpoint(chat, settings, dialect), methods=["POST"], tags=["chat"], summary=summary, operation_id=name,
            response_model=None, openapi_extra=openapi.chat(dialect), responses=openapi.CHAT_ERRORS,
        )  # fmt: skip

    async def elsewhere() -> Response:
        raise NotFound(CHAT_HINT)

    for path in ("/v1/responses", "/v1/completions"):
        app.add_api_route(path, elsewhere, methods=["POST"], include_in_schema=False)


def _model_urls(app: FastAPI, engine: Engine) -> None:
    async def list_models() -> Response:
        await engine.refresh()
        return _json(status.listing(engine))

    async def get_model(model: str) -> Response:
        await engine.refresh()
        return _json(status.one(engine, model))

    for prefix, name in (("/v1", "v1"), ("/api/kernel2", "kernel2")):
        app.add_api_route(
            f"{prefix}/models", list_models, methods=["GET"], tags=["models"], summary="List the models",
            operation_id=f"list_models_{name}", responses=openapi.answered("ModelList"),
        )  # fmt: skip
        app.add_api_route(
            f"{prefix}/models/{{model:path}}", get_model, methods=["GET"], tags=["models"], summary="Tell of one model",
            operation_id=f"get_model_{name}", responses=openapi.answered("Model"),
        )  # fmt: skip


def _status_urls(app: FastAPI, health: status.Health) -> None:
    async def livez() -> Response:
        return _json({"status": "ok"})

    async def readyz(request: Request) -> Response:
        health.check(known=is_known(request))
        return _json({"status": "ok"})

    async def report(request: Request) -> Response:
        return _json(status.envelope(health.report() if is_known(request) else health.state()))

    for path, handler, schema, summary in (
        ("/livez", livez, "Alive", "Whether the server lives"),
        ("/readyz", readyz, "Alive", "Whether chats are answered now"),
        ("/api/kernel2/health", report, "Health", "State of server, engine and model"),
    ):
        app.add_api_route(
            path, handler, methods=["GET"], tags=["status"], summary=summary,
            operation_id=handler.__name__, responses=openapi.answered(schema),
        )  # fmt: skip


def _json(body: Any) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")
