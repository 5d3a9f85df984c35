"""A grounded answer as bytes: sources, retrieval, annotations and debug, streamed and whole."""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

import jsonschema_rs
import pytest
from fastapi import FastAPI
from tests.chat.rooms import ANN, Rooms, Stage, passage
from tests.clients.wire import V1, Answer, Json, asks, deltas, has_both_shapes

from mecum.api import answers, errors
from mecum.api.chat import endpoint
from mecum.api.parse import OPENAI
from mecum.errors import RetrievalFailed
from mecum.settings.schema import ServerSettings

HITS = (
    passage("Ada wrote it. " * 30, 1, page=4, last_page=5, heading="Who", score=0.8),
    passage("Bob read it.", 2, title="", score=0.3),
)
URL = "http://localhost:8002/#/d"
GROUNDED: Json = {"metadata": {"enable_l0_retrieval": True}}


async def ask(rooms: Rooms, body: Json, **settings: Any) -> Answer:
    """Send a request to a chat over these rooms, as a server would, without one."""
    await rooms.engine.start()
    app = FastAPI()
    errors.install(app)
    app.add_api_route(V1, endpoint(rooms.chat, ServerSettings(**settings), OPENAI), methods=["POST"])
    sent: list[MutableMapping[str, Any]] = []
    coming = [{"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}]

    async def receive() -> MutableMapping[str, Any]:
        if not coming:
            await asyncio.Event().wait()
        return coming.pop()

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    headers = [(b"host", b"localhost:8002"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": V1, "headers": headers, "scheme": "http", "query_string": b""}
    await app({**scope, "mecum.principal": ANN}, receive, send)
    start, *bodies = sent
    found = {name.decode(): value.decode() for name, value in start["headers"]}
    rooms.check_nothing_is_held()
    return Answer(start["status"], found, b"".join(one["body"] for one in bodies))


def rooms_with(*hits: Any, **more: Any) -> Rooms:
    rooms = Rooms(**more)
    rooms.library.hits = hits
    return rooms


def fits(name: str, value: Json) -> None:
    """Check an answer against what `/openapi.json` says of it."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": answers.SCHEMAS}}
    jsonschema_rs.Draft202012Validator(schema).validate(value)


async def beside(rooms: Rooms, body: Json, **settings: Any) -> Json:
    """Return what stands beside a stream's first chunk, after checking that the plain body has the same."""
    stream = (await ask(rooms, {**body, "stream": True}, **settings)).chunks()
    whole = (await ask(rooms, {**body, "stream": False}, **settings)).json()
    fits("ChatCompletion", whole)
    for chunk in stream:
        fits("ChatChunk", chunk)
    names = {"sources", "retrieval", "truncation", "debug"}
    assert not [chunk for chunk in stream[1:] if names & chunk.keys()]
    first: Json = {name: stream[0][name] for name in names & stream[0].keys()}
    assert first == {name: whole[name] for name in names & whole.keys()}
    return first


async def test_sources_and_retrieval() -> None:
    found = await beside(rooms_with(*HITS), asks("Who wrote it?", **GROUNDED))
    assert found == {
        "sources": [
            {
                "index": 1,
                "document_id": "d1",
                "title": "Title 1",
                "path": "/1.md",
                "page": 4,
                "last_page": 5,
                "heading": "Who",
                "chunk_id": "c1",
                "score": 0.8,
                "snippet": "Ada wrote it. " * 14 + "Ada…",
                "url": f"{URL}/d1/c1",
            },
            {
                "index": 2,
                "document_id": "d2",
                "title": "",
                "path": "/2.md",
                "page": None,
                "last_page": None,
                "heading": None,
                "chunk_id": "c2",
                "score": 0.3,
                "snippet": "Bob read it.",
                "url": f"{URL}/d2/c2",
            },
        ],
        "retrieval": {"status": "ok", "mode": "keyword", "query": "Who wrote it?", "k": 5, "ms": 1.0},
    }


async def test_links_begin_with_the_public_url() -> None:
    found = await beside(rooms_with(*HITS), asks("Who?", **GROUNDED), public_url="https://mecum.example/x/")
    assert found["sources"][0]["url"] == "https://mecum.example/x/#/d/d1/c1"


async def test_nothing_found_is_said() -> None:
    found = await beside(rooms_with(), asks("Who wrote it?", **GROUNDED))
    assert found == {
        "sources": [],
        "retrieval": {"status": "empty", "mode": "keyword", "query": "Who wrote it?", "k": 5, "ms": 1.0},
    }


async def test_without_retrieval_nothing_of_it_is_said() -> None:
    assert await beside(rooms_with(*HITS), asks("Who wrote it?")) == {}


async def test_sources_are_the_passages_that_fit() -> None:
    rooms = rooms_with(passage("x " * 900, 1), passage("y", 2), context=1000)
    found = await beside(rooms, asks("Who?", **GROUNDED))
    assert [(source["index"], source["chunk_id"]) for source in found["sources"]] == [(1, "c2")]


@pytest.mark.parametrize("script", ["!say see [1] or [2]", "!chars see [1] or [2]"])
async def test_annotations(script: str) -> None:
    expected = [
        (4, 7, "Title 1", f"{URL}/d1/c1"),
        (11, 14, "/2.md", f"{URL}/d2/c2"),
    ]
    stream = (await ask(rooms_with(*HITS), asks(script, stream=True, **GROUNDED))).chunks()
    whole = (await ask(rooms_with(*HITS), asks(script, **GROUNDED))).json()
    for cited in (deltas(stream)[-1]["annotations"], whole["choices"][0]["message"]["annotations"]):
        assert {annotation["type"] for annotation in cited} == {"url_citation"}
        found = [annotation["url_citation"] for annotation in cited]
        assert [(one["start_index"], one["end_index"], one["title"], one["url"]) for one in found] == expected


async def test_several_choices_and_usage_asked_for() -> None:
    body = asks("!say see [2]", n=2, stream=True, stream_options={"include_usage": True}, **GROUNDED)
    chunks = (await ask(rooms_with(*HITS), body)).chunks()
    for choice in (0, 1):
        (annotation,) = deltas(chunks, choice)[-1]["annotations"]
        assert annotation["url_citation"]["url"] == f"{URL}/d2/c2"


async def test_a_tool_call_and_a_json_answer_have_sources_and_no_annotations() -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    found = (await ask(rooms_with(*HITS), asks('!tool f {"a": [1]}', tools=[tool], **GROUNDED))).json()
    assert len(found["sources"]) == 2
    assert found["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == '{"a": [1]}'
    assert "annotations" not in found["choices"][0]["message"]
    schema = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"const": {"a": [1]}}}}
    found = (await ask(rooms_with(*HITS), asks("Who?", response_format=schema, **GROUNDED))).json()
    assert json.loads(found["choices"][0]["message"]["content"]) == {"a": [1]}
    assert len(found["sources"]) == 2
    assert "annotations" not in found["choices"][0]["message"]


async def test_debug() -> None:
    rooms = rooms_with(HITS[1], passage("x " * 900, 3), context=1000)
    body = asks("Who?", metadata={"enable_l0_retrieval": "1", "debug": True})
    debug = (await beside(rooms, body))["debug"]
    assert debug["hits"] == [
        {"chunk_id": "c2", "score": 0.3, "used": True},
        {"chunk_id": "c3", "score": 0.97, "used": False},
    ]
    (message,) = debug["prompt"]
    assert message["role"] == "user"
    assert "> Bob read it." in message["content"]
    words = len(message["content"].split())
    assert debug["budget"] == {
        "context": 1000,
        "prompt_tokens": words,
        "passages_tokens": words - 1,
        "max_tokens": 1000 - words,
    }


async def test_a_search_that_fails_is_503_and_never_an_answer() -> None:
    for stream in (False, True):
        rooms = rooms_with(stage=Stage("search", RetrievalFailed("Your documents could not be searched.")))
        answer = await ask(rooms, asks("Who?", stream=stream, **GROUNDED))
        assert has_both_shapes(answer, 503)["code"] == "retrieval_failed"
        assert answer.headers["retry-after"]
        assert rooms.engine.asked == []
