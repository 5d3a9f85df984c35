"""The library's values as JSON: documents, passages, hits, counts. `schemas` says the same to `/openapi.json`.

Invariant (`tests/api/test_openapi.py`): every field of a body stands in its schema, and real bodies fit it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import orjson
from starlette.responses import Response

from mecum.api.labels import shown
from mecum.api.status import envelope
from mecum.engine.embedder.base import Embedder
from mecum.errors import MecumError
from mecum.store.values import Counts, Document, Facets, Passage
from mecum.types import Hit, Json, Retrieval

STATES: Final = ("queued", "processing", "searchable", "ready", "no_text", "failed")
MODES: Final = ("hybrid", "keyword", "vector")


def document_body(document: Document) -> Json:
    """Return a document."""
    failure = document.error
    return {
        "id": document.id,
        "path": document.path,
        "title": document.title,
        "collection": document.collection,
        "kind": document.kind,
        "size": document.size,
        "state": document.state,
        "passages": document.passages,
        "error": None if failure is None else {"code": failure.code, "message": failure.message},
        "metadata": document.metadata,
        "date": document.date,
        "created": document.created,
        "updated": document.updated,
        "sha256": document.content_hash,
        "container": document.container,
        "container_id": document.parent,
    }


def refused_body(path: str, error: MecumError) -> Json:
    """Return an item of a batch that could not be taken."""
    return {"id": None, "path": shown(path), "state": "failed", "error": {"code": error.code, "message": error.message}}


def passage_body(passage: Passage) -> Json:
    """Return a passage."""
    return {
        "id": passage.id,
        "position": passage.position,
        "text": passage.text,
        "context": passage.context,
        "place": passage.place,
        "date": passage.date,
    }


def hit_body(hit: Hit, url: str) -> Json:
    """Return a passage that was found; `url` opens it on this server."""
    return {
        "document_id": hit.document_id,
        "path": hit.path,
        "title": hit.title,
        "collection": hit.collection,
        "kind": hit.kind,
        "page": hit.page,
        "last_page": hit.last_page,
        "heading": hit.heading,
        "chunk_id": hit.chunk_id,
        "score": hit.score,
        "text": hit.text,
        "url": url,
        "date": hit.date,
    }


def retrieval_body(found: Retrieval) -> Json:
    """Return how a search went."""
    return {"status": found.status, "mode": found.mode, "query": found.query, "k": found.k, "ms": found.ms}


def counts_body(counts: Counts, embedder: Embedder) -> Json:
    """Return how far the library is."""
    status = embedder.status()
    return {
        "documents": {state: counts.documents.get(state, 0) for state in STATES},
        "passages": counts.passages,
        "without_vector": counts.without_vector,
        "embedder": {
            "state": status.state,
            "reason": status.reason,
            "identity": embedder.identity,
            "model": embedder.name,
            "rebuilding": counts.rebuilding,
        },
    }


def facets_body(facets: Facets) -> Json:
    """Return by what the documents can be narrowed. A kind is known once the file was read."""
    return {"collections": dict(facets.collections), "kinds": {name: n for name, n in facets.kinds.items() if name}}


# ---- the same as schemas

_TEXT: Final[Json] = {"type": "string"}
_COUNT: Final[Json] = {"type": "integer", "minimum": 0}
_TIME: Final[Json] = {"type": "number", "description": "seconds since 1970"}
_TIME_OR_NOT: Final[Json] = {"type": ["number", "null"], "description": "seconds since 1970"}
_TEXT_OR_NOT: Final[Json] = {"type": ["string", "null"]}
_ANY: Final[Json] = {"type": "object"}


def ref(name: str) -> Json:
    """Return a reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def _object(**fields: Json) -> Json:
    return {"type": "object", "required": list(fields), "properties": fields}


def _list(items: Json) -> Json:
    return {"type": "array", "items": items}


def _answer(data: Json) -> Json:
    return _object(success={"const": True}, code={"const": 0}, message={"const": "success"}, data=data)


def _event(kinds: Iterable[str], **fields: Json) -> Json:
    return _object(type={"enum": list(kinds)}, **fields)


_FAILURE = _object(code=_TEXT, message={"type": "string", "description": "what is wrong, and what to do"})
_DOCUMENT = _object(
    id={"type": "string", "description": "stays the same whatever content or path the document gets"},
    path={"type": "string", "description": "the label it was sent with; with the collection it names the document"},
    title=_TEXT,
    collection=_TEXT,
    kind={"type": "string", "description": "what its bytes are: pdf, markdown, …; empty until they were read"},
    size={"type": "integer", "minimum": 0, "description": "bytes"},
    state={
        "enum": list(STATES),
        "description": "queued, processing; searchable by its words; ready: by its meaning too; no_text, failed: see error",
    },
    passages=_COUNT,
    error={"anyOf": [ref("DocumentFailure"), {"type": "null"}]},
    metadata=_ANY,
    date=_TIME_OR_NOT,
    created=_TIME,
    updated=_TIME,
    sha256=_TEXT,
    container={"type": "boolean", "description": "a file of several documents, such as a mailbox"},
    container_id={"type": ["string", "null"], "description": "the document's container"},
)
_REFUSED = _object(id={"type": "null"}, path=_TEXT, state={"const": "failed"}, error=ref("DocumentFailure"))
_PASSAGE = _object(
    id=_TEXT,
    position={"type": "integer", "minimum": 0, "description": "in the document, from 0"},
    text=_TEXT,
    context={"type": "string", "description": "headings, a date, a speaker: searched with the text"},
    place={"type": "object", "description": "what is known of page, heading, sheet, …"},
    date=_TIME_OR_NOT,
)
_HIT = _object(
    document_id=_TEXT,
    path=_TEXT,
    title=_TEXT,
    collection=_TEXT,
    kind=_TEXT,
    page={"type": ["integer", "null"], "description": "from 1, where it begins"},
    last_page={"type": ["integer", "null"], "description": "where it ends"},
    heading=_TEXT_OR_NOT,
    chunk_id={"type": "string", "description": "the passage's id"},
    score={"type": "number", "description": "relevance, from 0 to 1"},
    text=_TEXT,
    url={"type": "string", "description": "opens the passage in a browser"},
    date=_TIME_OR_NOT,
)
_RETRIEVAL = _object(
    status={"enum": ["ok", "empty"], "description": "empty: the documents do not answer this"},
    mode={"enum": list(MODES), "description": "how it was searched: keyword while there are no vectors"},
    query=_TEXT,
    k=_COUNT,
    ms={"type": "number"},
)
_COUNTS = _object(
    documents=_object(**dict.fromkeys(STATES, _COUNT)),
    passages=_COUNT,
    without_vector=_COUNT,
    embedder=_object(
        state=_TEXT,
        reason=_TEXT_OR_NOT,
        identity=_TEXT,
        model=_TEXT,
        rebuilding={"type": "boolean", "description": "its vectors are being made; those from before answer meanwhile"},
    ),
)
_NUMBERS: Final[Json] = {"type": "object", "additionalProperties": _COUNT}
_FACETS = _object(
    collections={**_NUMBERS, "description": "documents by collection"},
    kinds={**_NUMBERS, "description": "documents by kind"},
)
_EVENT_KINDS: Json = {
    "anyOf": [
        _event(["counts"], counts=ref("LibraryCounts")),
        _event(["changed"], document_id=_TEXT, document=ref("Document")),
        _event(["removed"], document_id=_TEXT, document={"type": "null"}),
    ]
}
_EMBEDDING = _object(
    object={"const": "embedding"},
    index=_COUNT,
    embedding={
        "anyOf": [_list({"type": "number"}), {"type": "string", "description": "base64 of float32 values, little-endian"}]
    },
)

SCHEMAS: Final[Json] = {
    "Document": _DOCUMENT,
    "DocumentFailure": _FAILURE,
    "RefusedDocument": _REFUSED,
    "DocumentsAdded": _answer(_list({"anyOf": [ref("Document"), ref("RefusedDocument")]})),
    "DocumentAnswer": _answer(ref("Document")),
    "DocumentPage": _answer(_object(items=_list(ref("Document")), next_cursor=_TEXT_OR_NOT, total=_COUNT)),
    "Passage": _PASSAGE,
    "PassagePage": _answer(_object(items=_list(ref("Passage")))),
    "LibraryCounts": _COUNTS,
    "LibraryCountsAnswer": _answer(ref("LibraryCounts")),
    "LibraryFacetsAnswer": _answer(_FACETS),
    "LibraryEvent": _EVENT_KINDS,
    "Removed": _answer(_object(removed=_COUNT)),
    "Hit": _HIT,
    "SearchAnswer": _answer(_object(hits=_list(ref("Hit")), retrieval=_RETRIEVAL)),
    "Verified": _answer(_object(faults=_list(_TEXT))),
    "EmbeddingList": _object(
        object={"const": "list"},
        data=_list(_EMBEDDING),
        model=_TEXT,
        usage=_object(prompt_tokens=_COUNT, total_tokens=_COUNT),
    ),
}


def answer(data: Any, *, status: int = 200) -> Response:
    """Return data as the management routes answer it."""
    return Response(orjson.dumps(envelope(data)), status_code=status, media_type="application/json")
