"""`wire.md`, "Routes": honoured or 400, never dropped quietly. What a request says is what the engine is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.clients.recorder import MODEL, Recorder, recording
from tests.clients.server import Server, serving
from tests.clients.wire import CHAT_ROUTES, KERNEL2, OPENAI_ROUTES, V1, Json, asks, post

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "function": {"name": "weather", "description": "look", "parameters": PARAMETERS}}
NAMED = {"type": "function", "function": {"name": "weather"}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "s", "strict": True, "schema": PARAMETERS}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Köln"}'}}


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    with recording() as made:
        yield made


@pytest.fixture(scope="module")
def relay(recorder: Recorder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("relay"), "--engine-url", recorder.base_url) as server:
        yield server


def engine_was_asked(recorder: Recorder, relay: Server, path: str, body: Json) -> Json:
    """Send a request, and return what the engine got."""
    before = len(recorder.asked)
    answer = post(relay.url, path, {"stream": False, **body})
    assert answer.text() == "noted", answer.body
    assert len(recorder.asked) == before + 1
    return recorder.asked[-1]


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 0.7),
        ("top_p", 0.5),
        ("stop", ["END", "HALT"]),
        ("seed", 42),
        ("n", 2),
        ("presence_penalty", 0.5),
        ("frequency_penalty", -0.5),
        ("logit_bias", {"50256": -100}),
        ("tools", [TOOL]),
        ("response_format", FORMAT),
        ("response_format", {"type": "json_object"}),
        ("reasoning_effort", "low"),
        ("repeat_penalty", 1.1),
        ("chat_template_kwargs", {"enable_thinking": False}),
    ],
)
def test_parameters(recorder: Recorder, relay: Server, path: str, name: str, value: Any) -> None:
    if name == "n":
        post(relay.url, path, asks("hi", n=value, stream=False))  # the recorder knows one choice only
        assert recorder.asked[-1]["n"] == value
    else:
        assert engine_was_asked(recorder, relay, path, asks("hi", **{name: value}))[name] == value


@pytest.mark.parametrize("choice", ["auto", "none", "required", NAMED])
def test_tool_choice(recorder: Recorder, relay: Server, choice: str | Json) -> None:
    asked = engine_was_asked(recorder, relay, V1, asks("hi", tools=[TOOL], tool_choice=choice))
    assert asked["tool_choice"] == choice


def test_thoughts_of_past_turns_stay_here(recorder: Recorder, relay: Server) -> None:
    """Servers there are that refuse them (DeepSeek's)."""
    past = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "reasoning_content": "c"}]
    asked = engine_was_asked(recorder, relay, V1, {"messages": [*past, {"role": "user", "content": "d"}]})
    assert asked["messages"][1] == {"role": "assistant", "content": "b"}


def test_logprobs(recorder: Recorder, relay: Server) -> None:
    asked = engine_was_asked(recorder, relay, V1, asks("hi", logprobs=True, top_logprobs=3))
    assert (asked["logprobs"], asked["top_logprobs"]) == (True, 3)


def test_one_stop_string(recorder: Recorder, relay: Server) -> None:
    assert engine_was_asked(recorder, relay, V1, asks("hi", stop="END"))["stop"] == ["END"]


@pytest.mark.parametrize(
    "fields", [{"max_tokens": 7}, {"max_completion_tokens": 7}, {"max_tokens": 9, "max_completion_tokens": 7}]
)
def test_max_tokens(recorder: Recorder, relay: Server, fields: Json) -> None:
    asked = engine_was_asked(recorder, relay, V1, asks("hi", **fields))
    assert {asked[name] for name in ("max_tokens", "max_completion_tokens") if name in asked} == {7}


def test_defaults_of_the_local_chat_api(recorder: Recorder, relay: Server) -> None:
    asked = engine_was_asked(recorder, relay, KERNEL2, asks("hi"))
    assert (asked["temperature"], asked["max_tokens"], asked["model"]) == (0.1, 2000, MODEL)


@pytest.mark.parametrize("path", OPENAI_ROUTES)
def test_defaults_of_the_openai_routes(recorder: Recorder, relay: Server, path: str) -> None:
    asked = engine_was_asked(recorder, relay, path, asks("hi"))
    assert asked.get("temperature", 1) == 1
    assert "max_tokens" not in asked


def test_metadata_stays_here(recorder: Recorder, relay: Server) -> None:
    asked = engine_was_asked(
        recorder, relay, V1, asks("hi", metadata={"enable_l0_retrieval": "false"}, user="ann", store=True)
    )
    assert not {"metadata", "user", "store"} & set(asked)


def test_a_conversation_arrives_whole(recorder: Recorder, relay: Server) -> None:
    messages = [
        {"role": "developer", "content": "one"},
        {"role": "system", "content": "two"},
        {"role": "user", "content": [{"type": "text", "text": "three"}], "name": "ann"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
        {"role": "assistant", "content": "four"},
        {"role": "system", "content": "late"},
        {"role": "user", "content": "five"},
    ]
    asked = engine_was_asked(recorder, relay, V1, {"messages": messages, "tools": [TOOL]})["messages"]
    assert [message["role"] for message in asked] == ["system", "user", "assistant", "tool", "assistant", "user"]
    assert asked[0]["content"].split() == ["one", "two"]
    assert asked[1] == {"role": "user", "content": "three", "name": "ann"}
    assert asked[2]["tool_calls"] == [CALL]
    assert not asked[2].get("content")
    assert asked[3] == {"role": "tool", "tool_call_id": "call_1", "content": "rain"}
    assert asked[5]["content"].split() == ["late", "five"]  # a late system message goes in front of the next user turn
