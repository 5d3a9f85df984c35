"""`wire.md`, "Headers and order" and "Chunks": every byte of a stream."""

from __future__ import annotations

import json
import unicodedata

import pytest
from tests.clients.server import Server
from tests.clients.wire import CHAT_ROUTES, KERNEL2, V1, Json, asks, deltas, post

# Emoji of several code points, CJK, combining marks, and what lies outside the basic plane.
BORDERS = "a😀👨‍👩‍👧‍👦🇩🇪漢字かなカナ한글é" + unicodedata.normalize("NFD", "éñǘ") + "שָׁלוֹם﷽𝄞~"
SEPARATORS = "one\u2028two\u2029three\x85four\x0bfive\x0csix\x1cseven"  # line ends for some, not for the protocol
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


@pytest.mark.parametrize("path", CHAT_ROUTES)
def test_headers(scripted: Server, path: str) -> None:
    headers = post(scripted.url, path, asks("hi", stream=True), {"Accept-Encoding": "gzip, br, zstd"}).headers
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["cache-control"] == "no-cache, no-transform"
    assert headers["x-accel-buffering"] == "no"
    assert headers["x-request-id"]
    assert "content-encoding" not in headers


@pytest.mark.parametrize("path", CHAT_ROUTES)
def test_chunk_for_chunk(scripted: Server, path: str) -> None:
    chunks = post(scripted.url, path, asks("!say one two", stream=True)).chunks()
    assert deltas(chunks) == [{"role": "assistant", "content": ""}, {"content": "one"}, {"content": " two"}, {}]
    assert all(choice["logprobs"] is None for chunk in chunks for choice in chunk["choices"])


def test_ids_differ_between_responses(scripted: Server) -> None:
    ids = {post(scripted.url, KERNEL2, asks("hi")).chunks()[0]["id"] for _ in range(3)}
    assert len(ids) == 3


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize("directive", ["!chars", "!say"])
def test_no_character_is_broken(scripted: Server, path: str, directive: str) -> None:
    answer = post(scripted.url, path, asks(f"{directive} {BORDERS}", stream=True))
    assert answer.text().split() == BORDERS.split()
    assert "\ufffd" not in answer.text()


def test_what_some_take_for_line_ends(scripted: Server) -> None:
    answer = post(scripted.url, KERNEL2, asks(SEPARATORS))
    assert answer.text() == f"You said: {SEPARATORS}"


def test_line_breaks_stay_inside_the_json(scripted: Server) -> None:
    answer = post(scripted.url, KERNEL2, asks(r"!say one\n\ntwo\n"))
    assert answer.text() == "one\n\ntwo\n"


def test_silence_is_filled_with_comments(scripted: Server) -> None:
    answer = post(scripted.url, KERNEL2, asks("!say one\n!wait 1\n!say two"))
    assert answer.text() == "onetwo"
    assert answer.comments >= 2  # every 0.2 s here
    assert b": ping" not in answer.body


@pytest.mark.parametrize("path", CHAT_ROUTES)
def test_silence_before_the_first_chunk_is_filled_too(scripted: Server, path: str) -> None:
    answer = post(scripted.url, path, asks("!silent 1.2\n!say late", stream=True))
    assert answer.body.startswith(b": keep-alive\n\n")
    assert answer.text() == "late"


@pytest.mark.parametrize("reason", ["stop", "length", "content_filter"])
def test_finish_reasons(scripted: Server, reason: str) -> None:
    body = asks(f"!say x\n!finish {reason}")
    assert post(scripted.url, KERNEL2, body).reasons() == [reason]
    assert post(scripted.url, V1, body).reasons() == [reason]


def test_an_empty_answer_is_still_whole(scripted: Server) -> None:
    answer = post(scripted.url, KERNEL2, asks("!finish stop"))
    assert (answer.text(), answer.reasons()) == ("", ["stop"])


def test_reasoning_comes_before_the_content(scripted: Server) -> None:
    pieces = deltas(post(scripted.url, KERNEL2, asks("!reason let me see\n!say yes")).chunks())
    assert "".join(piece.get("reasoning_content", "") for piece in pieces) == "let me see"
    assert [set(piece) for piece in pieces[1:-1]] == [{"reasoning_content"}] * 3 + [{"content"}]


# ---- usage


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize("options", [None, {}, {"include_usage": False}])
def test_usage_rides_on_the_finish_chunk(scripted: Server, path: str, options: Json | None) -> None:
    chunks = post(scripted.url, path, asks("!words 5", stream=True, stream_options=options)).chunks()
    assert all(chunk["choices"] for chunk in chunks)
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    _is_usage_of_five_words(chunks[-1]["usage"])


@pytest.mark.parametrize("path", CHAT_ROUTES)
def test_usage_asked_for_is_a_chunk_of_its_own(scripted: Server, path: str) -> None:
    body = asks("!words 5", stream=True, stream_options={"include_usage": True})
    *chunks, last = post(scripted.url, path, body).chunks()
    assert last["choices"] == []
    assert all(chunk["choices"] for chunk in chunks)
    _is_usage_of_five_words(last["usage"])


def _is_usage_of_five_words(usage: Json) -> None:
    assert usage["completion_tokens"] == 5
    assert usage["prompt_tokens"] >= 2
    assert usage["total_tokens"] == usage["prompt_tokens"] + 5
    assert usage["prompt_tokens_details"] == {"cached_tokens": 0}


# ---- what shapes the answer


@pytest.mark.parametrize("stop", ["END", ["nothing", "END"], ["END", "x", "y", "z"]])
def test_a_stop_string_never_leaks(scripted: Server, stop: str | list[str]) -> None:
    answer = post(scripted.url, KERNEL2, asks("!chars one E EN END two", stop=stop))
    assert answer.text() == "one E EN "
    assert answer.reasons() == ["stop"]


def test_logprobs_stand_beside_their_text(scripted: Server) -> None:
    body = asks("!say one two", logprobs=True, top_logprobs=1)
    chunks = post(scripted.url, KERNEL2, body).chunks()
    found = [c["logprobs"] for chunk in chunks for c in chunk["choices"] if c["delta"].get("content")]
    assert [probability["content"][0]["token"] for probability in found] == ["one", " two"]
    assert found[0]["content"][0]["top_logprobs"]
    plain = post(scripted.url, V1, body).json()["choices"][0]["logprobs"]["content"]
    assert [entry["token"] for entry in plain] == ["one", " two"]


def test_several_choices(scripted: Server) -> None:
    answer = post(scripted.url, KERNEL2, asks("!say one two", n=2))
    assert [answer.text(choice) for choice in (0, 1)] == ["one two", "one two"]
    assert answer.reasons() == ["stop", "stop"]
    plain = post(scripted.url, V1, asks("!say one two", n=2)).json()
    assert [choice["index"] for choice in plain["choices"]] == [0, 1]


def test_several_choices_and_usage_of_their_own(scripted: Server) -> None:
    body = asks("!words 3", n=2, stream_options={"include_usage": True})
    last = post(scripted.url, KERNEL2, body).chunks()[-1]
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 6


# ---- tools


@pytest.mark.parametrize("path", CHAT_ROUTES)
def test_tools_piece_by_piece(scripted: Server, path: str) -> None:
    script = '!say Wait.\n!tool weather {"city": "Köln"}\n!tool clock {}'
    answer = post(scripted.url, path, asks(script, stream=True, tools=[TOOL]))
    calls = [call for delta in deltas(answer.chunks()) for call in delta.get("tool_calls", ())]
    starts = [call for call in calls if "id" in call]
    assert [(call["index"], call["type"], call["function"]) for call in starts] == [
        (0, "function", {"name": "weather", "arguments": ""}),
        (1, "function", {"name": "clock", "arguments": ""}),
    ]
    assert len({call["id"] for call in starts}) == 2
    pieces = [call for call in calls if "id" not in call]
    assert all(set(piece) == {"index", "function"} for piece in pieces)
    assert json.loads("".join(p["function"]["arguments"] for p in pieces if p["index"] == 0)) == {"city": "Köln"}
    assert answer.reasons() == ["tool_calls"]


@pytest.mark.parametrize("path", CHAT_ROUTES)
def test_tools_in_a_plain_body(scripted: Server, path: str) -> None:
    script = '!tool weather {"city": "Köln"}\n!tool clock {}'
    answer = post(scripted.url, path, asks(script, stream=False, tools=[TOOL]))
    message = answer.json()["choices"][0]["message"]
    assert message["content"] is None
    assert [call["function"]["name"] for call in message["tool_calls"]] == ["weather", "clock"]
    assert all(set(call) == {"id", "type", "function"} for call in message["tool_calls"])
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"city": "Köln"}
    assert answer.reasons() == ["tool_calls"]


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "weather"}}])
@pytest.mark.parametrize("stream", [True, False])
def test_a_forced_tool_is_called(scripted: Server, choice: str | Json, stream: bool) -> None:
    answer = post(scripted.url, V1, asks("hi", stream=stream, tools=[TOOL], tool_choice=choice))
    assert answer.reasons() == ["tool_calls"]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "text",
    [
        '```json\\n{"name": "weather", "arguments": {"city": "Köln"}}\\n```',
        'I look. <tool_call>\\n{"name": "weather", "arguments": {"city": "Köln"}}\\n</tool_call>',
    ],
)
def test_a_call_that_the_engine_left_in_the_text_is_one(scripted: Server, text: str, stream: bool) -> None:
    answer = post(scripted.url, V1, asks(f"!chars {text}", stream=stream, tools=[TOOL]))
    assert answer.reasons() == ["tool_calls"]
    if stream:
        assert answer.text() in ("", "I look. ")
        pieces = [call["function"] for delta in deltas(answer.chunks()) for call in delta.get("tool_calls", ())]
        assert (pieces[0]["name"], json.loads("".join(piece["arguments"] for piece in pieces))) == (
            "weather",
            {"city": "Köln"},
        )
    else:
        message = answer.json()["choices"][0]["message"]
        assert message["content"] in (None, "I look. ")
        assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"city": "Köln"}
    without = post(scripted.url, V1, asks(f"!chars {text}", stream=stream))
    assert "weather" in without.text()  # where no tools are offered, it is text


# ---- the plain body


@pytest.mark.parametrize("path", CHAT_ROUTES)
def test_plain_body(scripted: Server, path: str) -> None:
    answer = post(scripted.url, path, asks("!reason hm\n!say one two", stream=False))
    body = answer.json()
    assert set(body) == {"id", "object", "created", "model", "system_fingerprint", "choices", "usage"}
    assert body["object"] == "chat.completion"
    choice = body["choices"][0]
    assert choice == {
        "index": 0,
        "message": {"role": "assistant", "content": "one two", "refusal": None, "reasoning_content": "hm"},
        "logprobs": None,
        "finish_reason": "stop",
    }
    assert set(body["usage"]) >= {"prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details"}
    assert answer.headers["x-request-id"]


def test_plain_and_stream_say_the_same(scripted: Server) -> None:
    body = asks(f"!chars {BORDERS}")
    stream, plain = post(scripted.url, KERNEL2, body), post(scripted.url, V1, body)
    assert stream.text() == plain.text()
    assert stream.chunks()[0]["system_fingerprint"] == plain.json()["system_fingerprint"]


@pytest.mark.parametrize("format_", ["json_object", "json_schema"])
@pytest.mark.parametrize("stream", [True, False])
def test_response_format(scripted: Server, format_: str, stream: bool) -> None:
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    wanted: Json = {"type": format_}
    if format_ == "json_schema":
        wanted["json_schema"] = {"name": "person", "strict": True, "schema": schema}
    answer = post(scripted.url, V1, asks("hi", stream=stream, response_format=wanted))
    assert json.loads(answer.text()) == ({"age": 1} if format_ == "json_schema" else {})
