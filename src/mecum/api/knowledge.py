"""Search in the documents, without a chat: what a chat would find, and why."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from mecum.api import asked
from mecum.api.access import principal_of
from mecum.api.asked import SearchBody
from mecum.api.bodies import answer, hit_body, retrieval_body
from mecum.api.links import passage_url
from mecum.errors import EmbedderNotReady, InvalidRequest
from mecum.knowledge.library import Library
from mecum.settings.schema import ServerSettings
from mecum.types import Query


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The handler."""

    library: Library
    settings: ServerSettings

    async def search(self, request: Request) -> Response:
        """Find passages."""
        query = _query(await asked.read(request, SearchBody, self.settings))
        status = self.library.embedder.status()
        if query.mode == "vector" and not status.ready:
            raise EmbedderNotReady(status.reason or "The embedder is not ready.")
        found = await self.library.search(query, principal_of(request))
        hits = [hit_body(hit, passage_url(request, self.settings, hit)) for hit in found.hits]
        return answer({"hits": hits, "retrieval": retrieval_body(found)})


def _query(body: SearchBody) -> Query:
    """Return what the body asks for.

    Raises:
        InvalidRequest: there is nothing to look for, or the time ends before it begins.
    """
    if not body.query.strip():
        raise InvalidRequest("query must not be blank.", param="query")
    asked.check_dates(body.since, body.until)
    return Query(
        text=body.query,
        k=body.k,
        mode=body.mode or "hybrid",
        min_score=body.min_score,
        collections=tuple(body.collections or ()),
        path_prefix=body.path_prefix or "",
        kinds=tuple(body.kind or ()),
        since=body.since,
        until=body.until,
    )
