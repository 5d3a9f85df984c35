"""A row for each server and kind of error, with the bodies that they send; and whatever else may come."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mecum.engine.foreign import MAX_MESSAGE, error_of, refuse, stream_error
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

Row = tuple[int, object, type[MecumError]]
HTML = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


def error(message: str, **fields: Any) -> dict[str, Any]:
    return {"error": {"message": message, **fields}}


ROWS: dict[str, Row] = {
    # llama.cpp's server
    "llama.cpp, context": (
        400,
        error(
            "the request exceeds the available context size, try increasing it",
            code=400,
            type="exceed_context_size_error",
            n_prompt_tokens=5000,
            n_ctx=4096,
        ),
        ContextTooLong,
    ),
    "llama.cpp, request": (400, error("'messages' is required", code=400, type="invalid_request_error"), InvalidRequest),
    "llama.cpp, key": (401, error("Invalid API Key", code=401, type="authentication_error"), EngineRefused),
    "llama.cpp, route": (404, error("File Not Found", code=404, type="not_found_error"), RouteMissing),
    "llama.cpp, loading": (503, error("Loading model", code=503, type="unavailable_error"), ModelLoading),
    "llama.cpp, crash": (500, error("Failed to decode", code=500, type="server_error"), EngineBroke),
    "llama.cpp, cannot": (501, error("not supported", code=501, type="not_supported_error"), EngineBroke),
    # vLLM: new, then old with the fields at the top
    "vLLM, context": (
        400,
        error(
            "This model's maximum context length is 2048 tokens. However, your request has 5000 input tokens. Please reduce "
            "the length of the input messages.",
            type="BadRequestError",
            param="input_tokens",
            code=400,
        ),
        ContextTooLong,
    ),
    "vLLM, request": (
        400,
        {
            "object": "error",
            "message": "top_p must be in (0, 1], got 2.0.",
            "type": "BadRequestError",
            "param": "top_p",
            "code": 400,
        },
        InvalidRequest,
    ),
    "vLLM, fields": (422, {"detail": [{"loc": ["body", "messages"], "msg": "Field required"}]}, InvalidRequest),
    "vLLM, key": (401, {"error": "Unauthorized"}, EngineRefused),
    "vLLM, model": (404, error("The model `x` does not exist.", type="NotFoundError", param=None, code=404), ModelNotFound),
    "vLLM, route": (404, {"detail": "Not Found"}, RouteMissing),
    "vLLM, method": (405, {"detail": "Method Not Allowed"}, RouteMissing),
    "vLLM, crash": (500, error("EngineCore encountered an issue.", type="InternalServerError", code=500), EngineBroke),
    "vLLM, overload": (503, {"error": "The server is overloaded."}, ModelLoading),
    # Ollama
    "Ollama, request": (
        400,
        error("invalid character", type="invalid_request_error", param=None, code=None),
        InvalidRequest,
    ),
    "Ollama, model": (404, error('model "x" not found, try pulling it first', type="api_error"), ModelNotFound),
    "Ollama, model, native": (404, {"error": "model 'x' not found"}, ModelNotFound),
    "Ollama, route": (404, b"404 page not found", RouteMissing),
    "Ollama, busy": (503, {"error": "server busy, please try again.  maximum pending requests exceeded"}, ModelLoading),
    "Ollama, crash": (500, error("llama runner process has terminated", type="api_error"), EngineBroke),
    # LM Studio
    "LM Studio, context": (
        400,
        {
            "error": "Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with "
            "context length of only 4096 tokens, which is not enough."
        },
        ContextTooLong,
    ),
    "LM Studio, request": (400, {"error": "'messages' field is required"}, InvalidRequest),
    "LM Studio, model": (
        404,
        error('Model "x" not found', type="invalid_request_error", code="model_not_found"),
        ModelNotFound,
    ),
    # OpenAI
    "OpenAI, context": (
        400,
        error(
            "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens. Please "
            "reduce the length of the messages.",
            type="invalid_request_error",
            param="messages",
            code="context_length_exceeded",
        ),
        ContextTooLong,
    ),
    "OpenAI, request": (
        400,
        error("Invalid 'temperature'.", type="invalid_request_error", param="temperature"),
        InvalidRequest,
    ),
    "OpenAI, key": (
        401,
        error("Incorrect API key provided.", type="invalid_request_error", code="invalid_api_key"),
        EngineRefused,
    ),
    "OpenAI, country": (403, error("Country not supported", type="request_forbidden"), EngineRefused),
    "OpenAI, model": (404, error("The model `x` does not exist", code="model_not_found"), ModelNotFound),
    "OpenAI, route": (404, error("Invalid URL (POST /v1/x)", type="invalid_request_error"), RouteMissing),
    "OpenAI, limit": (429, error("Rate limit reached", type="tokens", code="rate_limit_exceeded"), QueueFull),
    "OpenAI, quota": (429, error("You exceeded your current quota", code="insufficient_quota"), QueueFull),
    "OpenAI, crash": (500, error("The server had an error", type="server_error"), EngineBroke),
    # mecum behind mecum
    "mecum, context": (
        400,
        error(ContextTooLong(prompt_tokens=5000, context=4096).message, code="context_length_exceeded"),
        ContextTooLong,
    ),
    # Whatever stands in front of them
    "proxy, too large": (413, HTML, InvalidRequest),
    "proxy, bad gateway": (502, HTML, EngineBroke),
    "proxy, unavailable": (503, HTML, ModelLoading),
    "proxy, timeout": (504, b"", EngineBroke),
    "proxy, elsewhere": (302, b"", EngineBroke),
    "teapot": (418, b"", EngineBroke),
    "nothing": (400, b"", InvalidRequest),
    "null": (400, b"null", InvalidRequest),
    "a list": (400, b'[{"error": "no"}]', InvalidRequest),
    "huge": (500, b"x" * 1_000_000, EngineBroke),
    "not UTF-8": (500, b"\xff\xfe", EngineBroke),
}


def refusal(status: int, body: object, **headers: str) -> MecumError:
    with pytest.raises(MecumError) as caught:
        refuse(status, body if isinstance(body, bytes) else json.dumps(body).encode(), headers)
    return caught.value


@pytest.mark.parametrize("name", ROWS)
def test_each_server_and_kind(name: str) -> None:
    status, body, expected = ROWS[name]
    found = refusal(status, body)
    assert type(found) is expected
    assert len(found.message) < MAX_MESSAGE + 200


@pytest.mark.parametrize(
    ("name", "tokens", "context"),
    [
        ("llama.cpp, context", 5000, 4096),
        ("vLLM, context", 5000, 2048),
        ("OpenAI, context", 9001, 8192),
        ("LM Studio, context", 5000, 4096),
        ("mecum, context", 5000, 4096),
    ],
)
def test_a_full_context_is_told_with_its_numbers(name: str, tokens: int, context: int) -> None:
    found = refusal(*ROWS[name][:2])
    assert isinstance(found, ContextTooLong)
    assert (found.prompt_tokens, found.context, found.param) == (tokens, context, "messages")


def test_the_servers_own_words_are_passed_on() -> None:
    assert refusal(*ROWS["vLLM, request"][:2]).param == "top_p"
    assert "top_p must be in (0, 1]" in refusal(*ROWS["vLLM, request"][:2]).message
    assert "Field required" in refusal(*ROWS["vLLM, fields"][:2]).message
    assert "502 Bad Gateway" in refusal(*ROWS["proxy, bad gateway"][:2]).message
    assert refusal(*ROWS["huge"][:2]).message.endswith(" …")
    assert "no reason given" in refusal(400, b"  \n").message


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7), ("0", 0), ("Wed, 21 Oct 2026 07:28:00 GMT", 1), ("1.5", 1), ("-3", 1), ("9" * 5000, 1), ("٣", 1)],
)
@pytest.mark.parametrize("status", [429, 503])
def test_when_to_come_back(status: int, value: str, seconds: int) -> None:
    found = refusal(status, error("later"), **{"retry-after": value})
    assert isinstance(found, QueueFull | ModelLoading)
    assert found.retry_after == seconds


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (error("Failed to decode", code=500, type="server_error"), EngineBroke),
        (
            error("the request exceeds the available context size", code=400, type="exceed_context_size_error"),
            ContextTooLong,
        ),
        (error("no such model", code=404), ModelNotFound),
        (error("slow down", code=429), QueueFull),
        (error("gone", code="server_error"), EngineBroke),
        ({"error": "it broke"}, EngineBroke),
        ({"error": ["it", "broke"]}, EngineBroke),
    ],
)
def test_errors_inside_a_stream(payload: dict[str, Any], expected: type[MecumError]) -> None:
    assert type(stream_error(payload["error"])) is expected


def test_every_status_means_something() -> None:
    assert all(isinstance(error_of(status, {}), MecumError) for status in range(200, 600))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["error", "message", "type", "code", "param", "detail", "n_ctx", "n_prompt_tokens"]), inner
        )
    ),
    max_leaves=12,
)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(status=st.sampled_from([400, 401, 404, 422, 429, 500, 503]), body=JSON)
def test_whatever_a_body_holds_it_becomes_an_error_of_ours(status: int, body: object) -> None:
    assert isinstance(refusal(status, body), MecumError)
    assert isinstance(stream_error(body), MecumError)


def test_a_deeply_nested_body_is_an_error_like_any_other() -> None:
    depth = 1000
    for field in ("message", "type", "code", "param"):
        body = f'{{"error": {{"{field}": {"[" * depth}{"]" * depth}}}}}'.encode()
        assert isinstance(refusal(400, body), InvalidRequest)
