"""The one place where other servers' errors become ours. `tests/engine/test_foreign.py` has a row for each server and kind.

llama.cpp, vLLM, Ollama, LM Studio and OpenAI all answer `{"error": {"message", "type", "code"?, "param"?}}`, with small
differences: Ollama's `error` may be a plain string, vLLM's older versions put the fields at the top.
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
)
from mecum.types import Json

MAX_MESSAGE = 500  # characters of a foreign message that we pass on
_CONTEXT = re.compile(r"context (length|size|window)|maximum context|exceed_context", re.IGNORECASE)


def refuse(status: int, body: bytes, headers: Mapping[str, str]) -> NoReturn:
    """Raise what an HTTP answer other than 200 means."""
    raise error_of(status, _error_object(body), retry_after=_seconds(headers.get("Retry-After")))


def error_of(status: int, error: Json, *, retry_after: int = 1) -> MecumError:
    """Return our error for a foreign `error` object that came with an HTTP status (or inside a stream, then its code)."""
    message = _message(error)
    if status in (400, 413, 422):
        return _bad_request(error, message)
    if status in (401, 403):
        return EngineRefused("The engine refuses our key. Check engine.api_key (MECUM_ENGINE_API_KEY).")
    if status == 404:
        return _not_found(error, message)
    if status == 429:
        return QueueFull("The engine has too many requests waiting.", retry_after=retry_after)
    if status == 503:
        return ModelLoading(f"The engine is not ready: {message}", retry_after=retry_after)
    return EngineBroke(f"The engine failed with status {status}: {message}")


def stream_error(error: object) -> MecumError:
    """Return our error for an `error` that came as an event: its `code`, where it is a number, stands for the status."""
    fields = error if isinstance(error, dict) else {"message": str(error)}
    code = fields.get("code")
    return error_of(code if isinstance(code, int) else 500, fields)


def _bad_request(error: Json, message: str) -> MecumError:
    kind = f"{error.get('type')} {error.get('code')}"
    if "exceed_context" in kind or "context_length" in kind or _CONTEXT.search(message):
        return ContextTooLong(prompt_tokens=_integer(error.get("n_prompt_tokens")), context=_integer(error.get("n_ctx")))
    param = error.get("param")
    return InvalidRequest(f"The engine refuses the request: {message}", param=param if isinstance(param, str) else None)


def _not_found(error: Json, message: str) -> MecumError:
    if error.get("code") == "model_not_found" or "model" in message.lower():
        return ModelNotFound(f"The engine does not have that model: {message}", param="model")
    return EngineRefused(f"The engine has no chat route at this address. Check engine.base_url (it ends in /v1). {message}")


def _error_object(body: bytes) -> Json:
    try:
        parsed: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {"message": body.decode("utf-8", "replace")}
    error = parsed.get("error", parsed) if isinstance(parsed, dict) else parsed
    return error if isinstance(error, dict) else {"message": str(error)}


def _message(error: Json) -> str:
    message = " ".join(str(error.get("message") or error.get("detail") or "no reason given").split())
    return message if len(message) <= MAX_MESSAGE else message[:MAX_MESSAGE] + " …"


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _seconds(value: str | None) -> int:
    return int(value) if value is not None and value.isdecimal() else 1
