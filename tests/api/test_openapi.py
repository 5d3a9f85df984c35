"""What `/openapi.json` says is true: its schemas are valid, real answers fit them, and it refuses what we refuse."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from tests.api.server import Running
from tests.api.test_events import following
from tests.api.test_wire import FAULTS, HI
from tests.api.uploads import DOCUMENTS, KIND, add, file, form
from tests.api.whole import Whole
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
    elsewhere = ("/api/kernel2/roles", "/api/kernel2/username", "/api/documents/list", "/api/memories/")  # their own tests
    assert {one for one in found if not one[0].startswith(elsewhere)} == {
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
        *((DOCUMENTS, method) for method in ("post", "get", "delete")),
        *((f"{DOCUMENTS}/{{document_id}}", method) for method in ("get", "patch", "delete")),
        *(
            (f"{DOCUMENTS}/{rest}", "get")
            for rest in ("events", "counts", "facets", "{document_id}/passages", "{document_id}/file")
        ),
        ("/api/knowledge/search", "post"),
        ("/api/backup", "get"),
        ("/api/verify", "get"),
        ("/api/forget", "post"),
        ("/v1/embeddings", "post"),
        ("/api/models", "get"),
        ("/api/models/{name}/load", "post"),
        ("/api/models/{name}/unload", "post"),
        ("/api/keys", "get"),
        ("/api/keys", "post"),
        ("/api/keys/open", "post"),
        ("/api/keys/{key_id}", "delete"),
        ("/api/audit", "get"),
    }


def test_library_answers_fit(library: Whole, document: Json) -> None:
    """Each kind of answer of the library's routes, as it is given, against its schema."""
    mail = "From a@b Thu Jan  1 00:00:00 1970\nSubject: x\n\nThe harvest.\n\n"
    upload = form(file("a.md", "# A\n\nThe harvest was good."), file("b.mbox", mail), file("c.pdf", "%PDF"), file("", "x"))
    added = request(library.url, "POST", f"{DOCUMENTS}?wait=ready", upload, {"Content-Type": KIND}).json()
    _validator(document, "DocumentsAdded").validate(added)
    assert {one["state"] for one in added["data"]} == {"ready", "failed"}
    one = f"{DOCUMENTS}/{added['data'][0]['id']}"
    json_ = {"Content-Type": "application/json"}
    search = b'{"query": "harvest", "min_score": 0}'
    for schema, method, path, body in (
        ("DocumentPage", "GET", DOCUMENTS, None),
        ("DocumentPage", "GET", f"{DOCUMENTS}?limit=1", None),
        ("DocumentAnswer", "GET", one, None),
        ("DocumentAnswer", "PATCH", one, b'{"path": "d.md"}'),
        ("PassagePage", "GET", f"{one}/passages", None),
        ("LibraryCountsAnswer", "GET", f"{DOCUMENTS}/counts", None),
        ("LibraryFacetsAnswer", "GET", f"{DOCUMENTS}/facets", None),
        ("SearchAnswer", "POST", "/api/knowledge/search", search),
        ("EmbeddingList", "POST", "/v1/embeddings", b'{"input": ["a", "b"]}'),
        ("EmbeddingList", "POST", "/v1/embeddings", b'{"input": "a", "encoding_format": "base64"}'),
        ("Verified", "GET", "/api/verify", None),
        ("Error", "GET", f"{DOCUMENTS}/nothing", None),
        ("Removed", "DELETE", one, None),
        ("Removed", "DELETE", f"{DOCUMENTS}?path=b.mbox", None),
        ("Removed", "POST", "/api/forget", b'{"all": true}'),
    ):
        _validator(document, schema).validate(request(library.url, method, path, body, json_ if body else None).json())


def test_library_events_fit(library: Whole, document: Json) -> None:
    event = _validator(document, "LibraryEvent")
    with following(library) as stream:
        event.validate(stream.next())
        (added,) = add(library, file("a.txt", "some words"))
        event.validate(stream.until("changed", "ready"))
        request(library.url, "DELETE", f"{DOCUMENTS}/{added['id']}")
        event.validate(stream.until("removed"))


def test_parameters_are_described(document: Json) -> None:
    found = {one["name"]: one for one in document["paths"][DOCUMENTS]["get"]["parameters"]}
    assert set(found) == {"limit", "cursor", "collection", "kind", "state", "path_prefix", "since", "until"}
    assert found["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}
    bodies = document["paths"][DOCUMENTS]["post"]["requestBody"]["content"]
    assert set(bodies) == {"application/json", "multipart/form-data"}
    ids = document["paths"][f"{DOCUMENTS}/{{document_id}}/passages"]["get"]["parameters"]
    assert {(one["name"], one["in"]) for one in ids} == {
        ("document_id", "path"),
        ("start", "query"),
        ("limit", "query"),
        ("around", "query"),
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
