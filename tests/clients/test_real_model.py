"""The main rows of `wire.md` once more, with llama.cpp and the starter model, which follows no script."""

from __future__ import annotations

import json

import pytest
from openai import OpenAI
from pydantic import BaseModel
from tests.clients.server import Server
from tests.clients.wire import CHAT_ROUTES, KERNEL2, V1, Json, asks, deltas, has_both_shapes, post

pytestmark = pytest.mark.real_model

PARAMETERS = {
    "type": "object",
    "properties": {"city": {"enum": ["Köln", "Bonn"]}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOL = {"type": "function", "function": {"name": "weather", "description": "Look up the weather.", "parameters": PARAMETERS}}
OTHER = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}}}
NAMED = {"type": "function", "function": {"name": "weather"}}
WIDE = "😀漢字é\u0301👨‍👩‍👧"


def schema(value: Json) -> Json:
    return {"type": "json_schema", "json_schema": {"name": "s", "strict": True, "schema": value}}


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize("stream", [True, False])
def test_an_answer(real: Server, path: str, stream: bool) -> None:
    answer = post(real.url, path, asks("Say hello.", stream=stream, max_tokens=12))
    assert answer.text().strip()
    assert answer.reasons()[0] in ("stop", "length")
    if stream:
        assert len(deltas(answer.chunks())) > 4, "token by token"


def test_usage_and_length(real: Server) -> None:
    body = asks("Tell me a story.", max_tokens=2, stream_options={"include_usage": True})
    answer = post(real.url, KERNEL2, body)
    last = answer.chunks()[-1]
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 2
    assert last["usage"]["prompt_tokens"] > 5
    assert answer.reasons() == ["length"]


def test_the_prompt_cache_shows_in_the_usage(real: Server) -> None:
    body = asks("This is a rather long message, so that there is something to keep. " * 8, max_tokens=2, stream=False)
    post(real.url, V1, body)
    assert post(real.url, V1, body).json()["usage"]["prompt_tokens_details"]["cached_tokens"] > 50


def test_a_seed_gives_the_same_text(real: Server) -> None:
    body = asks("Tell me a story.", max_tokens=16, seed=7, temperature=0)
    stream, again, plain = post(real.url, KERNEL2, body), post(real.url, KERNEL2, body), post(real.url, V1, body)
    assert stream.text() == again.text() == plain.text()


def test_a_stop_string_never_leaks(real: Server) -> None:
    fields: Json = {"max_tokens": 24, "seed": 7, "temperature": 0}
    whole = post(real.url, KERNEL2, asks("Tell me a story.", **fields)).text()
    stop = whole[len(whole) // 2 :][:9]  # across several tokens
    cut = post(real.url, KERNEL2, asks("Tell me a story.", **fields, stop=[stop]))
    assert cut.text() == whole[: whole.index(stop)]
    assert cut.reasons() == ["stop"]


def test_no_character_is_broken(real: Server) -> None:
    """The schema leaves the model no choice but characters that are several tokens each."""
    answer = post(real.url, KERNEL2, asks("Say it.", response_format=schema({"const": WIDE}), temperature=0))
    assert json.loads(answer.text()) == WIDE


@pytest.mark.parametrize("stream", [True, False])
def test_a_json_schema(real: Server, stream: bool) -> None:
    answer = post(real.url, V1, asks("Where?", stream=stream, response_format=schema(PARAMETERS), max_tokens=40))
    assert json.loads(answer.text())["city"] in ("Köln", "Bonn")


def test_a_json_object(real: Server) -> None:
    body = asks("Give me a JSON object with a name.", response_format={"type": "json_object"}, max_tokens=40, temperature=0)
    answer = post(real.url, V1, body)
    if answer.reasons() == ["stop"]:
        assert isinstance(json.loads(answer.text()), dict)
    else:
        assert answer.text().lstrip().startswith("{")


@pytest.mark.parametrize("choice", ["required", NAMED])
@pytest.mark.parametrize("stream", [True, False])
def test_a_forced_tool(real: Server, choice: str | Json, stream: bool) -> None:
    tools = [TOOL] if choice == "required" else [OTHER, TOOL]
    body = asks("How is the weather in Bonn?", tools=tools, tool_choice=choice, stream=stream, max_tokens=60)
    answer = post(real.url, V1, body)
    assert answer.reasons() == ["tool_calls"]
    if stream:
        pieces = [call for delta in deltas(answer.chunks()) for call in delta.get("tool_calls", ())]
        name, arguments = pieces[0]["function"]["name"], "".join(p["function"].get("arguments", "") for p in pieces)
    else:
        (call,) = answer.json()["choices"][0]["message"]["tool_calls"]
        name, arguments = call["function"]["name"], call["function"]["arguments"]
    assert name == "weather"
    assert json.loads(arguments)["city"] in ("Köln", "Bonn")


def test_free_tools_and_their_results(real: Server) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bonn"}'}}
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "How is the weather in Bonn?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Rain."},
        {"role": "system", "content": "Answer in one sentence."},
        {"role": "user", "content": [{"type": "text", "text": "So, how is it?"}]},
    ]
    answer = post(real.url, V1, {"messages": messages, "tools": [TOOL], "max_tokens": 12})
    assert answer.reasons()[0] in ("stop", "length", "tool_calls")


def test_logprobs(real: Server) -> None:
    answer = post(real.url, KERNEL2, asks("Say hello.", logprobs=True, top_logprobs=2, max_tokens=4))
    found = [c["logprobs"] for chunk in answer.chunks() for c in chunk["choices"] if c["delta"].get("content")]
    entries = [entry for logprobs in found for entry in logprobs["content"]]
    assert all(entry["logprob"] <= 0 and len(entry["top_logprobs"]) == 2 for entry in entries)
    assert "".join(entry["token"] for entry in entries).strip() == answer.text().strip()


@pytest.mark.parametrize("path", [KERNEL2, V1])
def test_several_choices(real: Server, path: str) -> None:
    answer = post(real.url, path, asks("Say hello.", n=2, max_tokens=8))
    assert all(answer.text(choice).strip() for choice in (0, 1))
    assert len(answer.reasons()) == 2


def test_too_long(real: Server) -> None:
    error = has_both_shapes(post(real.url, V1, asks("word " * 40_000)), 400)
    assert (error["code"], error["param"]) == ("context_length_exceeded", "messages")
    assert any(part.isdigit() and int(part) > 40_000 for part in error["message"].split())


def test_a_schema_that_cannot_be_enforced(real: Server) -> None:
    """llama.cpp drops look-ahead patterns without a word, so they are refused."""
    broken = {"type": "object", "properties": {"a": {"type": "string", "pattern": "(?=x)x"}}}
    assert has_both_shapes(post(real.url, V1, asks("hi", response_format=schema(broken))), 400)


class Person(BaseModel):
    name: str
    age: int


def test_openai_python(real: Server) -> None:
    with OpenAI(base_url=f"{real.url}/v1", api_key="none", max_retries=0) as client:
        (model,) = [model.id for model in client.models.list()]
        stream = client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "Say hello."}], max_tokens=12, stream=True
        )
        pieces = [chunk.choices[0].delta.content or "" for chunk in stream]
        assert sum(bool(piece) for piece in pieces) > 3
        plain = client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "Say hello."}], max_tokens=12
        )
        assert plain.choices[0].message.content


def test_openai_python_parse(real: Server) -> None:
    with OpenAI(base_url=f"{real.url}/v1", api_key="none", max_retries=0) as client:
        answer = client.chat.completions.parse(
            model="mecum",
            messages=[{"role": "user", "content": "Ann is 30 years old. Who is she?"}],
            response_format=Person,
            temperature=0,
        )
    assert isinstance(answer.choices[0].message.parsed, Person)
