"""`wire.md`, "Errors": every status in both shapes, and what a stream says that breaks off."""

from __future__ import annotations

import http.client
from typing import Any

import pytest
from tests.clients.server import Server
from tests.clients.wire import (
    CHAT_ROUTES,
    KERNEL2,
    OPENAI_ROUTES,
    V1,
    Json,
    asks,
    check_shapes,
    has_both_shapes,
    post,
    request,
)

HI = {"role": "user", "content": "hi"}
FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
LOOK_AHEAD = {"type": "object", "properties": {"a": {"type": "string", "pattern": "(?=x)x"}}}


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"hi"', b"\xff\xfe", b'{"messages": [{"role": "user"', b"NaN"])
def test_what_is_not_a_json_object(scripted: Server, path: str, body: bytes) -> None:
    error = has_both_shapes(post(scripted.url, path, body), 400)
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"role": "king", "content": "hi"}]}, "messages"),
        ({"messages": [{"content": "hi"}]}, "messages"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "smell"}]}]}, "messages"),
        ({"messages": [HI, {"role": "tool", "content": "noon"}]}, "messages"),
        ({"stream": "sometimes"}, "stream"),
        ({"model": 5}, "model"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": "warm"}, "temperature"),
        ({"top_p": 1.5}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": -5}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_completion_tokens": 0}, "max_completion_tokens"),
        ({"n": 0}, "n"),
        ({"n": 1000}, "n"),
        ({"presence_penalty": 3}, "presence_penalty"),
        ({"frequency_penalty": -3}, "frequency_penalty"),
        ({"top_logprobs": 21, "logprobs": True}, "top_logprobs"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"logit_bias": {"5": 101}}, "logit_bias"),
        ({"logit_bias": [5]}, "logit_bias"),
        ({"stop": [str(number) for number in range(17)]}, "stop"),
        ({"stop": [5]}, "stop"),
        ({"seed": "x"}, "seed"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": [FUNCTION], "tool_choice": {"type": "function", "function": {"name": "g"}}}, "tool_choice"),
        ({"response_format": {"type": "poem"}}, "response_format"),
        ({"response_format": {"type": "json_schema"}}, "response_format"),
        ({"stream_options": "usage"}, "stream_options"),
        ({"metadata": "x"}, "metadata"),
        ({"metadata": {"role_id": 5}}, "metadata.role_id"),
        ({"metadata": {"role_id": "x" * 129}}, "metadata.role_id"),
        ({"metadata": {"truncation": "all"}}, "metadata.truncation"),
    ],
)
def test_faults_in_the_input(scripted: Server, path: str, fields: Json, param: str) -> None:
    error = has_both_shapes(post(scripted.url, path, {"messages": [HI], **fields}), 400)
    assert error["type"] == "invalid_request_error"
    assert (error["param"] or "").startswith(param), error


def test_messages_are_required(scripted: Server) -> None:
    assert has_both_shapes(post(scripted.url, KERNEL2, {}), 400)["param"] == "messages"


@pytest.mark.parametrize(
    "fields",
    [
        {"response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": LOOK_AHEAD}}},
        {"stream": True, "logprobs": True, "tools": [FUNCTION]},
    ],
)
def test_what_cannot_be_honoured_is_refused(scripted: Server, fields: Json) -> None:
    assert has_both_shapes(post(scripted.url, V1, asks("hi", **fields)), 400)["code"] == "unsupported_parameter"


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize("stream", [True, False])
def test_too_long(scripted: Server, path: str, stream: bool) -> None:
    error = has_both_shapes(post(scripted.url, path, asks("word " * 9000, stream=stream)), 400)
    assert (error["code"], error["param"]) == ("context_length_exceeded", "messages")
    assert "9000" in error["message"]
    assert "8192" in error["message"]


def test_too_long_and_trimmed(scripted: Server) -> None:
    messages = [{"role": "user", "content": "word " * 9000}, {"role": "assistant", "content": "yes"}, HI]
    answer = post(scripted.url, V1, {"messages": messages, "metadata": {"truncation": "auto"}})
    assert answer.text() == "You said: hi"
    assert answer.json()["truncation"] == {"dropped_messages": 2}


@pytest.mark.parametrize("path", ["/", "/nowhere", "/v1/nowhere", "/api/kernel2", "/v1/chat/completions/"])
def test_unknown_routes(scripted: Server, path: str) -> None:
    if path == "/" and request(scripted.url, "GET", path).status == 200:
        return  # a page of ours
    assert has_both_shapes(request(scripted.url, "GET", path), 404)["code"] == "not_found"


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_wrong_methods(scripted: Server, path: str, method: str) -> None:
    answer = request(scripted.url, method, path)
    has_both_shapes(answer, 405)
    assert "POST" in answer.headers["allow"]


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
def test_other_types_of_body(scripted: Server, path: str, headers: dict[str, str]) -> None:
    has_both_shapes(request(scripted.url, "POST", path, b'{"messages": []}', headers), 415)


def test_json_with_a_charset_is_json(scripted: Server) -> None:
    answer = post(scripted.url, KERNEL2, asks("hi"), {"Content-Type": "Application/JSON; charset=UTF-8"})
    assert answer.text() == "You said: hi"


@pytest.mark.parametrize("path", CHAT_ROUTES)
def test_too_large(scripted: Server, path: str) -> None:
    has_both_shapes(post(scripted.url, path, b" " * (4 * 1024 * 1024 + 1)), 413)


@pytest.mark.parametrize("headers", [{"Host": "example.org"}, {"Origin": "https://example.org"}])
def test_strangers_are_refused(scripted: Server, headers: dict[str, str]) -> None:
    has_both_shapes(post(scripted.url, KERNEL2, asks("hi"), headers), 403)


def test_any_key_is_welcome_while_there_are_none(scripted: Server) -> None:
    assert post(scripted.url, V1, asks("hi"), {"Authorization": "Bearer anything"}).text() == "You said: hi"


# ---- the engine's faults, before the headers


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("code", "headers"),
    [
        (400, {}),
        (429, {"retry-after": "7"}),
        (500, {"x-should-retry": "false"}),
        (502, {}),
        (503, {"retry-after": "3"}),
    ],
)
def test_refusals_are_true_statuses(scripted: Server, path: str, stream: bool, code: int, headers: Json) -> None:
    answer = post(scripted.url, path, asks(f"!refuse {code}", stream=stream))
    has_both_shapes(answer, code)
    assert headers.items() <= answer.headers.items()
    assert answer.headers["x-request-id"]


def test_an_unexpected_error_tells_nothing_of_the_inside(scripted: Server) -> None:
    answer = post(scripted.url, V1, asks("!refuse 500"))
    error = has_both_shapes(answer, 500)
    assert error["code"] == "internal_error"
    assert b"Traceback" not in answer.body
    assert b"RuntimeError" not in answer.body


# ---- and after them


def _broken(server: Server, path: str, script: str) -> tuple[list[Json], Json]:
    return post(server.url, path, asks(script, stream=True)).failure()


@pytest.mark.parametrize("path", OPENAI_ROUTES)
def test_openai_routes_break_off_without_choices(scripted: Server, path: str) -> None:
    chunks, failed = _broken(scripted, path, "!say one\n!wait 0.1\n!break")
    assert [chunk["choices"][0]["delta"].get("content") for chunk in chunks] == ["", "one"]
    assert "choices" not in failed
    assert check_shapes(failed, 502)["code"] == "engine_error"


def test_kernel2_breaks_off_with_choices(scripted: Server) -> None:
    chunks, failed = _broken(scripted, KERNEL2, "!say one\n!wait 0.1\n!break")
    assert [chunk["choices"][0]["delta"].get("content") for chunk in chunks] == ["", "one"]
    assert failed.pop("choices") == [{"index": 0, "delta": {}, "finish_reason": None}]
    assert check_shapes(failed, 502)["code"] == "engine_error"


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize(("refusal", "status"), [(400, 400), (429, 429), (500, 500), (503, 503)])
def test_a_late_refusal_is_an_event(scripted: Server, path: str, refusal: int, status: int) -> None:
    chunks, failed = _broken(scripted, path, f"!silent 1.2\n!refuse {refusal}")
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in chunks)
    assert ("choices" in failed) is (path == KERNEL2)
    failed.pop("choices", None)
    check_shapes(failed, status)


@pytest.mark.parametrize("path", CHAT_ROUTES)
def test_a_late_refusal_of_a_plain_request_is_a_status(scripted: Server, path: str) -> None:
    has_both_shapes(post(scripted.url, path, asks("!silent 1.2\n!refuse 503", stream=False)), 503)


@pytest.mark.parametrize("path", CHAT_ROUTES)
def test_a_plain_answer_that_breaks_off_is_an_error(scripted: Server, path: str) -> None:
    has_both_shapes(post(scripted.url, path, asks("!say one\n!break", stream=False)), 502)


def test_a_connection_serves_on_after_an_error(scripted: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", scripted.port, timeout=30)
    headers = {"Content-Type": "application/json"}
    statuses: list[Any] = []
    for body in (b"{", b'{"messages": [{"role": "user", "content": "hi"}]}', b"[]"):
        connection.request("POST", V1, body=body, headers=headers)
        response = connection.getresponse()
        response.read()
        statuses.append(response.status)
    connection.close()
    assert statuses == [400, 200, 400]
