"""The one place where other servers' errors become ours. `tests/engine/test_foreign.py` has a row for each server and kind.

llama.cpp, vLLM, Ollama, LM Studio and OpenAI all answer `{"error": {"message", "type", "code"?, "param"?}}`, with small
differences: Ollama's and LM Studio's `error` may be a plain string, vLLM's older versions put the fields at the top.
Whatever a body holds, what comes out is an error of ours: it is not trusted to have the right types.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NoReturn

import orjson

from mecum.errors import (
    ContextTooLong,
    EngineBroke,
    EngineRefused,
    InvalidRequest,
    MecumError,
    ModelLoading,
    ModelNotFound,
    QueueFull,
    RouteMissing,
)
from mecum.types import Json

MAX_MESSAGE = 500  # characters of a foreign message that we pass on
_TOO_LONG = re.compile(r"context (length|size|window)|maximum context|exceed_context", re.IGNORECASE)
_CONTEXT = re.compile(r"context\D{1,30}(\d+)", re.IGNORECASE)
_PROMPT = re.compile(
    r"(?:resulted in|passed|has|make|request|first|\() ?\(?(\d+)(?: input)? (?:tokens|in the messages)", re.IGNORECASE
)


def refuse(status: int, body: bytes, headers: Mapping[str, str]) -> NoReturn:
    """Raise what an HTTP answer other than 200 means. Names of headers are in lower case."""
    raise error_of(status, _error_object(body), retry_after=_seconds(headers.get("retry-after", "")))


def error_of(status: int, error: Json, *, retry_after: int = 1) -> MecumError:
    """Return our error for a foreign `error` object that came with an HTTP status (or inside a stream, then its code)."""
    message = _message(error)
    if status in (400, 413, 422):
        return _bad_request(error, message)
    if status in (401, 403):
        return EngineRefused("The engine refuses our key. Check engine.api_key (MECUM_ENGINE_API_KEY).")
    if status in (404, 405):
        return _not_found(error, message)
    if status == 429:
        return QueueFull("The engine has too many requests waiting.", retry_after=retry_after)
    if status == 503:
        return ModelLoading(f"The engine is not ready: {message}", retry_after=retry_after)
    return EngineBroke(f"The engine failed with status {status}: {message}")


def stream_error(error: object) -> MecumError:
    """Return our error for an `error` that came as an event: its `code`, where it is a number, stands for the status."""
    fields = error if isinstance(error, dict) else {"message": error}
    return error_of(_integer(fields.get("code")) or 500, fields)


def _bad_request(error: Json, message: str) -> MecumError:
    kind = f"{_text(error.get('type'))} {_text(error.get('code'))}"
    if "exceed_context" in kind or "context_length" in kind or _TOO_LONG.search(message):
        return ContextTooLong(
            prompt_tokens=_integer(error.get("n_prompt_tokens")) or _number(_PROMPT, message),
            context=_integer(error.get("n_ctx")) or _number(_CONTEXT, message),
        )
    return InvalidRequest(f"The engine refuses the request: {message}", param=_text(error.get("param")) or None)


def _not_found(error: Json, message: str) -> MecumError:
    if error.get("code") == "model_not_found" or "model" in message.lower():
        return ModelNotFound(f"The engine does not have that model: {message}", param="model")
    return RouteMissing(f"The engine has no such route. Check engine.base_url (it ends in /v1). It says: {message}")


def _error_object(body: bytes) -> Json:
    """Return the fields of an error, its `message` the whole body where that holds none."""
    whole = body.decode("utf-8", "replace")
    try:
        parsed: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {"message": whole}
    error = parsed.get("error", parsed) if isinstance(parsed, dict) else whole
    fields = error if isinstance(error, dict) else {"message": _text(error)}
    message = _text(fields.get("message")) or _text(fields.get("detail")) or whole
    return {**fields, "message": message}


def _message(error: Json) -> str:
    message = " ".join(_text(error.get("message")).split()) or "no reason given"
    return message if len(message) <= MAX_MESSAGE else message[:MAX_MESSAGE] + " …"


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _number(pattern: re.Pattern[str], message: str) -> int | None:
    found = pattern.search(message)
    return int(found[1]) if found else None


def _seconds(value: str) -> int:
    """Return what a Retry-After header says; a date, or nonsense, is a second."""
    return int(value) if re.fullmatch(r"[0-9]{1,6}", value) else 1
