"""From the bytes of a body to a ChatRequest. Whatever is wrong with them is an InvalidRequest that names the field.

Order (`rulings.md` 1): Content-Type, size cap, number of values, JSON, depth, fields. No body stops the event loop for more
than a quarter of a second (`security.md` 15; `tests/api/test_fuzz.py` tries the worst).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError
from starlette.requests import ClientDisconnect, Request

from mecum.api.faults import invalid
from mecum.api.metadata import Metadata
from mecum.api.together import check_together, depth
from mecum.api.wire import ChatBody, MessageBody
from mecum.chat.request import ChatRequest
from mecum.errors import BodyTooLarge, BodyTooSlow, InvalidRequest, UnsupportedMediaType
from mecum.types import Json, Message, Sampling

PATIENCE = 8  # times the limit; a body longer than that is cut off
MAX_VALUES = 100_000  # in a body: with a million, parsing alone would stop all streams for a second
MAX_DEPTH = 64  # nested arrays and objects in a body


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What a chat route takes for granted, and how it shapes an error in the middle of a stream."""

    stream: bool
    temperature: float
    model_temperature: bool  # a model's own default comes before it
    max_tokens: int | None
    model_fallback: bool
    error_has_choices: bool


# The Local Chat API's own defaults (`local-chat-api.md`), and OpenAI's.
LOCAL = Dialect(
    stream=True, temperature=0.1, model_temperature=False, max_tokens=2000, model_fallback=True, error_has_choices=True
)
OPENAI = Dialect(
    stream=False, temperature=1.0, model_temperature=True, max_tokens=None, model_fallback=False, error_has_choices=False
)


async def read_json(request: Request, *, limit: int, timeout: float) -> Json:
    """Return a request's body as a JSON object of at most `limit` bytes that arrives within `timeout` seconds.

    Raises:
        UnsupportedMediaType, BodyTooLarge, BodyTooSlow, InvalidRequest
    """
    _check_type(request.headers)
    try:
        async with asyncio.timeout(timeout):
            body = await _body(request, limit)
    except TimeoutError:
        raise BodyTooSlow(f"The body did not arrive within {timeout:g} seconds.") from None
    except ClientDisconnect:
        raise InvalidRequest("The client left before its body had arrived.") from None
    if len(body) > MAX_VALUES and values(body) > MAX_VALUES:
        raise InvalidRequest(f"The body has more than {MAX_VALUES} values.")
    try:
        parsed: Any = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(
            f"The body is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    if not isinstance(parsed, dict):
        raise InvalidRequest("The body must be a JSON object.")
    if depth(parsed) > MAX_DEPTH:
        raise InvalidRequest(f"The body is nested more than {MAX_DEPTH} levels deep.")
    return parsed


def parse_chat(content: Json) -> ChatBody:
    """Return the checked body of a chat request.

    Raises:
        InvalidRequest: naming the first field that is wrong, and how.
    """
    try:
        body = ChatBody.model_validate(content)
    except ValidationError as error:
        raise invalid(error, ChatBody) from None
    check_together(body)
    return body


def values(body: bytes) -> int:
    """Return how many values a JSON text has at most, about: its strings, and what stands between commas and brackets.

    Nothing is parsed, so it costs a few milliseconds for a megabyte, whatever the text is.
    """
    bare = body.replace(rb"\\", b"").replace(rb"\"", b"")  # every quote that is left begins or ends a string
    strings = bare.count(b'"') // 2
    if strings > MAX_VALUES:
        return strings
    outside = b"".join(bare.split(b'"')[::2])
    return strings + sum(map(outside.count, (b",", b"[", b"{")))


def to_request(body: ChatBody, dialect: Dialect) -> ChatRequest:
    """Return what the body asks for on a route of that dialect."""
    metadata = body.metadata or Metadata()
    return ChatRequest(
        messages=tuple(map(_message, body.messages)),
        sampling=_sampling(body),
        model=body.model or None,
        model_fallback=dialect.model_fallback,
        default_temperature=dialect.temperature,
        model_temperature=dialect.model_temperature,
        default_max_tokens=dialect.max_tokens,
        role_id=metadata.role_id or None,
        retrieval=metadata.enable_l0_retrieval,
        collections=tuple(metadata.collections or ()),
        top_k=metadata.top_k,
        min_score=metadata.min_score,
        debug=bool(metadata.debug),
        truncation=metadata.truncation or "off",
    )


def _check_type(headers: Mapping[str, str]) -> None:
    kind = headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/json":
        given = f"'{kind[:100]}'" if kind else "none"
        raise UnsupportedMediaType(f"Send the body with Content-Type: application/json (got {given}).")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("Send the body without a Content-Encoding.")


async def _body(request: Request, limit: int) -> bytes:
    """Return the body, or read on for a while and drop what comes: a client reads our answer only when it has sent all."""
    declared = int(request.headers.get("content-length", "0"))
    asks_first = declared > limit and "expect" in request.headers
    body, size = bytearray(), 0
    if declared <= PATIENCE * limit and not asks_first:
        async for chunk in request.stream():
            size += len(chunk)
            if size <= limit:
                body += chunk
            elif size > PATIENCE * limit:
                break
    if max(size, declared) > limit:
        raise BodyTooLarge(f"The body is larger than {limit / 1024 / 1024:g} MiB (server.max_body_mb).")
    return bytes(body)


def _message(body: MessageBody) -> Message:
    return Message(
        role="system" if body.role == "developer" else body.role,
        content=_content(body),
        name=body.name,
        tool_calls=tuple(call.model_dump() for call in body.tool_calls or ()),
        tool_call_id=body.tool_call_id,
        reasoning=(body.reasoning_content or body.reasoning) if body.role == "assistant" else None,
    )


def _content(body: MessageBody) -> str | tuple[Json, ...] | None:
    if body.content is None:
        return None if body.tool_calls else ""
    if isinstance(body.content, str):
        return body.content
    parts = [part.model_dump(exclude_none=True) for part in body.content]
    parts = [{"type": "text", "text": part["refusal"]} if part["type"] == "refusal" else part for part in parts]
    if all(part["type"] == "text" for part in parts):  # a plain string is what every chat template takes
        return "\n".join(part["text"] for part in parts)
    return tuple(parts)


def _sampling(body: ChatBody) -> Sampling:
    choice = body.tool_choice
    return Sampling(
        temperature=body.temperature,
        top_p=body.top_p,
        top_k=body.top_k,
        min_p=body.min_p,
        repeat_penalty=body.repeat_penalty,
        max_tokens=body.max_completion_tokens or body.max_tokens,
        stop=tuple(body.stop or ()),
        seed=body.seed,
        n=body.n or 1,
        presence_penalty=body.presence_penalty,
        frequency_penalty=body.frequency_penalty,
        logit_bias=body.logit_bias,
        logprobs=bool(body.logprobs),
        top_logprobs=body.top_logprobs,
        tools=tuple(tool.model_dump(exclude_none=True) for tool in body.tools or ()),
        tool_choice=choice if choice is None or isinstance(choice, str) else choice.model_dump(),
        parallel_tool_calls=body.parallel_tool_calls,
        response_format=_response_format(body),
        reasoning_effort=body.reasoning_effort,
        chat_template_kwargs=told.model_dump(exclude_none=True) or None if (told := body.chat_template_kwargs) else None,
    )


def _response_format(body: ChatBody) -> Json | None:
    if body.response_format is None or body.response_format.type == "text":
        return None
    return body.response_format.model_dump(by_alias=True, exclude_none=True)
