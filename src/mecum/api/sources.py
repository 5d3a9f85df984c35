"""What stands beside the protocol's own fields: sources, retrieval, truncation, debug.

Invariant: `sources` are exactly the passages in the prompt, by the numbers that the model cites them with
(`tests/api/test_sources.py`).
"""

from __future__ import annotations

from collections.abc import Callable

from mecum.chat.answer import Answer
from mecum.chat.citations import snippet
from mecum.chat.debug import Debug
from mecum.engine.codec import encode_message
from mecum.types import Hit, Json, Retrieval

UrlOf = Callable[[Hit], str]


def extras(answer: Answer, url_of: UrlOf | None = None) -> Json:
    """Return the fields of the first chunk, or of the plain body, that OpenAI's protocol does not have.

    Without a server (`url_of` None) the passages have no address.
    """
    more: Json = {}
    if answer.retrieval:
        more["sources"] = [_source(hit, url_of) for hit in answer.retrieval.hits]
        more["retrieval"] = _retrieval(answer.retrieval)
    if answer.dropped is not None:
        more["truncation"] = {"dropped_messages": answer.dropped}
    if answer.debug:
        more["debug"] = _debug(answer.debug)
    return more


def _source(hit: Hit, url_of: UrlOf | None) -> Json:
    return {
        "index": hit.index,
        "document_id": hit.document_id,
        "title": hit.title,
        "path": hit.path,
        "page": hit.page,
        "last_page": hit.last_page,
        "heading": hit.heading,
        "chunk_id": hit.chunk_id,
        "score": hit.score,
        "snippet": snippet(hit.text),
        "url": url_of(hit) if url_of else None,
    }


def _retrieval(found: Retrieval) -> Json:
    return {"status": found.status, "mode": found.mode, "query": found.query, "k": found.k, "ms": found.ms}


def _debug(debug: Debug) -> Json:
    return {
        "hits": [{"chunk_id": hit.chunk_id, "score": hit.score, "used": used} for hit, used in debug.hits],
        "budget": {
            "context": debug.context,
            "prompt_tokens": debug.prompt_tokens,
            "passages_tokens": debug.passages_tokens,
            "max_tokens": debug.max_tokens,
        },
        "prompt": [encode_message(message) for message in debug.messages],
    }
