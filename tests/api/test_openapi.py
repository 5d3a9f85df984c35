"""What `/openapi.json` says is true: its schemas are valid, real answers fit them, and it refuses what we refuse."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from tests.api.server import Running
from tests.api.test_wire import FAULTS, HI
from tests.clients.wire import KERNEL2, V1, asks, post, request

from mecum.api import answers
from mecum.api.openapi import STATUSES
from mecum.api.parse import parse_chat
from mecum.types import Json

# Rules between fields, or about sizes, which JSON Schema does not say here; `tests/api/test_wire.py` holds them.
BEYOND_SCHEMA = re.compile(r"needs|left out|missing: a|one of the tools|nested|larger|slots|from a token's id")
TOOL = {
    "type": "function",
    "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}},
}


@pytest.fixture(scope="module")
def document(shared: Running) -> Json:
    answer = request(shared.url, "GET", "/openapi.json")
    assert answer.status == 200
    return answer.json()


def _validator(document: Json, name: str) -> Any:
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return jsonschema_rs.Draft202012Validator(schema)


def _refs(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from _refs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _refs(inner)


def test_every_route_is_there(document: Json) -> None:
    found = {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert found == {
        (KERNEL2, "post"),
        (f"{KERNEL2}/completions", "post"),
        (V1, "post"),
        ("/v1/models", "get"),
        ("/v1/models/{model}", "get"),
        ("/api/kernel2/models", "get"),
        ("/api/kernel2/models/{model}", "get"),
        ("/livez", "get"),
        ("/readyz", "get"),
        ("/api/kernel2/health", "get"),
    }


def test_the_document_is_sound(document: Json) -> None:
    assert document["openapi"].startswith("3.1")
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    idents = [operation["operationId"] for operation in operations]
    assert len(set(idents)) == len(idents)
    assert all(operation["summary"] and operation["tags"] for operation in operations)
    assert "422" not in json.dumps(document["paths"])
    schemas = document["components"]["schemas"]
    assert {ref.removeprefix("#/components/schemas/") for ref in _refs(document)} <= set(schemas)
    for schema in schemas.values():
        jsonschema_rs.meta.validate(schema)


@pytest.mark.parametrize("path", [KERNEL2, V1])
def test_chat_routes_tell_their_errors_and_defaults(document: Json, path: str) -> None:
    operation = document["paths"][path]["post"]
    assert set(operation["responses"]) == {"200", *map(str, STATUSES)}
    assert set(operation["responses"]["200"]["content"]) == {"application/json", "text/event-stream"}
    assert "Retry-After" in operation["responses"]["429"]["headers"]
    defaults = ("`true`", "0.1", "2000") if path == KERNEL2 else ("`stream` false", "`temperature` 1", "room left")
    assert all(word.strip("`") in operation["description"] for word in defaults)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"n": 2, "logprobs": True, "top_logprobs": 1},
        {"messages": [{"role": "user", "content": '!reason hm\n!tool f {"a": 1}'}], "tools": [TOOL]},
        {"metadata": {"enable_l0_retrieval": True, "truncation": "auto"}, "stream_options": {"include_usage": True}},
    ],
)
def test_answers_fit(server: Running, document: Json, fields: Json) -> None:
    body = {**asks("hi"), **fields}
    _validator(document, "ChatBody").validate(body)
    whole, stream = (post(server.url, V1, {**body, "stream": stream}) for stream in (False, True))
    _validator(document, "ChatCompletion").validate(whole.json())
    chunk = _validator(document, "ChatChunk")
    for one in stream.chunks():
        chunk.validate(one)


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("/v1/models", "ModelList"),
        ("/v1/models/scripted", "Model"),
        ("/livez", "Alive"),
        ("/readyz", "Alive"),
        ("/api/kernel2/health", "Health"),
        ("/nowhere", "Error"),
        ("/v1/models/x", "Error"),
        (V1, "Error"),
    ],
)
def test_other_answers_fit(server: Running, document: Json, path: str, schema: str) -> None:
    _validator(document, schema).validate(request(server.url, "GET", path).json())


def test_it_refuses_what_we_refuse(document: Json) -> None:
    body = _validator(document, "ChatBody")
    for fields, param, message in FAULTS:
        if not BEYOND_SCHEMA.search(message):
            assert not body.is_valid({"messages": [HI], **fields}), (param, message)


def test_the_examples_are_real(server: Running, document: Json) -> None:
    parse_chat(answers.REQUEST_EXAMPLE)
    assert post(server.url, KERNEL2, answers.REQUEST_EXAMPLE).status == 200
    event, done = answers.STREAM_EXAMPLE.strip().split("\n\n")
    assert done == "data: [DONE]"
    _validator(document, "ChatChunk").validate(json.loads(event.removeprefix("data: ")))
