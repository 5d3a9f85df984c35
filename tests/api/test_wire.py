"""Every field of a chat body: what is refused, with which words, and what is taken although it looks odd."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.server import Running
from tests.clients.wire import CHAT_ROUTES, has_both_shapes, post

from mecum.api.metadata import Metadata
from mecum.api.parse import OPENAI, parse_chat, to_request
from mecum.api.wire import ChatBody
from mecum.errors import InvalidRequest
from mecum.types import Json

CANARY = "xylophone-4711"  # stands for what a user wrote: no error and no log may repeat it
HI = {"role": "user", "content": "hi"}
FUNCTION = {"type": "function", "function": {"name": "f"}}
ROLES = '"system", "developer", "user", "assistant" or "tool"'
NAME = "a name of 1 to 64 letters, digits, '_', '.' or '-'"
CONTENT = "a string or a list of at most 4096 content parts"
BIASES = "an object of at most 1024 entries, from a token's id to a number from -100 to 100"
FORMATS = '"text", "json_object" or "json_schema"'
CHOICES = '"none", "auto", "required" or an object that names a function'
ID = "a string of at most 256 characters"
STOP = "a string of 1 to 1024 characters or a list of at most 16 items"
SCHEMA = "response_format.json_schema.schema"

COLLECTIONS = " must be a list of at most 64 names, each of 1 to 128 characters, or a string with commas."
TOP_K = " must be a whole number from 1 to 50."
SCORE = " must be a number from 0 to 1."


def _deep(levels: int) -> Json:
    schema: Json = {}
    for _ in range(levels - 1):
        schema = {"items": schema}
    return schema


def _said(*messages: Any) -> Json:
    return {"messages": list(messages)}


def _content(*parts: Any) -> Json:
    return _said({"role": "user", "content": list(parts)})


def _tool(parameters: Any) -> Json:
    return {"type": "function", "function": {"name": "f", "parameters": parameters}}


def _format(schema: Any) -> Json:
    return {"response_format": {"type": "json_schema", "json_schema": {"schema": schema}}}


# What is sent, the field's path, and the message behind it.
FAULTS: list[tuple[Json, str, str]] = [
    ({"messages": None}, "messages", " must be a list of 1 to 4096 messages."),
    (_said(), "messages", " must be a list of 1 to 4096 messages."),
    (_said(*[HI] * 4097), "messages", " must be a list of 1 to 4096 messages."),
    ({"messages": CANARY}, "messages", " must be a list of 1 to 4096 messages."),
    ({"messages": {CANARY: CANARY}}, "messages", " must be a list of 1 to 4096 messages."),
    (_said(HI, CANARY), "messages.1", " must be an object."),
    (_said({"content": CANARY}), "messages.0.role", f" is missing: it must be {ROLES}."),
    (_said({"role": CANARY, "content": CANARY}), "messages.0.role", f" must be {ROLES}."),
    (_said({"role": "user", "content": 5}), "messages.0.content", f" must be {CONTENT}."),
    (_said({"role": "user", "content": {"str": CANARY}}), "messages.0.content", f" must be {CONTENT}."),
    (_said({"role": "user"}), "messages.0.content", " is missing: a user message needs it."),
    (_said(HI, {"role": "system", "content": None}), "messages.1.content", " is missing: a system message needs it."),
    (_content(CANARY), "messages.0.content.0", " must be an object."),
    (_content(*[{"type": "text", "text": CANARY}] * 4097), "messages.0.content", f" must be {CONTENT}."),
    (_content({"text": CANARY}), "messages.0.content.0.type", ' is missing: it must be "text", "image_url" or "refusal".'),
    (_content({"type": CANARY}), "messages.0.content.0.type", ' must be "text", "image_url" or "refusal".'),
    (_content({"type": "text"}), "messages.0.content.0.text", " is missing: it must be a string."),
    (_content({"type": "text", "text": 5}), "messages.0.content.0.text", " must be a string."),
    (_content({"type": "refusal", "refusal": 5}), "messages.0.content.0.refusal", " must be a string."),
    (_content({"type": "image_url", "image_url": 5}), "messages.0.content.0.image_url", " must be an object."),
    (
        _content({"type": "image_url", "image_url": {"url": f"http://{CANARY}"}}),
        "messages.0.content.0.image_url.url",
        " must be the image itself, as data:image/png;base64,….",
    ),
    (
        _content({"type": "image_url", "image_url": {"url": "data:image/png;base64,", "detail": CANARY}}),
        "messages.0.content.0.image_url.detail",
        ' must be "auto", "low" or "high".',
    ),
    (_said({**HI, "name": CANARY * 20}), "messages.0.name", " must be a string of at most 256 characters."),
    (_said({**HI, "tool_calls": CANARY}), "messages.0.tool_calls", " must be a list of at most 128 items."),
    (
        _said({**HI, "tool_calls": [{"id": "1", "function": {"name": "f"}}]}),
        "messages.0.tool_calls",
        " must be left out: a user message has no tool_calls, only an assistant's has.",
    ),
    (
        _said({"role": "assistant", "tool_calls": [{"id": "", "function": {"name": "f"}}]}),
        "messages.0.tool_calls.0.id",
        " must be a string of 1 to 256 characters.",
    ),
    (
        _said({"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": f"{CANARY} f"}}]}),
        "messages.0.tool_calls.0.function.name",
        f" must be {NAME}.",
    ),
    (
        _said({"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": {}}}]}),
        "messages.0.tool_calls.0.function.arguments",
        " must be a string.",
    ),
    (_said({"role": "tool", "content": CANARY, "tool_call_id": 5}), "messages.0.tool_call_id", f" must be {ID}."),
    (
        _said({"role": "tool", "content": CANARY}),
        "messages.0.tool_call_id",
        " is missing: a tool message needs it, the id of the call that it answers.",
    ),
    ({"metadata": CANARY}, "metadata", " must be an object."),
    ({"metadata": {"enable_l0_retrieval": CANARY}}, "metadata.enable_l0_retrieval", " must be true or false."),
    ({"metadata": {"enable_l0_retrieval": 2}}, "metadata.enable_l0_retrieval", " must be true or false."),
    ({"metadata": {"enable_l0_retrieval": "yes"}}, "metadata.enable_l0_retrieval", " must be true or false."),
    ({"metadata": {"role_id": 5}}, "metadata.role_id", " must be a string of at most 128 characters."),
    ({"metadata": {"role_id": CANARY * 10}}, "metadata.role_id", " must be a string of at most 128 characters."),
    ({"metadata": {"truncation": CANARY}}, "metadata.truncation", ' must be "auto" or "off".'),
    ({"metadata": {"debug": CANARY}}, "metadata.debug", " must be true or false."),
    ({"metadata": {"collections": 5}}, "metadata.collections", COLLECTIONS),
    ({"metadata": {"collections": [CANARY, ""]}}, "metadata.collections", COLLECTIONS),
    ({"metadata": {"collections": [5]}}, "metadata.collections", COLLECTIONS),
    ({"metadata": {"collections": [CANARY * 10]}}, "metadata.collections", COLLECTIONS),
    ({"metadata": {"collections": CANARY * 10}}, "metadata.collections", COLLECTIONS),
    ({"metadata": {"collections": [CANARY] * 65}}, "metadata.collections", COLLECTIONS),
    *(({"metadata": {"top_k": k}}, "metadata.top_k", TOP_K) for k in (0, 51, 1.5, True, CANARY, "0", "51", "1e1", [])),
    *(({"metadata": {"min_score": s}}, "metadata.min_score", SCORE) for s in (-0.1, 1.1, True, CANARY, "-0.1", "1.1", [])),
    ({"model": 5}, "model", " must be a string of at most 256 characters."),
    ({"model": CANARY * 20}, "model", " must be a string of at most 256 characters."),
    ({"stream": CANARY}, "stream", " must be true or false."),
    ({"stream_options": CANARY}, "stream_options", " must be an object."),
    ({"stream_options": {"include_usage": CANARY}}, "stream_options.include_usage", " must be true or false."),
    ({"temperature": CANARY}, "temperature", " must be a number from 0 to 2."),
    ({"temperature": "0.5"}, "temperature", " must be a number from 0 to 2."),
    ({"temperature": True}, "temperature", " must be a number from 0 to 2."),
    ({"temperature": -0.001}, "temperature", " must be a number from 0 to 2."),
    ({"temperature": 2.001}, "temperature", " must be a number from 0 to 2."),
    ({"top_p": 0}, "top_p", " must be a number above 0 and at most 1."),
    ({"top_p": 1.001}, "top_p", " must be a number above 0 and at most 1."),
    ({"top_k": -1}, "top_k", " must be a whole number from 0 to 100000."),
    ({"min_p": 1.5}, "min_p", " must be a number from 0 to 1."),
    ({"chat_template_kwargs": []}, "chat_template_kwargs", " must be an object."),
    ({"chat_template_kwargs": {"enable_thinking": "no"}}, "chat_template_kwargs.enable_thinking", " must be true or false."),
    ({"repeat_penalty": 0}, "repeat_penalty", " must be a number above 0 and at most 2."),
    ({"max_tokens": 0}, "max_tokens", " must be a whole number from 1 to 2147483647."),
    ({"max_tokens": 1.5}, "max_tokens", " must be a whole number from 1 to 2147483647."),
    ({"max_tokens": True}, "max_tokens", " must be a whole number from 1 to 2147483647."),
    ({"max_tokens": 2**31}, "max_tokens", " must be a whole number from 1 to 2147483647."),
    ({"max_completion_tokens": CANARY}, "max_completion_tokens", " must be a whole number from 1 to 2147483647."),
    ({"stop": 5}, "stop", f" must be {STOP}."),
    ({"stop": [CANARY] * 17}, "stop", f" must be {STOP}."),
    ({"stop": [5]}, "stop.0", " must be a string of 1 to 1024 characters."),
    ({"stop": [CANARY, ""]}, "stop.1", " must be a string of 1 to 1024 characters."),
    ({"seed": CANARY}, "seed", f" must be a whole number from {-(2**63)} to {2**63 - 1}."),
    ({"seed": 2**63}, "seed", f" must be a whole number from {-(2**63)} to {2**63 - 1}."),
    ({"seed": -(2**63) - 1}, "seed", f" must be a whole number from {-(2**63)} to {2**63 - 1}."),
    ({"seed": 2**200}, "seed", f" must be a whole number from {-(2**63)} to {2**63 - 1}."),
    ({"n": 0}, "n", " must be a whole number from 1 to 128."),
    ({"n": 129}, "n", " must be a whole number from 1 to 128."),
    ({"n": 5}, "n", " is at most 4 here: the engine has 4 slots."),
    ({"presence_penalty": 2.5}, "presence_penalty", " must be a number from -2 to 2."),
    ({"frequency_penalty": CANARY}, "frequency_penalty", " must be a number from -2 to 2."),
    ({"logit_bias": CANARY}, "logit_bias", f" must be {BIASES}."),
    ({"logit_bias": {"5": 100.5}}, "logit_bias", f" must be {BIASES}."),
    ({"logit_bias": {CANARY: 1}}, "logit_bias", f" must be {BIASES}."),
    ({"logit_bias": {str(token): 1 for token in range(1025)}}, "logit_bias", f" must be {BIASES}."),
    ({"logprobs": CANARY}, "logprobs", " must be true or false."),
    ({"top_logprobs": 21, "logprobs": True}, "top_logprobs", " must be a whole number from 0 to 20."),
    ({"top_logprobs": 2}, "top_logprobs", " needs logprobs to be true."),
    ({"tools": CANARY}, "tools", " must be a list of at most 128 tools."),
    ({"tools": [FUNCTION] * 129}, "tools", " must be a list of at most 128 tools."),
    ({"tools": [CANARY]}, "tools.0", " must be an object."),
    ({"tools": [{"type": CANARY}]}, "tools.0.type", ' must be "function".'),
    ({"tools": [{"type": "function"}]}, "tools.0.function", " is missing: it must be an object."),
    ({"tools": [{"type": "function", "function": {"name": ""}}]}, "tools.0.function.name", f" must be {NAME}."),
    ({"tools": [_tool(CANARY)]}, "tools.0.function.parameters", " must be an object."),
    (
        {"tools": [FUNCTION, _tool(_deep(33))]},
        "tools.1.function.parameters",
        " must not be nested more than 32 levels deep.",
    ),
    ({"tool_choice": 5}, "tool_choice", f" must be {CHOICES}."),
    ({"tool_choice": CANARY}, "tool_choice", f" must be {CHOICES}."),
    ({"tool_choice": {"type": "function"}}, "tool_choice.function", " is missing: it must be an object."),
    ({"tool_choice": {"type": "function", "function": {"name": 5}}}, "tool_choice.function.name", f" must be {NAME}."),
    ({"tool_choice": "required"}, "tool_choice", " needs tools."),
    (
        {"tools": [FUNCTION], "tool_choice": {"type": "function", "function": {"name": CANARY}}},
        "tool_choice.function.name",
        " must name one of the tools.",
    ),
    ({"parallel_tool_calls": CANARY}, "parallel_tool_calls", " must be true or false."),
    ({"response_format": CANARY}, "response_format", " must be an object."),
    ({"response_format": {}}, "response_format.type", f" is missing: it must be {FORMATS}."),
    ({"response_format": {"type": CANARY}}, "response_format.type", f" must be {FORMATS}."),
    ({"response_format": {"type": "json_schema"}}, "response_format.json_schema", " is missing: it must be an object."),
    ({"response_format": {"type": "json_schema", "json_schema": {}}}, SCHEMA, " is missing: it must be an object."),
    (_format(CANARY), SCHEMA, " must be an object."),
    (_format(_deep(33)), SCHEMA, " must not be nested more than 32 levels deep."),
    (_format({"description": CANARY * 5000}), SCHEMA, " must not be larger than 64 KiB."),
    ({"reasoning_effort": CANARY}, "reasoning_effort", ' must be "none", "minimal", "low", "medium", "high" or "xhigh".'),
    ({"modalities": [CANARY]}, "modalities.0", ' must be "text".'),
    ({"modalities": ["text", "text"]}, "modalities", ' must be the list ["text"].'),
]  # fmt: skip


@pytest.mark.parametrize("path", CHAT_ROUTES)
def test_every_fault_is_a_400_that_names_the_field_and_what_is_allowed(
    server: Running, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    for fields, param, message in FAULTS:
        answer = post(server.url, path, {"messages": [HI], **fields})
        error = has_both_shapes(answer, 400)
        assert (error["param"], error["message"]) == (param, param + message)
        assert error["type"] == "invalid_request_error"
        assert CANARY.encode() not in answer.body
    assert server.engine.prompts == []
    assert server.idle
    assert CANARY not in caplog.text


def test_every_field_has_a_row() -> None:
    sent = {field for fields, _, _ in FAULTS for field in fields}
    assert sent == set(ChatBody.model_fields)
    told = {param for _, param, _ in FAULTS}
    assert {f"metadata.{field}" for field in Metadata.model_fields} <= told


def test_no_messages_at_all(server: Running) -> None:
    error = has_both_shapes(post(server.url, CHAT_ROUTES[0], {}), 400)
    assert error["message"] == "messages is missing: it must be a list of 1 to 4096 messages."


def test_the_first_of_many_faults_is_told() -> None:
    with pytest.raises(InvalidRequest, match=r"^messages\.0\.content\.1\.type must be"):
        parse_chat(
            {"messages": [{"role": "user", "content": [{"type": "text", "text": ""}, {"type": "x"}]}], "n": 0, "seed": "x"}
        )


@pytest.mark.parametrize(
    "fields",
    [
        {"user": 5, "store": [], "service_tier": {}, "prediction": 1, "safety_identifier": 2, "prompt_cache_key": 3},
        {"verbosity": "high", "modalities": ["text"], "parallel_tool_calls": False, "unheard_of": {"a": [1]}},
        {field: None for field in ChatBody.model_fields if field != "messages"},
        {"metadata": {"role_id": None, "enable_l0_retrieval": None, "truncation": None, "session": "x"}},
        {"metadata": {"role_id": ""}},
        {"metadata": {"collections": None, "top_k": None, "min_score": None, "debug": None}},
        {"metadata": {"collections": [], "top_k": 50, "min_score": 0, "debug": 0}},
        {"tools": [], "tool_choice": "auto"},
        {"tool_choice": "none"},
        {"logprobs": True, "top_logprobs": 0},
        {"response_format": {"type": "text"}},
        {"reasoning_effort": "low"},
        {"stop": []},
        {"temperature": 0},
        {"temperature": 2},
        _format(_deep(32)),
    ],
)  # fmt: skip
def test_what_is_tolerated(server: Running, fields: Json) -> None:
    answer = post(server.url, "/v1/chat/completions", {"messages": [HI], **fields, "stream": False})
    assert answer.status == 200, answer.body


@pytest.mark.parametrize("meant", [True, False])
def test_booleans_may_come_as_strings_and_numbers(meant: bool) -> None:
    for sent in ("true", "True ", "1", 1, 1.0, True) if meant else ("false", "FALSE", "0", 0, 0.0, False):
        body = parse_chat({"messages": [HI], "stream": sent, "metadata": {"enable_l0_retrieval": sent}})
        assert body.stream is meant
        assert body.metadata is not None
        assert body.metadata.enable_l0_retrieval is meant


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ({"collections": "a, b,,"}, {"collections": ("a", "b")}),
        ({"collections": ""}, {"collections": ()}),
        ({"collections": ["a, b"]}, {"collections": ("a, b",)}),
        ({"top_k": "5"}, {"top_k": 5}),
        ({"top_k": " 50 "}, {"top_k": 50}),
        ({"top_k": 5.0}, {"top_k": 5}),
        ({"min_score": "0.3"}, {"min_score": 0.3}),
        ({"min_score": ".5"}, {"min_score": 0.5}),
        ({"min_score": "1"}, {"min_score": 1.0}),
        ({"min_score": 1}, {"min_score": 1.0}),
        ({"debug": "1"}, {"debug": True}),
        ({"debug": "FALSE"}, {"debug": False}),
        ({}, {"collections": (), "top_k": None, "min_score": None, "debug": False}),
    ],
)
def test_metadata_may_come_as_strings(sent: Json, meant: Json) -> None:
    request = to_request(parse_chat({"messages": [HI], "metadata": sent}), OPENAI)
    assert {name: getattr(request, name) for name in meant} == meant


def test_a_whole_number_may_have_a_point() -> None:
    body = parse_chat({"messages": [HI], "max_tokens": 5.0, "seed": -3.0})
    assert (body.max_tokens, body.seed) == (5, -3)
    assert isinstance(body.max_tokens, int)
