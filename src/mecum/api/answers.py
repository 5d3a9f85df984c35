"""The bodies that mecum answers with, as JSON schemas for `/openapi.json`. `sse`, `sources`, `status`, `errors` write them.

`tests/api/test_openapi.py` holds real answers against them.
"""

from __future__ import annotations

from typing import Any, Final

from mecum.types import Json

_STRING: Final = {"type": "string"}
_INTEGER: Final = {"type": "integer"}
_COUNT: Final = {"type": "integer", "minimum": 0}
_OPTIONAL_COUNT: Final = {"type": ["integer", "null"], "minimum": 0}
_OPTIONAL_STRING: Final = {"type": ["string", "null"]}
_FINISH: Final = ["stop", "length", "tool_calls", "content_filter"]


def _object(required: Json, optional: Json | None = None, **more: Any) -> Json:
    return {"type": "object", "required": list(required), "properties": {**required, **(optional or {})}, **more}


def _list(items: Json) -> Json:
    return {"type": "array", "items": items}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


_LOGPROBS = {"type": ["object", "null"], "properties": {"content": _list({"type": "object"})}}
_FUNCTION = _object({}, {"name": _STRING, "arguments": _STRING})
_CALL = _object({"id": _STRING, "type": {"const": "function"}, "function": _FUNCTION})
_CALL_PIECE = _object({"index": _COUNT}, {"id": _STRING, "type": {"const": "function"}, "function": _FUNCTION})
_ANNOTATIONS = {
    **_list(
        _object(
            {
                "type": {"const": "url_citation"},
                "url_citation": _object({"start_index": _COUNT, "end_index": _COUNT, "title": _STRING, "url": _STRING}),
            }
        )
    ),
    "description": "where the text cites a source, in code points; in a stream on the chunk with the finish_reason",
}
_MESSAGE = _object(
    {"role": {"const": "assistant"}, "content": _OPTIONAL_STRING, "refusal": {"type": "null"}},
    {"reasoning_content": _STRING, "tool_calls": _list(_CALL), "annotations": _ANNOTATIONS},
)
_DELTA = _object(
    {},
    {
        "role": {"const": "assistant"},
        "content": _STRING,
        "reasoning_content": _STRING,
        "tool_calls": _list(_CALL_PIECE),
        "annotations": _ANNOTATIONS,
    },
)
_CHOICE = _object(
    {"index": _COUNT, "message": _MESSAGE, "logprobs": _LOGPROBS, "finish_reason": {"enum": _FINISH}},
)
_PIECE = _object(
    {"index": _COUNT, "delta": _DELTA, "logprobs": _LOGPROBS, "finish_reason": {"enum": [*_FINISH, None]}},
)
_USAGE = _object(
    {
        "prompt_tokens": _COUNT,
        "completion_tokens": _COUNT,
        "total_tokens": _COUNT,
        "prompt_tokens_details": _object({"cached_tokens": _COUNT}),
    },
    description="in a stream on its last chunk, or on one of its own where stream_options.include_usage asks for it",
)
_RETRIEVAL = _object(
    {
        "status": {"enum": ["ok", "empty"]},
        "mode": {"enum": ["hybrid", "keyword"]},
        "query": _STRING,
        "k": _COUNT,
        "ms": {"type": "number"},
    },
    description="when the user's documents were searched",
)
_SCORE = {"type": "number", "description": "relevance, 0 to 1"}
_SOURCE = _object(
    {
        "index": {"type": "integer", "minimum": 1, "description": "the number that the answer cites it by"},
        "document_id": _STRING,
        "title": _STRING,
        "path": _STRING,
        "page": {"type": ["integer", "null"], "description": "from 1, where it begins"},
        "last_page": {"type": ["integer", "null"], "description": "where it ends"},
        "heading": {**_OPTIONAL_STRING, "description": "the part of the document that it stands in"},
        "chunk_id": _STRING,
        "score": _SCORE,
        "snippet": {"type": "string", "description": "its beginning"},
        "url": {"type": "string", "description": "opens the passage on this server"},
    }
)
_DEBUG = _object(
    {
        "hits": _list(_object({"chunk_id": _STRING, "score": _SCORE, "used": {"type": "boolean"}})),
        "budget": _object(
            {
                "context": _OPTIONAL_COUNT,
                "prompt_tokens": _OPTIONAL_COUNT,
                "passages_tokens": _OPTIONAL_COUNT,
                "max_tokens": _OPTIONAL_COUNT,
            }
        ),
        "prompt": {**_list({"type": "object"}), "description": "the messages as the engine was sent them"},
    },
    description="when metadata.debug asks for it",
)
_BESIDES: Json = {
    "sources": {**_list(_SOURCE), "description": "the passages in the prompt, when the user's documents were searched"},
    "retrieval": _RETRIEVAL,
    "truncation": _object({"dropped_messages": _COUNT}),
    "debug": _DEBUG,
}


def _answer(kind: str, choice: Json, **fields: Json) -> Json:
    required = {
        "id": _STRING,
        "object": {"const": kind},
        "created": {"type": "integer", "description": "seconds since 1970"},
        "model": {"type": "string", "description": "the model that answers"},
        "system_fingerprint": {"type": "string", "description": "changes when the same request could give another text"},
        "choices": _list(choice),
    }
    return _object({**required, **fields}, _BESIDES)


_CHUNK = _answer("chat.completion.chunk", _PIECE)
_CHUNK["properties"]["usage"] = _ref("Usage")

LOAD: Final = _object(
    {
        "id": _STRING,
        "state": {"enum": ["unloaded", "loading", "loaded", "failed"]},
        "progress": {
            "type": ["number", "null"],
            "minimum": 0,
            "exclusiveMaximum": 1,
            "description": "how far it is, as a share; null while it does not load, or where nothing is known",
        },
        "loading_seconds": {"type": ["number", "null"], "description": "since when it loads; null while it does not"},
        "reason": {"type": ["string", "null"], "description": "why it failed, or what it waits for"},
        "memory": {"type": ["integer", "null"], "description": "bytes that it takes at most, or would take"},
        "users": {"type": "integer", "minimum": 0, "description": "requests that use it, or wait for it"},
    }
)

_HEALTH = _object(
    {"status": {"type": "string", "description": "ok, draining, or the engine's state"}},
    {
        "version": _STRING,
        "uptime": {"type": "number", "description": "seconds"},
        "engine": _object(
            {
                "state": {"enum": ["starting", "ready", "restarting", "failed", "stopped"]},
                "kind": _STRING,
                "version": _STRING,
                "restarts": _COUNT,
                "reason": _OPTIONAL_STRING,
            }
        ),
        "model": {"anyOf": [_ref("Model"), {"type": "null"}]},
        "models": _list(LOAD),
        "memory": _ref("ModelMemory"),
        "queue": _object({"working": _COUNT, "waiting": _COUNT}),
    },
    description="to whoever comes without a key, where one is asked for, the status alone",
)

# Of a stream, OpenAPI before 3.2 describes each event.
_EVENT_DATA: Json = {
    "type": "string",
    "anyOf": [
        {"const": "[DONE]"},
        {"contentMediaType": "application/json", "contentSchema": {"anyOf": [_ref("ChatChunk"), _ref("Error")]}},
    ],
}

SCHEMAS: Json = {
    "ChatCompletion": _answer("chat.completion", _CHOICE, usage=_ref("Usage")),
    "ChatChunk": _CHUNK,
    "ChatEvent": _object({"data": _EVENT_DATA}),
    "Usage": _USAGE,
    "Model": _object(
        {"id": _STRING, "object": {"const": "model"}, "created": _INTEGER, "owned_by": _STRING},
        {
            "context_length": {"type": ["integer", "null"], "description": "tokens of one request"},
            "slots": {"type": "integer", "description": "requests worked on at once"},
            "size": {"type": ["integer", "null"], "description": "bytes on disk"},
            "loaded": {"type": "boolean", "description": "false: it is loaded when it is used"},
        },
    ),
    "ModelMemory": _object(
        {"budget": _OPTIONAL_COUNT, "taken": _OPTIONAL_COUNT},
        description="bytes that all models may take, and that the loaded ones do at most; null where that is not ours",
    ),
    "ModelList": _object({"object": {"const": "list"}, "data": _list(_ref("Model"))}),
    "Alive": _object({"status": {"const": "ok"}}),
    "Health": _object({"success": {"const": True}, "code": {"const": 0}, "message": {"const": "success"}, "data": _HEALTH}),
    "Error": _object(
        {
            "success": {"const": False},
            "message": _STRING,
            "code": {"type": "integer", "description": "the HTTP status"},
            "error": _object({"message": _STRING, "type": _STRING, "param": _OPTIONAL_STRING, "code": _OPTIONAL_STRING}),
        },
        description="Both contracts in one: the Local Chat API's fields, and OpenAI's `error`.",
    ),
}

REQUEST_EXAMPLE: Json = {
    "messages": [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "Tell me about artificial intelligence."},
    ],
    "stream": True,
}
STREAM_EXAMPLE: Final = (
    'data: {"id": "chatcmpl-123", "object": "chat.completion.chunk", "created": 1677652288, "model": "gpt-3.5-turbo", '
    '"system_fingerprint": "fp_44709d6fcb", "choices": [{"index": 0, "delta": {"content": "Hello"}, "logprobs": null, '
    '"finish_reason": null}]}\n\ndata: [DONE]\n\n'
)
