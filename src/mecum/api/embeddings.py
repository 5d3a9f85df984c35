"""`POST /v1/embeddings`, as OpenAI has it, over the embedder that the documents are searched with.

What is ours beside it: `input_type` ("query" unless told otherwise: the model's authors advise it for all that compares
texts with each other; "passage" for texts that questions are to find) and `truncate`. A text that is too long is refused,
for half a text has another meaning, and one of which the model makes no numbers is an error, not a row of zeros
(`tests/api/test_embeddings.py`).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson
from starlette.requests import Request
from starlette.responses import Response

from mecum.api import asked
from mecum.api.asked import EmbeddingsBody
from mecum.api.leaving import gone, unless
from mecum.api.parse import read_json
from mecum.api.status import ALIAS
from mecum.engine.embedder.base import Embedded, Embedder
from mecum.errors import EmbedderNotReady, EngineBroke, EngineDown, InvalidRequest, ModelNotFound
from mecum.settings.schema import ServerSettings
from mecum.types import Json

FOREIGN_IDS: Final = (
    "input must be a text or a list of texts: this model has its own tokens, so token ids of another are no use to it. "
    "LangChain: OpenAIEmbeddings(check_embedding_ctx_length=False)."
)


@dataclass(frozen=True, slots=True)
class Embeddings:
    """The handler."""

    embedder: Embedder
    settings: ServerSettings

    async def create(self, request: Request) -> Response:
        """Embed texts."""
        limit = int(self.settings.max_body_mb * 1024 * 1024)
        content = await read_json(request, limit=limit, timeout=self.settings.body_timeout)
        _refuse_token_ids(content.get("input"))
        body = asked.checked(content, EmbeddingsBody)
        status = self.embedder.status()
        if not status.ready:
            raise EmbedderNotReady(status.reason or "The embedder is not ready.")
        self._check(body)
        work = await unless(self._embed(body), gone(request.receive))
        if work.cancelled():
            return Response()  # nobody reads it
        return Response(
            orjson.dumps(_listing(work.result(), body, self.embedder.name), option=orjson.OPT_SERIALIZE_NUMPY),
            media_type="application/json",
        )

    def _check(self, body: EmbeddingsBody) -> None:
        if body.model and body.model not in (self.embedder.name, ALIAS):
            raise ModelNotFound(
                f"There is no embedding model of this name. Send '{self.embedder.name}' or '{ALIAS}'.", param="model"
            )
        if body.dimensions not in (None, self.embedder.dimension):
            raise InvalidRequest(f"dimensions must be {self.embedder.dimension}, or left out.", param="dimensions")

    async def _embed(self, body: EmbeddingsBody) -> Embedded:
        try:
            found = await self.embedder.embed(body.input, body.input_type or "query")
        except EngineDown as error:
            raise EmbedderNotReady(error.message, retry_after=error.retry_after) from error
        if found.cut and not body.truncate:
            first = found.cut[0]
            raise InvalidRequest(
                f"Text {first} of input is longer than the {found.tokens[first]} tokens that {self.embedder.name} reads. "
                "Split it, or send truncate: true to have its beginning embedded.",
                param="input",
            )
        if (broken := np.flatnonzero(~found.vectors.any(axis=1))).size:
            raise EngineBroke(
                f"{self.embedder.name} makes no vector of text {broken[0]} of input: what it gives are no numbers. "
                "Leave that text out, or change it."
            )
        return found


def _refuse_token_ids(given: Any) -> None:
    first = next(iter(given), None) if isinstance(given, list) else None
    if isinstance(first, int | list):
        raise InvalidRequest(FOREIGN_IDS, param="input")


def _listing(found: Embedded, body: EmbeddingsBody, model: str) -> Json:
    rows = [_base64(row) for row in found.vectors] if body.encoding_format == "base64" else list(found.vectors)
    total = sum(found.tokens)
    return {
        "object": "list",
        "data": [{"object": "embedding", "index": index, "embedding": row} for index, row in enumerate(rows)],
        "model": model,
        "usage": {"prompt_tokens": total, "total_tokens": total},
    }


def _base64(row: Any) -> str:
    return base64.b64encode(row.astype("<f4").tobytes()).decode()
