"""The routes of documents: added, listed, shown, renamed, removed.

Invariants (`tests/api/test_documents.py`, `test_adding.py`): what was acknowledged with an id survives `kill -9`; an item of
a batch that cannot be taken is answered as such, and the request fails only when all do; nothing that a client names is ever
opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from mecum.api import asked, query
from mecum.api.access import principal_of
from mecum.api.asked import DocumentsBody, PathBody
from mecum.api.bodies import STATES, answer, counts_body, document_body, facets_body, passage_body, refused_body
from mecum.api.download import FileAnswer
from mecum.api.items import Item, add, written
from mecum.api.labels import LONGEST, LONGEST_COLLECTION, attachment, label
from mecum.api.leaving import gone, unless
from mecum.api.query import SINCE, UNTIL, Parameter, between, many, text
from mecum.api.upload import receive
from mecum.audit.log import AuditLog
from mecum.chat.gate import Gate
from mecum.errors import DocumentNotFound, InvalidRequest, UnsupportedMediaType
from mecum.knowledge.library import Library, Until
from mecum.settings.schema import ServerSettings
from mecum.store.values import Document, Filter
from mecum.types import Json, Principal

WAIT: Final = 60.0  # seconds that `wait` may take
_PATH: Final = text(LONGEST, shortest=1)
_COLLECTION: Final = text(LONGEST_COLLECTION, shortest=1)
ADD: Final = (
    Parameter(
        "wait",
        {"type": "string", "enum": ["searchable", "ready"]},
        f"answer when all documents are so far, after {WAIT:g} seconds as they are",
    ),
)
LIST: Final = (
    Parameter("limit", between(1, 1000), "most documents in one answer", default=100),
    Parameter("cursor", text(8192, shortest=1), "next_cursor of the answer before"),
    Parameter("collection", many(_COLLECTION), "only of this collection; several: of one of these"),
    Parameter("kind", many(text(64, shortest=1)), "only of this kind"),
    Parameter("state", many({"type": "string", "enum": list(STATES)}), "only in this state"),
    Parameter("path_prefix", _PATH, "only with a path that begins so"),
    SINCE,
    UNTIL,
)
PASSAGES: Final = (
    Parameter("start", between(0, 2**31), "the position of the first"),
    Parameter("limit", between(1, 1000), "most passages in one answer", default=100),
    Parameter("around", text(128, shortest=1), "the id of a passage that shall stand in the middle, in place of start"),
)
REMOVE: Final = (
    Parameter("path", _PATH, "the path of a document, or of a folder with all in it", required=True),
    Parameter("collection", _COLLECTION, "only in this collection"),
)


@dataclass(frozen=True, slots=True)
class Documents:
    """The handlers. `limit` is the most bytes of one file."""

    library: Library
    settings: ServerSettings
    gate: Gate
    audit: AuditLog
    limit: int
    wait: float = WAIT

    async def add(self, request: Request) -> Response:
        """Take files or texts."""
        principal = principal_of(request)
        until = query.read(request, ADD)["wait"]
        items = await self._items(request)
        async with self.audit.doing(principal, "documents.added") as note:
            added = await add(self.library, items, principal)
            note.targets = [one.id for one in added if isinstance(one, Document)]
        if until is not None:
            added = await self._waited(request, added, until)
        return answer(list(map(_added, added)), status=202)

    async def all(self, request: Request) -> Response:
        """Show documents, in the order of their paths."""
        given = query.read(request, LIST)
        asked.check_dates(given["since"], given["until"])
        where = Filter(
            principal_of(request).owner,
            given["collection"] or (),
            given["path_prefix"] or "",
            given["kind"] or (),
            since=given["since"],
            until=given["until"],
        )
        page = await self.library.list(where, states=given["state"] or (), limit=given["limit"], cursor=given["cursor"])
        body = {"items": list(map(document_body, page.items)), "next_cursor": page.next_cursor, "total": page.total}
        return answer(body)

    async def counts(self, request: Request) -> Response:
        """Tell how far the library is."""
        return answer(counts_body(await self.library.counts(principal_of(request)), self.library.embedder))

    async def facets(self, request: Request) -> Response:
        """Tell by what the documents can be narrowed."""
        return answer(facets_body(await self.library.facets(principal_of(request))))

    async def get(self, request: Request, document_id: str) -> Response:
        """Show one document."""
        return answer(document_body(await self.library.get(document_id, principal_of(request))))

    async def passages(self, request: Request, document_id: str) -> Response:
        """Show a document's passages."""
        given = query.read(request, PASSAGES)
        start = given["start"] or 0
        if given["around"] is not None:
            if given["start"] is not None:
                raise InvalidRequest("start must be left out where around is given.", param="start")
            start = await self._start(document_id, given["around"], given["limit"], principal_of(request))
        found = await self.library.passages(document_id, principal_of(request), start=start, limit=given["limit"])
        return answer({"items": list(map(passage_body, found))})

    async def file(self, request: Request, document_id: str) -> Response:
        """Send a document's bytes as they were added: to be stored, never shown."""
        principal = principal_of(request)
        document = await self.library.get(document_id, principal)
        path = await self.library.original(document_id, principal)
        label_of = document.path
        if document.parent is not None:
            label_of = (await self.library.get(document.parent, principal)).path
        return FileAnswer(path, attachment(label_of))

    async def rename(self, request: Request, document_id: str) -> Response:
        """Give a document another path."""
        principal = principal_of(request)
        path = label((await asked.read(request, PathBody, self.settings)).path)
        async with self.audit.doing(principal, "document.renamed", document_id):
            return answer(document_body(await self.library.rename(document_id, path, principal)))

    async def remove(self, request: Request, document_id: str) -> Response:
        """Remove one document."""
        principal = principal_of(request)
        async with self.audit.doing(principal, "documents.removed", document_id):
            await self.library.get(document_id, principal)
            return answer({"removed": await self.library.remove([document_id], principal)})

    async def remove_path(self, request: Request) -> Response:
        """Remove the documents at a path."""
        principal = principal_of(request)
        given = query.read(request, REMOVE)
        async with self.audit.doing(principal, "documents.removed") as note:
            note.targets = await self.library.under(given["path"], given["collection"], principal)
            removed = await self.library.remove(note.targets, principal)
            if not removed:
                raise DocumentNotFound("There is no document at this path, or in a folder of this path.", param="path")
        return answer({"removed": removed})

    async def _start(self, document_id: str, passage_id: str, limit: int, principal: Principal) -> int:
        passage = await self.library.passage(passage_id, principal)
        if passage is None or passage.document_id != document_id:
            await self.library.get(document_id, principal)
            raise DocumentNotFound("This passage is no longer in the document.", param="around")
        return max(0, passage.position - (limit - 1) // 2)

    async def _items(self, request: Request) -> list[Item]:
        """Return what is to be added, from either kind of body."""
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind == "application/json":
            body = await asked.read(request, DocumentsBody, self.settings)
            return await written(body.documents, self.library.temporary)
        if kind != "multipart/form-data":
            raise UnsupportedMediaType("Send files as multipart/form-data, or texts as application/json.")
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise UnsupportedMediaType("Send the body without a Content-Encoding.")
        return await receive(request, self.library.temporary, limit=self.limit, timeout=self.settings.body_timeout)

    async def _waited(self, request: Request, added: Sequence[Document | Item], until: Until) -> list[Document | Item]:
        """Return the documents once they are so far; as they are after WAIT, or when the server shuts down."""
        ids = [one.id for one in added if isinstance(one, Document)]
        work = self.library.wait(ids, principal_of(request), until=until, timeout=self.wait)
        waiting = await unless(work, gone(request.receive), self.gate.closed())
        if waiting.cancelled():
            return list(added)
        now = {document.id: document for document in waiting.result()}
        return [now.get(one.id, one) if isinstance(one, Document) else one for one in added]


def _added(one: Document | Item) -> Json:
    if isinstance(one, Document):
        return document_body(one)
    assert one.fault is not None  # noqa: S101 # for the type checker: it is an item because of its fault
    return refused_body(one.path, one.fault)
