"""`wire.md`, "Routes": each route's defaults, model names, and what a request may carry."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest
from tests.clients.server import Server
from tests.clients.wire import (
    CHAT_ROUTES,
    KERNEL2,
    OPENAI_ROUTES,
    V1,
    Json,
    asks,
    has_both_shapes,
    post,
    request,
)

TINY_PNG = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)


def test_kernel2_streams_by_default(scripted: Server) -> None:
    answer = post(scripted.url, KERNEL2, asks("hello there"))
    assert answer.text() == "You said: hello there"


@pytest.mark.parametrize("path", OPENAI_ROUTES)
def test_openai_routes_are_plain_by_default(scripted: Server, path: str) -> None:
    answer = post(scripted.url, path, asks("hello there"))
    assert answer.json()["choices"][0]["message"]["content"] == "You said: hello there"


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize("stream", [True, False])
def test_stream_is_honoured_everywhere(scripted: Server, path: str, stream: bool) -> None:
    answer = post(scripted.url, path, asks("hi", stream=stream))
    assert answer.headers["content-type"].startswith("text/event-stream" if stream else "application/json")
    assert answer.text() == "You said: hi"


def test_kernel2_answers_at_most_2000_tokens_by_default(scripted: Server) -> None:
    answer = post(scripted.url, KERNEL2, asks("!words 2100"))
    assert len(answer.text().split()) == 2000
    assert answer.reasons() == ["length"]


@pytest.mark.parametrize("path", OPENAI_ROUTES)
def test_openai_routes_answer_to_the_end_by_default(scripted: Server, path: str) -> None:
    answer = post(scripted.url, path, asks("!words 2100"))
    assert len(answer.text().split()) == 2100
    assert answer.reasons() == ["stop"]


# ---- models


@pytest.mark.parametrize("name", ["gpt-3.5-turbo", "модель/ü 100%", "м" * 200])
def test_kernel2_falls_back_and_says_so(scripted: Server, name: str) -> None:
    answer = post(scripted.url, KERNEL2, asks("hi", model=name))
    asked = answer.headers["x-model-requested"]
    assert asked.isascii()
    assert len(asked) <= 256
    assert name.startswith(unquote(asked))
    assert {chunk["model"] for chunk in answer.chunks()} == {"scripted"}


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize("fields", [{}, {"model": "scripted"}, {"model": None}])
def test_no_fallback_no_header(scripted: Server, path: str, fields: Json) -> None:
    answer = post(scripted.url, path, asks("hi", stream=False, **fields))
    assert "x-model-requested" not in answer.headers
    assert answer.json()["model"] == "scripted"


@pytest.mark.parametrize("path", OPENAI_ROUTES)
@pytest.mark.parametrize("stream", [True, False])
def test_openai_routes_refuse_unknown_models(scripted: Server, path: str, stream: bool) -> None:
    error = has_both_shapes(post(scripted.url, path, asks("hi", model="gpt-3.5-turbo", stream=stream)), 404)
    assert (error["code"], error["param"], error["type"]) == ("model_not_found", "model", "invalid_request_error")
    assert "gpt-3.5-turbo" in error["message"]


@pytest.mark.parametrize("path", OPENAI_ROUTES)
def test_the_name_mecum_is_the_default_model(scripted: Server, path: str) -> None:
    assert post(scripted.url, path, asks("hi", model="mecum")).json()["model"] == "scripted"


def test_models_are_listed(scripted: Server) -> None:
    body = request(scripted.url, "GET", "/v1/models").json()
    assert body["object"] == "list"
    model = next(model for model in body["data"] if model["id"] == "scripted")
    assert model["object"] == "model"
    assert isinstance(model["created"], int)
    assert isinstance(model["owned_by"], str)
    assert request(scripted.url, "GET", "/v1/models/scripted").json() == model


def test_an_unknown_model_is_not_shown(scripted: Server) -> None:
    assert has_both_shapes(request(scripted.url, "GET", "/v1/models/nobody"), 404)["code"] == "model_not_found"


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/completions"])
def test_other_openai_routes_name_the_way_out(scripted: Server, path: str) -> None:
    error = has_both_shapes(post(scripted.url, path, {"model": "scripted", "input": "hi", "prompt": "hi"}), 404)
    assert V1 in error["message"]


# ---- what a request may carry


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize("value", [True, False, 0, 1, "true", "false", "True", None])
def test_metadata_booleans(scripted: Server, path: str, value: Any) -> None:
    answer = post(scripted.url, path, asks("hi", stream=False, metadata={"enable_l0_retrieval": value}))
    assert answer.text() == "You said: hi"
    on = value in (True, 1, "true", "True")
    assert ("retrieval" in answer.json()) is on


@pytest.mark.parametrize("value", ["maybe", 2, [], {}])
def test_other_values_are_not_booleans(scripted: Server, value: Any) -> None:
    error = has_both_shapes(post(scripted.url, KERNEL2, asks("hi", metadata={"enable_l0_retrieval": value})), 400)
    assert error["param"] == "metadata.enable_l0_retrieval"


@pytest.mark.parametrize("path", CHAT_ROUTES)
def test_an_empty_library_answers_normally(scripted: Server, path: str) -> None:
    answer = post(scripted.url, path, asks("hi", stream=True, metadata={"enable_l0_retrieval": "true"}))
    first, *rest = answer.chunks()
    assert first["retrieval"]["status"] == "empty"
    assert first["retrieval"]["mode"] in ("hybrid", "keyword")
    assert {"query", "k", "ms"} <= set(first["retrieval"])
    assert first["sources"] == []
    assert not any("retrieval" in chunk or "sources" in chunk for chunk in rest)
    assert answer.text() == "You said: hi"


@pytest.mark.parametrize("value", [None, ""])
def test_no_role(scripted: Server, value: str | None) -> None:
    assert post(scripted.url, KERNEL2, asks("hi", metadata={"role_id": value})).text() == "You said: hi"


@pytest.mark.parametrize("value", ["uuid-string", "5b3c1f0e-0000-4000-8000-000000000000", "x" * 128])
def test_an_unknown_role(scripted: Server, value: str) -> None:
    error = has_both_shapes(post(scripted.url, KERNEL2, asks("hi", metadata={"role_id": value})), 404)
    assert (error["code"], error["param"]) == ("role_not_found", "metadata.role_id")


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"max_tokens": 3}, 3),
        ({"max_completion_tokens": 3}, 3),
        ({"max_tokens": 5, "max_completion_tokens": 3}, 3),
        ({"max_tokens": 3, "max_completion_tokens": 5}, 5),
        ({"max_tokens": 3, "max_completion_tokens": None}, 3),
    ],
)
def test_the_newer_name_of_max_tokens_wins(scripted: Server, path: str, fields: Json, words: int) -> None:
    answer = post(scripted.url, path, asks("!words 9", stream=False, **fields))
    assert len(answer.text().split()) == words
    assert answer.reasons() == ["length"]


def test_max_tokens_beyond_the_context_is_clamped(scripted: Server) -> None:
    answer = post(scripted.url, V1, asks("!words 9000", max_tokens=1_000_000))
    assert answer.reasons() == ["length"]
    usage = answer.json()["usage"]
    assert usage["completion_tokens"] < 9000


@pytest.mark.parametrize("path", CHAT_ROUTES)
def test_content_parts(scripted: Server, path: str) -> None:
    parts = [{"type": "text", "text": "first"}, {"type": "text", "text": "second"}]
    text = post(scripted.url, path, asks(parts, stream=False)).text()
    assert text.startswith("You said: first")
    assert text.endswith("second")


def test_a_picture_is_refused_where_the_model_sees_none(scripted: Server) -> None:
    parts = [{"type": "text", "text": "what is it?"}, {"type": "image_url", "image_url": {"url": TINY_PNG}}]
    error = has_both_shapes(post(scripted.url, V1, asks(parts)), 400)
    assert error["code"] == "unsupported_parameter"
    assert error["param"].startswith("messages")


CALL = {"id": "call_1", "type": "function", "function": {"name": "clock", "arguments": "{}"}}


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize("empty", [{"content": None}, {"content": ""}, {}])
def test_a_turn_of_tool_calls_needs_no_content(scripted: Server, path: str, empty: Json) -> None:
    messages = [
        {"role": "user", "content": "time?"},
        {"role": "assistant", "tool_calls": [CALL], **empty},
        {"role": "tool", "tool_call_id": "call_1", "content": "noon"},
        {"role": "user", "content": "thanks"},
    ]
    assert post(scripted.url, path, {"messages": messages, "stream": False}).text() == "You said: thanks"


@pytest.mark.parametrize("path", CHAT_ROUTES)
def test_every_role_in_any_order(scripted: Server, path: str) -> None:
    messages = [
        {"role": "developer", "content": "be kind"},
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "one", "name": "ann"},
        {"role": "assistant", "content": "two"},
        {"role": "system", "content": "late"},
        {"role": "user", "content": "three"},
    ]
    assert post(scripted.url, path, {"messages": messages, "stream": False}).text().endswith("three")


@pytest.mark.parametrize("path", CHAT_ROUTES)
def test_ignored_and_unknown_fields(scripted: Server, path: str) -> None:
    ignored = {
        "user": "ann",
        "store": True,
        "service_tier": "auto",
        "parallel_tool_calls": True,
        "prediction": {"type": "content", "content": "x"},
        "modalities": ["text"],
        "safety_identifier": "ann",
        "prompt_cache_key": "k",
        "verbosity": "low",
        "something_new": {"a": [1]},
    }
    assert post(scripted.url, path, asks("hi", stream=False, **ignored)).text() == "You said: hi"


@pytest.mark.parametrize("path", CHAT_ROUTES)
def test_null_means_left_out(scripted: Server, path: str) -> None:
    names = (
        "temperature top_p max_tokens max_completion_tokens stop seed n tools tool_choice response_format logprobs "
        "top_logprobs logit_bias presence_penalty frequency_penalty stream_options metadata user"
    )
    nulls = dict.fromkeys(names.split())
    assert post(scripted.url, path, asks("hi", stream=False, **nulls)).text() == "You said: hi"


@pytest.mark.parametrize("model", ["mecum", "scripted", None])
def test_embeddings(scripted: Server, model: str | None) -> None:
    body = post(scripted.url, "/v1/embeddings", {"model": model, "input": ["hi", "there"]}).json()
    assert [(one["object"], one["index"], len(one["embedding"])) for one in body["data"]] == [
        ("embedding", 0, 64),
        ("embedding", 1, 64),
    ]
    assert (body["object"], body["model"]) == ("list", "scripted")
    assert body["usage"] == {"prompt_tokens": 2, "total_tokens": 2}


def test_embeddings_of_tokens_name_the_client_setting(scripted: Server) -> None:
    error = has_both_shapes(post(scripted.url, "/v1/embeddings", {"model": "mecum", "input": [[15339, 1917]]}), 400)
    assert error["param"] == "input"
    assert "check_embedding_ctx_length=False" in error["message"]


def test_embeddings_of_another_model(scripted: Server) -> None:
    error = has_both_shapes(post(scripted.url, "/v1/embeddings", {"model": "default", "input": "hi"}), 404)
    assert (error["code"], error["param"]) == ("model_not_found", "model")
