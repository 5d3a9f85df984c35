"""Prompts become bodies that leave out what is open; chunks of every server become the same Deltas."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import orjson
import pytest
from tests.engine.chunks import USAGE, chunk, decode, say

from mecum.engine.codec import Decoder, encode
from mecum.errors import ContextTooLong, EngineBroke, InvalidRequest, MecumError, QueueFull
from mecum.types import Delta, Message, Prompt, Sampling, Usage

PROMPT = Prompt("m", (Message("user", "hi"),), Sampling())


# Encoding


def test_what_is_open_is_left_out() -> None:
    assert encode(PROMPT) == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


@pytest.mark.parametrize(
    "field",
    [
        {"temperature": 0.0},
        {"top_p": 0.5},
        {"top_k": 0},
        {"min_p": 0.0},
        {"max_tokens": 1},
        {"seed": 0},
        {"n": 2},
        {"presence_penalty": 0.0},
        {"frequency_penalty": -1.0},
        {"logit_bias": {"5": 0.0}},
        {"logprobs": True},
        {"top_logprobs": 0},
        {"tool_choice": "none"},
        {"parallel_tool_calls": False},
        {"response_format": {"type": "json_object"}},
        {"reasoning_effort": "low"},
    ],
    ids=lambda field: next(iter(field)),
)
def test_what_is_set_is_sent_zero_and_false_too(field: dict[str, Any]) -> None:
    body = encode(replace(PROMPT, sampling=replace(Sampling(), **field)))
    assert {name: body[name] for name in field} == field
    assert body.keys() == encode(PROMPT).keys() | field.keys()


def test_messages_are_sent_as_the_protocol_has_them() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    messages = (
        Message("system", ""),
        Message("user", (image,), name="Ann"),
        Message("assistant", None, tool_calls=(call,)),
        Message("tool", "5", tool_call_id="c1"),
    )
    body = json.loads(
        orjson.dumps(encode(replace(PROMPT, messages=messages, sampling=Sampling(stop=("a",), tools=(call,)))))
    )
    assert body["messages"] == [
        {"role": "system", "content": ""},
        {"role": "user", "content": [image], "name": "Ann"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "5", "tool_call_id": "c1"},
    ]
    assert (body["stop"], body["tools"]) == (["a"], [call])


# Decoding

TEXT = [Delta("Hel"), Delta("lo."), Delta(finish_reason="stop"), Delta(usage=Usage(5, 2))]
STREAMS: dict[str, list[object]] = {
    "llama.cpp": [
        chunk({"role": "assistant", "content": None}, prompt_progress={"total": 5, "processed": 2}),
        chunk({"role": "assistant", "content": None}, prompt_progress={"total": 5, "processed": 5}),
        chunk({"role": "assistant", "content": None}, system_fingerprint="b1-x"),
        say("Hel"),
        say("lo."),
        chunk({}, "stop"),
        {"choices": [], "usage": USAGE, "timings": {"cache_n": 0}},
        b"[DONE]",
    ],
    "vLLM": [
        chunk({"role": "assistant", "content": ""}, usage={"prompt_tokens": 5, "completion_tokens": 0}),
        say("Hel", usage={"prompt_tokens": 5, "completion_tokens": 1}),
        say("lo.", usage={"prompt_tokens": 5, "completion_tokens": 2}),
        chunk({"content": ""}, "stop", usage={"prompt_tokens": 5, "completion_tokens": 2}),
        {"choices": [], "usage": USAGE},
        b"[DONE]",
    ],
    "Ollama": [
        chunk({"role": "assistant", "content": "Hel"}, system_fingerprint="fp_ollama"),
        chunk({"role": "assistant", "content": "lo."}, system_fingerprint="fp_ollama"),
        chunk({"role": "assistant", "content": ""}, "stop", system_fingerprint="fp_ollama"),
        {"choices": [], "usage": USAGE},
        b"[DONE]",
    ],
    "LM Studio": [
        chunk({"role": "assistant", "content": "Hel"}, system_fingerprint="m"),
        say("lo."),
        chunk({}, "stop"),
        {"object": "chat.completion.chunk", "choices": [], "usage": USAGE},
        b"[DONE]",
    ],
    "OpenAI": [
        chunk({"role": "assistant", "content": "", "refusal": None}, usage=None),
        say("Hel", usage=None),
        say("lo.", usage=None),
        chunk({}, "stop", usage=None),
        {"choices": [], "usage": {**USAGE, "prompt_tokens_details": {"cached_tokens": 0}}},
        b"[DONE]",
    ],
    "usage on the finish": [say("Hel"), say("lo."), chunk({}, "stop", usage=USAGE), b"[DONE]"],
    "usage before the finish": [say("Hel", usage=USAGE), say("lo."), chunk({}, "stop"), b"[DONE]"],
    "text on the finish": [say("Hel"), say("lo.", "stop"), {"usage": USAGE}, b"[DONE]"],
    "no [DONE]": [say("Hel"), say("lo."), chunk({}, "stop", usage=USAGE)],
    "[DONE] with a space": [say("Hel"), say("lo.", "stop", usage=USAGE), b"[DONE] "],
    "no finish but [DONE]": [say("Hel"), say("lo.", usage=USAGE), b"[DONE]"],
    "empty finish": [say("Hel", ""), say("lo.", ""), chunk({}, "", usage=USAGE), b"[DONE]"],
    "two finishes": [say("Hel"), say("lo.", "stop"), chunk({}, "length", usage=USAGE), b"[DONE]"],
    "a word of its own": [say("Hel"), say("lo."), chunk({}, "eos_token", usage=USAGE), b"[DONE]"],
    "no index, null fields": [
        {"choices": [{"delta": {"content": "Hel", "tool_calls": None}, "logprobs": None}], "error": None},
        {"choices": [{"delta": {"content": "lo."}}], "usage": None},
        {"choices": [{"delta": None, "finish_reason": "stop"}], "usage": USAGE},
        b"[DONE]",
        b"and this is not read any more",
    ],
}  # fmt: skip


@pytest.mark.parametrize("server", STREAMS)
def test_every_server_says_the_same(server: str) -> None:
    assert decode(*STREAMS[server]) == TEXT


@pytest.mark.parametrize("server", STREAMS)
def test_however_the_chunks_come_together(server: str) -> None:
    decoder, deltas = Decoder(), []
    for payload in STREAMS[server]:
        if not decoder.done:
            deltas += decoder.feed([payload if isinstance(payload, bytes) else json.dumps(payload).encode()])
    assert deltas + decoder.end() == TEXT


def test_the_usage_may_be_missing() -> None:
    assert decode(chunk({"content": "a"}, "stop"), b"[DONE]") == [Delta("a"), Delta(finish_reason="stop")]


def test_cached_tokens() -> None:
    usage = {**USAGE, "prompt_tokens_details": {"cached_tokens": 4}}
    assert decode(chunk({}, "stop", usage=usage))[-1].usage == Usage(5, 2, 4)


def test_the_usage_of_several_choices_is_one_sum() -> None:
    after_each = {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}
    llama_cpp = [say("a", "stop", 1), after_each, say("b", "stop"), after_each, b"[DONE]"]
    assert decode(*llama_cpp, choices=2)[-1].usage == Usage(5, 4)
    vllm = [say("a", "stop", 1, usage=USAGE), say("b", "stop", usage=USAGE), {"choices": [], "usage": USAGE}, b"[DONE]"]
    assert decode(*vllm, choices=2)[-1].usage == Usage(5, 2)


def test_the_fingerprint_comes_with_the_first_chunk() -> None:
    decoder = Decoder()
    assert decoder.fingerprint is None
    decoder.feed([json.dumps(chunk({"role": "assistant"}, system_fingerprint="b1-x")).encode()])
    assert decoder.fingerprint == "b1-x"
    other = Decoder()
    other.feed([json.dumps(chunk({"role": "assistant"})).encode()])
    assert other.fingerprint == ""


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning(field: str) -> None:
    deltas = decode(
        chunk({field: "why", "content": None}), chunk({"content": "so"}), chunk({field: "a", "content": "b"}, "stop")
    )
    assert deltas == [Delta(reasoning="why"), Delta("so"), Delta("b", reasoning="a"), Delta(finish_reason="stop")]


def test_a_refusal_is_not_lost() -> None:
    assert decode(chunk({"content": None, "refusal": "I cannot."}), chunk({}, "stop"))[0] == Delta("I cannot.")


def test_logprobs_are_kept_where_a_token_is_half_a_character() -> None:
    half = {"content": [{"token": "\\xf0", "bytes": [240], "logprob": -1, "top_logprobs": []}], "refusal": None}
    deltas = decode(
        {"choices": [{"index": 0, "delta": {"content": ""}, "logprobs": half}]},
        {"choices": [{"index": 0, "delta": {"content": "😀"}, "logprobs": half}]},
        {"choices": [{"index": 0, "delta": {}, "logprobs": {"content": []}, "finish_reason": "stop"}]},
    )
    assert deltas == [Delta(logprobs=half), Delta("😀", logprobs=half), Delta(finish_reason="stop")]


def test_several_choices() -> None:
    payloads = [say("a", index=1), say("b"), chunk({}, "stop", 1), say("c"), chunk({}, "length"), b"[DONE]"]
    first = [Delta("b"), Delta("c"), Delta(finish_reason="length")]
    second = [Delta("a", 1), Delta(choice=1, finish_reason="stop")]
    deltas = decode(*payloads, choices=2)
    assert [delta for delta in deltas if delta.choice == 0] == first
    assert [delta for delta in deltas if delta.choice == 1] == second


@pytest.mark.parametrize(
    ("said", "meant"),
    [("stop", "stop"), ("length", "length"), ("content_filter", "content_filter"), ("function_call", "tool_calls")],
)
def test_finish_reasons(said: str, meant: str) -> None:
    assert decode(chunk({}, said)) == [Delta(finish_reason=meant)]  # type: ignore[arg-type]


# What is broken


@pytest.mark.parametrize(
    "payloads",
    [
        [],
        [b"[DONE]"],
        [{"choices": []}, b"[DONE]"],
        [{"choices": [], "usage": USAGE}, b"[DONE]"],
        [chunk({"content": "a"})],
        [chunk({"content": "a"}), {"choices": [], "usage": USAGE}],
        [chunk({"content": "a"}), chunk({}, "error"), b"[DONE]"],
        [chunk({"content": "a"}), chunk({}, "abort"), b"[DONE]"],
        [b"not JSON"],
        [b""],
        [b"[]"],
        [b"5"],
        [b"null"],
        [{"choices": 5}],
        [{"choices": [5]}],
        [{"choices": {"index": 0}}],
        [{"choices": [{"delta": "x"}]}],
        [{"choices": [{"delta": {"content": 7}}]}],
        [{"choices": [{"delta": {"content": ["x"]}}]}],
        [{"choices": [{"delta": {"reasoning": 7}}]}],
        [{"choices": [{"index": "0", "delta": {}}]}],
        [{"choices": [{"index": 1.5, "delta": {}}]}],
        [chunk({}, ["stop"])],
        [chunk({}, {"reason": "stop"})],
        [chunk({"tool_calls": 5})],
        [chunk({"tool_calls": ["x"]})],
        [chunk({"tool_calls": [{"index": "0", "function": {"name": "f"}}]})],
        [chunk({"tool_calls": [{"function": "f"}]})],
        [chunk({"tool_calls": [{"function": {"name": 7}}]})],
        [{"choices": [{"delta": {"content": "a"}, "logprobs": "x"}]}],
        [{"choices": [{"delta": {"content": "a"}, "logprobs": {"content": 5}}]}],
        [chunk({}, "stop", usage="x")],
        [chunk({}, "stop", usage={"prompt_tokens": "5"})],
        [chunk({}, "stop", usage={"prompt_tokens_details": 5})],
        [chunk({}, system_fingerprint=5)],
    ],
    ids=str,
)
def test_nonsense_is_said_to_be_broken(payloads: list[object]) -> None:
    with pytest.raises(EngineBroke):
        decode(*payloads)


def test_a_server_that_ignores_n() -> None:
    with pytest.raises(EngineBroke, match="fewer answers than the 2"):
        decode(chunk({"content": "a"}, "stop"), b"[DONE]", choices=2)
    with pytest.raises(EngineBroke, match="broke off"):
        decode(chunk({"content": "a"}, "stop"), choices=2)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"error": {"code": 500, "message": "x", "type": "server_error"}}, EngineBroke),
        ({"error": {"code": 400, "message": "exceeds the available context size"}}, ContextTooLong),
        ({"error": {"code": 429, "message": "x"}}, QueueFull),
        ({"error": {"code": 400, "message": "x"}, "choices": []}, InvalidRequest),
        ({"error": "x"}, EngineBroke),
    ],
)
@pytest.mark.parametrize("before", [[], [chunk({"content": "a"})]])
def test_an_error_as_an_event(before: list[object], error: dict[str, Any], expected: type[MecumError]) -> None:
    with pytest.raises(expected):
        decode(*before, error)
