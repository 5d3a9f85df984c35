"""What `/openapi.json` says beyond what FastAPI sees: bodies and parameters are read by our own code, in our own order.

Invariant: every status that a route answers stands here with its body, the errors taken from the table that gives them
(`tests/api/test_openapi.py`, and schemathesis in `tests/api/test_fuzz.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI

from mecum.api import answers, asked, bodies
from mecum.api.parse import Dialect
from mecum.api.query import Parameter
from mecum.api.wire import ChatBody
from mecum.types import Json

KEY = "key"  # the name of the one way to say who asks
_SCHEMAS = "#/components/schemas/"
Responses = dict[int | str, dict[str, Any]]


STATUSES: Mapping[int, str] = {
    400: "The request is at fault: `error.param` names the field",
    401: "The key is missing, or not a good one",
    403: "The Host or the Origin is not one of ours, or the key is not for this",
    404: "The model, the role or the URL does not exist",
    405: "The URL does not answer this method",
    413: "The body is too large",
    415: "The body is not plain `application/json`",
    429: "Too many requests wait already, or the key's limit is reached",
    500: "Something went wrong inside mecum: its log has the details under the answer's `x-request-id`",
    502: "The engine broke off, or refuses us",
    503: "Not now: the model loads, the engine is down, or the server is shutting down",
    507: "The disk is full",
}
"""What the statuses of `mecum.api.errors` mean on a chat route."""


def _content(schema: str, example: Json | None = None) -> Json:
    media: Json = {"schema": {"$ref": _SCHEMAS + schema}}
    return {"application/json": {**media, "example": example} if example else media}


def _error(description: str) -> Json:
    return {"description": description, "content": _content("Error")}


def _busy(description: str) -> Json:
    wait = {"description": "seconds to wait", "schema": {"type": "integer"}}
    return {**_error(description), "headers": {"Retry-After": wait}}


CHAT_ERRORS: Responses = {
    status: _busy(meaning) if status in (429, 503) else _error(meaning) for status, meaning in STATUSES.items()
}
ERRORS: Responses = {
    "4XX": _error("The request is at fault"),
    "5XX": _busy("The server or its engine is at fault, or not ready"),
}


def answered(schema: str, *, status: int = 200) -> Responses:
    """Return the responses of a route that answers with JSON of that schema."""
    return {status: {"description": "The answer", "content": _content(schema)}, **ERRORS}


def sent(kind: str, description: str, schema: Json | None = None) -> Responses:
    """Return the responses of a route that answers with something else than JSON."""
    content = {kind: {"schema": schema or {"type": "string", "format": "binary"}}}
    return {200: {"description": description, "content": content}, **ERRORS}


def takes(body: str | None = None, parameters: Sequence[Parameter] = (), *, files: bool = False) -> Json:
    """Return what a route takes: a body of that schema, files beside it, parameters."""
    extra: Json = {"parameters": [parameter.described() for parameter in parameters]} if parameters else {}
    if body is not None:
        form = {"multipart/form-data": {"schema": _UPLOAD}} if files else {}
        extra["requestBody"] = {"required": True, "content": {**_content(body), **form}}
    return extra


_UPLOAD: Json = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}},
        "collection": {"type": "string", "minLength": 1, "maxLength": 128, "description": "of all the files"},
        "metadata": {"type": "object", "description": "of all the files"},
        "title": {"type": "string", "minLength": 1, "maxLength": 1024, "description": "of a single file"},
    },
    "description": "Any number of files, under any field name. Before a file may stand `path`, its label in place of its "
    "filename, `date`, in seconds since 1970, and `modified_ns`, which is kept as `metadata.file`.",
}


def chat(dialect: Dialect) -> Json:
    """Return the request and the responses of a chat route, with the defaults of its dialect."""
    stream_default, limit = str(dialect.stream).lower(), dialect.max_tokens or "the room left"
    unknown = "means the default one" if dialect.model_fallback else "is an error"
    stream = {"schema": {"$ref": _SCHEMAS + "ChatEvent"}, "example": answers.STREAM_EXAMPLE}
    return {
        "description": (
            f"Defaults: `stream` {stream_default}, `temperature` {dialect.temperature:g}, `max_tokens` {limit}. "
            f"An unknown `model` {unknown}. A failure in the middle of a stream is an event with the body that errors have."
        ),
        "requestBody": {"required": True, "content": _content("ChatBody", answers.REQUEST_EXAMPLE)},
        "responses": {
            "200": {
                "description": "Events `data: {json}`, each a ChatChunk, and at last `data: [DONE]`; or one ChatCompletion",
                "headers": {
                    "x-model-requested": {"description": "the unknown model asked for", "schema": {"type": "string"}}
                },
                "content": {"text/event-stream": stream, **_content("ChatCompletion")},
            }
        },
    }


def describe(app: FastAPI, needs: Callable[[str], Json]) -> None:
    """Add what FastAPI does not see to the app's OpenAPI document: the bodies, and what a path `needs` now (`security`)."""
    generate = app.openapi

    def openapi() -> Json:
        if app.openapi_schema is None:
            document = generate()
            components = document.setdefault("components", {})
            components["securitySchemes"] = {KEY: {"type": "http", "scheme": "bearer", "description": "an API key"}}
            schemas = components.setdefault("schemas", {})
            for model in (ChatBody, *asked.MODELS):
                body = model.model_json_schema(ref_template=_SCHEMAS + "{model}")
                schemas.update(body.pop("$defs", {}))
                schemas[model.__name__] = body
            schemas.update({**answers.SCHEMAS, **bodies.SCHEMAS})
            app.openapi_schema = document
        for path, operations in app.openapi_schema["paths"].items():
            for operation in operations.values():
                operation.update(needs(path))
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way to extend it
