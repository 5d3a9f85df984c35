"""What `/openapi.json` says beyond what FastAPI sees: chat bodies are read by our own code (`parse`), in our own order."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from mecum.api.wire import ChatBody
from mecum.types import Json

_REF = "#/components/schemas/{model}"
_ERROR: Json = {
    "type": "object",
    "required": ["success", "message", "code", "error"],
    "properties": {
        "success": {"const": False},
        "message": {"type": "string"},
        "code": {"type": "integer"},
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        },
    },
}
_ERROR_CONTENT = {"application/json": {"schema": {"$ref": _REF.format(model="Error")}}}
ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "The request is at fault, or came too soon (429)", "content": _ERROR_CONTENT},
    "5XX": {"description": "The server or its engine is at fault", "content": _ERROR_CONTENT},
}
CHAT: Json = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": _REF.format(model="ChatBody")}}},
    },
    "responses": {
        "200": {
            "description": "The answer: events `data: {json}` and at last `data: [DONE]`, or one JSON object",
            "content": {
                "text/event-stream": {"schema": {"type": "string"}},
                "application/json": {"schema": {"type": "object", "required": ["id", "object", "choices"]}},
            },
        }
    },
}


def describe(app: FastAPI) -> None:
    """Add the bodies that FastAPI does not see to the app's OpenAPI document."""
    generate = app.openapi

    def openapi() -> Json:
        if app.openapi_schema is None:
            document = generate()
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            chat = ChatBody.model_json_schema(ref_template=_REF)
            schemas.update(chat.pop("$defs", {}))
            schemas.update({"ChatBody": chat, "Error": _ERROR})
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way to extend it
