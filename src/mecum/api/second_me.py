"""The other routes that Second Me's callers use, as thin aliases of ours (`docs/roles.md`, "Second Me's callers").

Invariant (`tests/api/test_second_me.py`): whatever an alias does, our own routes show; what is uploaded here and what is
removed here are documents of the collection `default`, named by their file names.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import orjson
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from mecum.api import items
from mecum.api.access import principal_of
from mecum.api.bodies import answer, document_body
from mecum.api.disk import in_thread
from mecum.api.openapi import answered
from mecum.api.personas import enveloped, ref, time_text
from mecum.api.roles import add_schemas
from mecum.api.status import envelope
from mecum.api.upload import receive
from mecum.audit.log import AuditLog
from mecum.errors import DocumentNotFound, InvalidRequest, UnsupportedMediaType
from mecum.knowledge.library import Library
from mecum.settings.schema import ServerSettings
from mecum.store.values import DEFAULT_COLLECTION, Document, Filter, Page
from mecum.types import Json

PAGE: Final = 500
_READ: Final = frozenset({"searchable", "ready", "no_text"})


def install(app: FastAPI, library: Library, audit: AuditLog, settings: ServerSettings, *, limit: int) -> None:
    """Add the routes: before `/api/documents/{id}`, which would match one of them. `limit` is the most bytes of a file."""
    routes = _Routes(library, audit, settings, limit)
    for path, method, handler, name, summary, extra in (
        ("/api/kernel2/username", "GET", routes.username, "username", "Tell whose server this is", None),
        ("/api/documents/list", "GET", routes.list, "list_all_documents", "List all documents at once", None),
        ("/api/memories/file", "POST", routes.upload, "upload_memory", "Add one file", _UPLOAD),
        (
            "/api/memories/file/{filename:path}",
            "DELETE",
            routes.remove,
            "delete_memory",
            "Remove the file of this name",
            None,
        ),
    ):
        app.add_api_route(
            path, handler, methods=[method], tags=["Second Me"], summary=summary, operation_id=name, response_model=None,
            responses=answered(_ANSWERS[name]), openapi_extra=extra,
        )  # fmt: skip
    add_schemas(app, schemas())


class _Routes:
    """The handlers."""

    def __init__(self, library: Library, audit: AuditLog, settings: ServerSettings, limit: int) -> None:
        self._library = library
        self._audit = audit
        self._settings = settings
        self._limit = limit

    async def username(self, request: Request) -> Response:
        return answer({"username": principal_of(request).owner})

    async def list(self, request: Request) -> Response:
        owner = principal_of(request).owner
        first = await self._page(owner, None)  # what fails before the headers has a true status
        return StreamingResponse(self._listed(owner, first), media_type="application/json")

    async def upload(self, request: Request) -> Response:
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind != "multipart/form-data" or request.headers.get("content-encoding", "identity").lower() != "identity":
            raise UnsupportedMediaType("Send the file as multipart/form-data, without a Content-Encoding.")
        sent = await receive(request, self._library.temporary, limit=self._limit, timeout=self._settings.body_timeout)
        if len(sent) > 1:
            await in_thread(items.drop, sent)
            raise InvalidRequest("Send one file. POST /api/documents takes several.", param="file")
        async with self._audit.doing(principal_of(request), "documents.added") as note:
            (added,) = await items.add(self._library, sent, principal_of(request))
            assert isinstance(added, Document)  # noqa: S101 # for the type checker: a batch of one that fails raises
            note.targets = [added.id]
        return answer(memory_body(added))

    async def remove(self, filename: str, request: Request) -> Response:
        principal = principal_of(request)
        async with self._audit.doing(principal, "documents.removed") as note:
            document = await self._library.find(filename, DEFAULT_COLLECTION, principal)
            if document is None:
                raise DocumentNotFound("There is no document of this name in the collection 'default'.", param="filename")
            note.targets = [document.id]
            return answer({"removed": await self._library.remove(note.targets, principal)})

    async def _page(self, owner: str, cursor: str | None) -> Page:
        return await self._library.list(Filter(owner), limit=PAGE, cursor=cursor)

    async def _listed(self, owner: str, page: Page) -> AsyncIterator[bytes]:
        """Yield the answer page by page: a large library holds up nobody, and is never in memory whole."""
        start, end = orjson.dumps(envelope(None)).rsplit(b"null", 1)
        yield start + b"["
        separator = b""
        while True:
            if page.items:
                yield separator + orjson.dumps([memory_body(document) for document in page.items])[1:-1]
                separator = b","
            if page.next_cursor is None:
                break
            page = await self._page(owner, page.next_cursor)
        yield b"]" + end


def memory_body(document: Document) -> Json:
    """Return a document as ours, with the names that Second Me has for the same."""
    read = "FAILED" if document.state == "failed" else "SUCCESS" if document.state in _READ else "INITIALIZED"
    return {
        **document_body(document),
        "name": document.path,
        "document_size": document.size,
        "extract_status": read,
        "embedding_status": "SUCCESS" if document.state == "ready" else "FAILED" if read == "FAILED" else "INITIALIZED",
        "create_time": time_text(document.created),
        "update_time": time_text(document.updated),
    }


def schemas() -> Json:
    """Return the schemas of what is answered, by name."""
    status = {"enum": ["INITIALIZED", "SUCCESS", "FAILED"]}
    fields: Json = {
        "name": {"type": "string", "description": "the document's `path`"},
        "document_size": {"type": "integer"},
        "extract_status": status,
        "embedding_status": status,
        "create_time": {"type": "string"},
        "update_time": {"type": "string"},
    }
    memory = {"allOf": [ref("Document"), {"type": "object", "required": list(fields), "properties": fields}]}
    name: Json = {"type": "object", "required": ["username"], "properties": {"username": {"type": "string"}}}
    return {
        "Memory": memory,
        "MemoryAnswer": enveloped(ref("Memory")),
        "MemoryList": enveloped({"type": "array", "items": ref("Memory")}),
        "UsernameAnswer": enveloped(name),
    }


_ANSWERS: Final = {
    "username": "UsernameAnswer",
    "list_all_documents": "MemoryList",
    "upload_memory": "MemoryAnswer",
    "delete_memory": "Removed",
}
_FILE: Final[Json] = {"type": "string", "format": "binary", "description": "its file name becomes the document's path"}
_FORM: Final[Json] = {"type": "object", "required": ["file"], "properties": {"file": _FILE}}
_UPLOAD: Final[dict[str, Any]] = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}}
