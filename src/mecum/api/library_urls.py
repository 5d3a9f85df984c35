"""The URLs of the library: documents, search, embeddings, upkeep. One table; `docs/documents.md` shows each at work.

Invariant (`tests/api/test_openapi.py`, schemathesis in `tests/api/test_fuzz.py`): each route does what its row says.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final, NamedTuple

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from mecum.api import documents as docs
from mecum.api.documents import Documents
from mecum.api.embeddings import Embeddings
from mecum.api.events import EventStream
from mecum.api.knowledge import Knowledge
from mecum.api.openapi import Responses, answered, sent, takes
from mecum.api.upkeep import KIND, Upkeep
from mecum.audit.log import AuditLog
from mecum.chat.gate import Gate
from mecum.knowledge.library import Library
from mecum.settings.schema import LibrarySettings, ServerSettings
from mecum.types import Json

ALL: Final = "/api/documents"
ONE: Final = "/api/documents/{document_id}"
_EVENT: Final = {"$ref": "#/components/schemas/LibraryEvent"}
_NOTHING: Final[Json] = {}


class _Route(NamedTuple):
    method: str
    path: str
    handler: Callable[..., Coroutine[Any, Any, Response]]
    name: str
    summary: str
    answers: Responses
    takes: Json = _NOTHING
    status: int = 200


def install(
    app: FastAPI, library: Library, gate: Gate, audit: AuditLog, *, settings: ServerSettings, files: LibrarySettings
) -> None:
    """Add the routes."""
    documents = Documents(library, settings, gate, audit, limit=int(files.max_upload_mb * 1024 * 1024))
    _add(app, "documents", _documents(documents, library, gate, settings.keepalive))
    _add(app, "library", _library(Knowledge(library, settings), Upkeep(library, settings, audit)))
    embed = Embeddings(library.embedder, settings).create
    summary, shape = "Embed texts, as OpenAI has it", answered("EmbeddingList")
    _add(
        app,
        "models",
        [_Route("POST", "/v1/embeddings", embed, "create_embeddings", summary, shape, takes("EmbeddingsBody"))],
    )


def _documents(documents: Documents, library: Library, gate: Gate, keepalive: float) -> list[_Route]:
    """Return the documents' routes. The first that fits is taken, so fixed names stand before ids."""

    async def follow(request: Request) -> Response:
        return EventStream(library, gate, request, keepalive=keepalive)

    removed, shown = answered("Removed"), answered("DocumentAnswer")
    events = sent("text/event-stream", "Events `data: {json}`, until the server shuts down", _EVENT)
    file = sent("application/octet-stream", "The bytes as they were added")
    return [
        _Route(
            "POST", ALL, documents.add, "add_documents", "Add files or texts",
            answered("DocumentsAdded", status=202), takes("DocumentsBody", docs.ADD, files=True), 202,
        ),
        _Route(
            "GET", ALL, documents.all, "list_documents", "List documents by their paths",
            answered("DocumentPage"), takes(parameters=docs.LIST),
        ),
        _Route(
            "DELETE", ALL, documents.remove_path, "remove_path", "Remove the documents at a path",
            removed, takes(parameters=docs.REMOVE),
        ),
        _Route("GET", f"{ALL}/events", follow, "follow_documents", "Follow what happens to the documents", events),
        _Route(
            "GET", f"{ALL}/counts", documents.counts, "count_documents", "Tell how far the library is",
            answered("LibraryCountsAnswer"),
        ),
        _Route(
            "GET", f"{ALL}/facets", documents.facets, "document_facets", "Tell by what the documents can be narrowed",
            answered("LibraryFacetsAnswer"),
        ),
        _Route("GET", ONE, documents.get, "get_document", "Show one document", shown),
        _Route("PATCH", ONE, documents.rename, "rename_document", "Give a document another path", shown, takes("PathBody")),
        _Route("DELETE", ONE, documents.remove, "remove_document", "Remove one document", removed),
        _Route(
            "GET", f"{ONE}/passages", documents.passages, "list_passages", "Show a document's passages",
            answered("PassagePage"), takes(parameters=docs.PASSAGES),
        ),
        _Route("GET", f"{ONE}/file", documents.file, "download_document", "Download a document's file", file),
    ]  # fmt: skip


def _library(knowledge: Knowledge, upkeep: Upkeep) -> list[_Route]:
    tar = sent(KIND, "A tar of the database and the files, which `mecum restore` takes")
    return [
        _Route(
            "POST", "/api/knowledge/search", knowledge.search, "search_documents", "Search in the documents",
            answered("SearchAnswer"), takes("SearchBody"),
        ),
        _Route("GET", "/api/backup", upkeep.backup, "backup", "Download a copy of the library", tar),
        _Route("GET", "/api/verify", upkeep.verify, "verify", "Check the library", answered("Verified")),
        _Route(
            "POST", "/api/forget", upkeep.forget, "forget", "Remove every document, for good",
            answered("Removed"), takes("ForgetBody"),
        ),
    ]  # fmt: skip


def _add(app: FastAPI, tag: str, routes: list[_Route]) -> None:
    for route in routes:
        app.add_api_route(
            route.path, route.handler, methods=[route.method], tags=[tag], summary=route.summary, operation_id=route.name,
            response_model=None, status_code=route.status, responses=route.answers, openapi_extra=route.takes,
        )  # fmt: skip
