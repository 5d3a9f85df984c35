"""From bytes to a ChatRequest: what is no JSON, too large, too slow, too deep or of another type; and what fields become."""

from __future__ import annotations

import json
import re
import time

import pytest
from tests.api.raw import connect, exchange, head
from tests.api.server import Running
from tests.clients.wire import CHAT_ROUTES, V1, has_both_shapes, post, request

from mecum.api.parse import LOCAL, OPENAI, parse_chat, to_request, values
from mecum.api.together import depth
from mecum.types import Json

HI = {"role": "user", "content": "hi"}
MIB = 1024 * 1024
JSON = {"Content-Type": "application/json"}
START = b'{"messages": [{"role": "user", "content": "hi"}], "x": '

NO_JSON = [
    b"",
    b"{",
    b"{'messages': []}",
    START + b"NaN}",
    START + b"-Infinity}",
    START + b"1e999}",
    START + b'"\\ud800"}',
    START + b'"\xed\xa0\x80"}',
    START + b'"\xff"}',
    START + b'"\x00"}',
    b"\xef\xbb\xbf{}",
    "{}".encode("utf-16"),
    START + b"[" * 90_000,
    START + b'{"a":' * 40_000,
]


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize("body", NO_JSON, ids=range(len(NO_JSON)))
def test_no_json(server: Running, path: str, body: bytes) -> None:
    error = has_both_shapes(post(server.url, path, body), 400)
    assert re.fullmatch(r"The body is not valid JSON: .+ at line \d+, column \d+\.", error["message"])
    assert error["param"] is None
    assert server.engine.prompts == []


@pytest.mark.parametrize("body", [b"[]", b"null", b"5", b'"hi"', b"true"])
def test_no_object(server: Running, body: bytes) -> None:
    assert has_both_shapes(post(server.url, V1, body), 400)["message"] == "The body must be a JSON object."


@pytest.mark.parametrize(("levels", "status"), [(63, 200), (64, 400), (1000, 400)])
def test_nesting_is_bounded(server: Running, levels: int, status: int) -> None:
    """The body itself is a level."""
    answer = post(server.url, V1, START + b"[" * levels + b"]" * levels + b"}")
    assert answer.status == status, answer.body
    if status == 400:
        assert has_both_shapes(answer, 400)["message"] == "The body is nested more than 64 levels deep."


def test_odd_but_valid_json(server: Running) -> None:
    """Of a key that comes twice the last counts; NUL is a character; a number may be huge where nobody looks at it."""
    body = b'{"messages": 5, "messages": [{"role": "user", "content": "a\\u0000b"}], "x": 1' + b"0" * 300 + b"}"
    answer = post(server.url, V1, body)
    assert answer.text() == "You said: a\0b"


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize(
    ("headers", "got"),
    [
        ({}, "(got none)"),
        ({"Content-Type": ""}, "(got none)"),
        ({"Content-Type": "text/plain"}, "(got 'text/plain')"),
        ({"Content-Type": "text/plain; charset=application/json"}, "(got 'text/plain')"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, "urlencoded"),
        ({"Content-Type": "multipart/form-data; boundary=x"}, "multipart"),
        ({"Content-Type": "application/jsonp"}, "jsonp"),
        ({**JSON, "Content-Encoding": "gzip"}, "without a Content-Encoding"),
        ({**JSON, "Content-Encoding": "br, gzip"}, "without a Content-Encoding"),
    ],
)
def test_other_types_are_415(server: Running, path: str, headers: dict[str, str], got: str) -> None:
    error = has_both_shapes(request(server.url, "POST", path, json.dumps({"messages": [HI]}).encode(), headers), 415)
    assert got in error["message"]
    assert server.engine.prompts == []


def test_types_that_are_json(server: Running) -> None:
    for kind in ("application/json", "Application/JSON; charset=utf-8", " application/json ;x=y"):
        headers = {"Content-Type": kind, "Content-Encoding": "identity"}
        assert request(server.url, "POST", V1, json.dumps({"messages": [HI]}).encode(), headers).status == 200


# ---- size


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize("size", [4 * MIB + 1, 9 * MIB])
def test_too_large_and_declared(server: Running, path: str, size: int) -> None:
    """A client reads the answer only when it has sent all, so we take it all, and keep nothing of it."""
    error = has_both_shapes(post(server.url, path, b" " * size), 413)
    assert error["message"] == "The body is larger than 4 MiB (server.max_body_mb)."
    assert server.engine.prompts == []


def test_as_large_as_allowed(server: Running) -> None:
    body = json.dumps({"messages": [HI]}).encode()
    assert post(server.url, V1, body + b" " * (4 * MIB - len(body))).status == 200


def test_too_large_and_not_declared(server: Running) -> None:
    with connect(server.port) as connection:
        connection.send(head("POST", V1, {"Host": "localhost", **JSON, "Transfer-Encoding": "chunked"}))
        for _ in range(5):
            connection.send(b"100000\r\n" + b" " * MIB + b"\r\n")
        connection.send(b"0\r\n\r\n")
        assert b" 413 " in connection.read_to_end()


@pytest.mark.parametrize("extra", [{}, {"Expect": "100-continue"}])
def test_hopelessly_large_is_answered_at_once(server: Running, extra: dict[str, str]) -> None:
    size = 100 * MIB if not extra else 5 * MIB
    answer = exchange(server.port, head("POST", V1, {"Host": "localhost", **JSON, **extra, "Content-Length": str(size)}))
    has_both_shapes(answer, 413)
    assert answer.headers["connection"] == "close"


def test_an_endless_body_is_cut_off(hasty: Running) -> None:
    chunk = b"40000\r\n" + b" " * 0x40000 + b"\r\n"
    with connect(hasty.port) as connection:
        connection.send(head("POST", V1, {"Host": "localhost", **JSON, "Transfer-Encoding": "chunked"}))
        with pytest.raises(ConnectionError):  # noqa: PT012 # which chunk is the one too many depends on the kernel
            for _ in range(400):
                connection.send(chunk)
    assert hasty.idle


@pytest.mark.parametrize("framing", [{"Content-Length": "50"}, {"Transfer-Encoding": "chunked"}])
def test_a_slow_body_ends_with_the_connection(hasty: Running, framing: dict[str, str]) -> None:
    hasty.engine.prompts.clear()
    began = time.monotonic()
    with connect(hasty.port) as connection:
        connection.send(head("POST", V1, {"Host": "localhost", **JSON, **framing}) + b"2\r\n{}\r\n")
        answer = connection.read_to_end()
    assert b" 400 " in answer
    assert b"The body did not arrive within 0.5 seconds." in answer
    assert b"connection: close" in answer
    assert time.monotonic() - began < 5
    assert hasty.engine.prompts == []


def test_a_client_that_leaves_while_it_sends(hasty: Running) -> None:
    before = hasty.tasks()
    with connect(hasty.port) as connection:
        connection.send(head("POST", V1, {"Host": "localhost", **JSON, "Content-Length": "50"}) + b"{")
    time.sleep(0.1)
    assert hasty.tasks() <= before


# ---- what fields become


def _request(fields: Json, *, local: bool = False) -> Json:
    asked = to_request(parse_chat({"messages": [HI], **fields}), LOCAL if local else OPENAI)
    return {"request": asked, "sampling": asked.sampling, "messages": asked.messages}


def test_defaults_of_the_routes() -> None:
    local, openai = _request({}, local=True)["request"], _request({})["request"]
    assert (local.default_temperature, local.default_max_tokens, local.model_fallback) == (0.1, 2000, True)
    assert (local.model_temperature, openai.model_temperature) == (False, True)
    assert (openai.default_temperature, openai.default_max_tokens, openai.model_fallback) == (1.0, None, False)
    assert (local.sampling.temperature, local.sampling.max_tokens, local.retrieval, local.role_id) == (None,) * 4


@pytest.mark.parametrize(
    ("fields", "most"),
    [
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 7}, 7),
        ({"max_tokens": 5, "max_completion_tokens": 7}, 7),
    ],
)
def test_the_newer_name_wins(fields: Json, most: int) -> None:
    assert _request(fields)["sampling"].max_tokens == most


def test_metadata() -> None:
    fields = {"metadata": {"enable_l0_retrieval": "false", "role_id": "r", "truncation": "auto"}}
    asked = _request(fields)["request"]
    assert (asked.retrieval, asked.role_id, asked.truncation) == (False, "r", "auto")
    nothing = _request({"metadata": {"role_id": "", "truncation": None}})["request"]
    assert (nothing.retrieval, nothing.role_id, nothing.truncation) == (None, None, "off")


def test_messages() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "developer", "content": "d"},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "name": "Eve"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "r", "tool_call_id": "c"},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
        {"role": "assistant"},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]},
    ]
    turns = _request({"messages": messages})["messages"]
    image = ({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}},)
    assert [turn.role for turn in turns] == ["system", "user", "assistant", "tool", "assistant", "assistant", "user"]
    assert [turn.content for turn in turns] == ["d", "a\nb", None, "r", "no", "", image]
    assert (turns[1].name, turns[2].tool_calls, turns[3].tool_call_id) == ("Eve", (call,), "c")


def test_sampling() -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    schema = {"name": "s", "schema": {"type": "object"}, "strict": True}
    fields: Json = {
        "temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.05, "repeat_penalty": 1.1, "stop": "x", "seed": 3, "n": 2,
        "presence_penalty": 1, "frequency_penalty": -1, "logit_bias": {"5": -100}, "logprobs": True, "top_logprobs": 3,
        "tools": [tool], "tool_choice": {"type": "function", "function": {"name": "f"}}, "parallel_tool_calls": False,
        "response_format": {"type": "json_schema", "json_schema": schema}, "reasoning_effort": "low",
    }  # fmt: skip
    asked = _request(fields)["sampling"]
    assert {field: getattr(asked, field) for field in fields} == {**fields, "stop": ("x",), "tools": (tool,)}
    assert _request({"response_format": {"type": "text"}})["sampling"].response_format is None


def test_thoughts() -> None:
    messages = [
        {"role": "user", "content": "2+2?", "reasoning_content": "no thought of ours"},
        {"role": "assistant", "content": "4", "reasoning_content": "two and two"},
        {"role": "assistant", "content": "5", "reasoning": "another name"},
        {"role": "assistant", "content": "6", "reasoning_content": None},
    ]
    turns = _request({"messages": messages})["messages"]
    assert [turn.reasoning for turn in turns] == [None, "two and two", "another name", None]
    told = {"enable_thinking": False, "thinking": None, "x": "{{ 7 }}"}
    assert _request({"chat_template_kwargs": told})["sampling"].chat_template_kwargs == {"enable_thinking": False}
    assert _request({"chat_template_kwargs": {"x": 1}})["sampling"].chat_template_kwargs is None


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (b"", 0),
        (b"5", 0),
        (b'"a, b [c] {d}"', 1),
        (rb'"a\"b, c"', 1),
        (rb'["a\\", "b"]', 4),
        (rb'["a\\\", b", "c"]', 4),
        (b'{"a": [1, 2, {}]}', 6),
    ],
)
def test_values_are_counted_outside_of_strings(body: bytes, count: int) -> None:
    assert values(body) == count


def test_the_number_of_values_is_bounded(server: Running) -> None:
    """Brackets and quotes inside of a text are no values, however many."""
    text = json.dumps({"messages": [{"role": "user", "content": '{"a": [1, 2, "x"]},' * 50_000}]}).encode()
    assert has_both_shapes(post(server.url, V1, text), 400)["code"] == "context_length_exceeded"
    for piece in (b"[],", b"1,", b'"",', b'{"":0},'):
        answer = post(server.url, V1, START + b"[" + piece * 110_000 + b"0]}")
        assert has_both_shapes(answer, 400)["message"] == "The body has more than 100000 values."


@pytest.mark.parametrize(("value", "levels"), [(1, 0), ({}, 1), ([[], [[]]], 3), ({"a": [{"b": 1}], "c": 2}, 3)])
def test_depth(value: object, levels: int) -> None:
    assert depth(value) == levels
