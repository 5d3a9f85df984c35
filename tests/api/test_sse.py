"""Deltas to bytes: every frame, byte for byte."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.chat.rooms import passage

from mecum.api.sse import DONE, Frames, Whole, error_event
from mecum.chat.answer import Answer
from mecum.chat.gate import Gate
from mecum.engine.base import Model
from mecum.errors import EngineBroke, QueueFull
from mecum.types import Delta, Hit, Json, Retrieval, Usage

STOP = Delta(finish_reason="stop")
USAGE = Delta(usage=Usage(5, 2, cached_tokens=3))
USAGE_BODY = {
    "prompt_tokens": 5,
    "completion_tokens": 2,
    "total_tokens": 7,
    "prompt_tokens_details": {"cached_tokens": 3},
}
CALL = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}
EVENTS = re.compile(rb"(?:data: [^\r\n]+\n\n)*")


async def _nothing() -> AsyncIterator[Sequence[Delta]]:
    return
    yield ()


def _answer(**fields: Any) -> Answer:
    answer = Answer(
        _nothing(),
        place=Gate().enter(),
        model=Model('model "x"', "fp_1"),
        requested=None,
        **{"retrieval": None, "dropped": None, **fields},
    )
    answer.id, answer.created = "chatcmpl-1", 1
    return answer


def _frames(*, include_usage: bool = False, choices: int = 1, **fields: Any) -> Frames:
    return Frames(_answer(**fields), _url, include_usage=include_usage, choices=choices)


def _url(hit: Hit) -> str:
    return f"http://x/#/d/{hit.document_id}/{hit.chunk_id}"


def _stream(deltas: Sequence[Delta], **how: Any) -> bytes:
    frames = _frames(**how)
    return frames.first() + frames.batch(deltas) + frames.last()


def _read(stream: bytes) -> list[Json]:
    assert EVENTS.fullmatch(stream)
    *events, done, end = stream.split(b"\n\n")
    assert (done, end) == (b"data: [DONE]", b"")
    return [json.loads(event.removeprefix(b"data: ")) for event in events]


def _deltas(chunks: list[Json], choice: int = 0) -> list[Json]:
    return [c["delta"] for chunk in chunks for c in chunk["choices"] if c["index"] == choice]


# ---- streams


def test_byte_for_byte() -> None:
    head = b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"model \\"x\\"",'
    head += b'"system_fingerprint":"fp_1",'

    def chunk(delta: bytes, finish: bytes = b"null", usage: bytes = b"") -> bytes:
        choices = b'"choices":[{"index":0,"delta":' + delta + b',"logprobs":null,"finish_reason":' + finish + b"}]}\n\n"
        return head + usage + choices

    usage = b'"usage":' + json.dumps(USAGE_BODY, separators=(",", ":")).encode() + b","
    assert _stream([Delta("a\n\u2028\u00e9"), STOP, USAGE]) == b"".join(
        [
            chunk(b'{"role":"assistant","content":""}'),
            chunk('{"content":"a\\n\\u2028\u00e9"}'.encode()),
            chunk(b"{}", b'"stop"', usage),
            DONE,
        ]
    )


@given(st.lists(st.text(min_size=1)))
def test_any_text_arrives_as_it_was(pieces: list[str]) -> None:
    chunks = _read(_stream([*map(Delta, pieces), STOP]))
    assert [delta.get("content") for delta in _deltas(chunks)] == ["", *pieces, None]


def test_a_batch_is_one_write_of_many_events() -> None:
    assert _frames().batch([Delta("a"), Delta("b")]).count(b"data: ") == 2
    assert _frames().batch([]) == b""


TEXT_OR_OTHER = st.one_of(
    st.text().map(Delta),
    st.sampled_from(['",\n  "', "\u2028", "\u0085“", ""]).map(Delta),
    st.sampled_from([Delta("a", 1), Delta("a", reasoning="b"), Delta("a", logprobs={"content": []}), Delta(), USAGE]),
)


@given(st.lists(TEXT_OR_OTHER))
def test_a_batch_is_its_events_in_a_row(deltas: list[Delta]) -> None:
    together, one_by_one = _frames(choices=2), _frames(choices=2)
    assert together.batch(deltas) == b"".join(one_by_one.batch([delta]) for delta in deltas)


def test_signs_of_life_are_no_events() -> None:
    assert _frames().batch([Delta(), Delta(content=""), USAGE]) == b""


def test_usage_rides_on_the_last_chunk() -> None:
    chunks = _read(_stream([Delta("a"), STOP, USAGE]))
    assert [chunk.get("usage") for chunk in chunks] == [None, None, USAGE_BODY]
    assert all(chunk["choices"] for chunk in chunks)


def test_usage_asked_for_is_a_chunk_of_its_own() -> None:
    chunks = _read(_stream([Delta("a"), STOP, USAGE], include_usage=True))
    assert [chunk.get("usage") for chunk in chunks] == [None, None, None, USAGE_BODY]
    assert [len(chunk["choices"]) for chunk in chunks] == [1, 1, 1, 0]


def test_usage_asked_for_and_not_told_is_zero() -> None:
    *_, last = _read(_stream([STOP], include_usage=True))
    assert (last["choices"], last["usage"]["total_tokens"]) == ([], 0)
    assert "usage" not in _read(_stream([STOP]))[-1]


def test_reasoning_and_tools() -> None:
    piece = {"index": 0, "function": {"arguments": "{}"}}
    deltas = [Delta(reasoning="hm"), Delta(tool_calls=[CALL]), Delta(tool_calls=[piece]), Delta(finish_reason="tool_calls")]
    chunks = _read(_stream(deltas))
    assert _deltas(chunks)[1:] == [{"reasoning_content": "hm"}, {"tool_calls": [CALL]}, {"tool_calls": [piece]}, {}]
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_logprobs() -> None:
    logprobs = {"content": [{"token": "a", "logprob": -1}]}
    chunks = _read(_stream([Delta("a", logprobs=logprobs), STOP]))
    assert [chunk["choices"][0]["logprobs"] for chunk in chunks] == [None, logprobs, None]


def test_several_choices() -> None:
    deltas = [Delta("a"), Delta("b", choice=1), Delta(choice=1, finish_reason="length"), Delta("c"), STOP, USAGE]
    chunks = _read(_stream(deltas, choices=2))
    role = {"role": "assistant", "content": ""}
    assert _deltas(chunks, 0) == [role, {"content": "a"}, {"content": "c"}, {}]
    assert _deltas(chunks, 1) == [role, {"content": "b"}, {}]
    finishes = [(c["index"], c["finish_reason"]) for chunk in chunks for c in chunk["choices"] if c["finish_reason"]]
    assert finishes == [(1, "length"), (0, "stop")]
    assert [chunk for chunk in chunks if "usage" in chunk] == [chunks[-1]]


def test_what_stands_beside() -> None:
    retrieval = Retrieval("empty", "keyword", "q", 0, 1.5)
    first, *others = _read(_stream([Delta("a"), STOP], retrieval=retrieval, dropped=2))
    assert first["sources"] == []
    assert first["retrieval"] == {"status": "empty", "mode": "keyword", "query": "q", "k": 0, "ms": 1.5}
    assert first["truncation"] == {"dropped_messages": 2}
    assert not [chunk for chunk in others if {"sources", "retrieval", "truncation"} & set(chunk)]


FOUND = Retrieval("ok", "hybrid", "q", 5, 1.5, (passage("a", 1), passage("b", 2)))
CITING: dict[str, Any] = {"retrieval": FOUND, "cites": True}


def _spans(annotations: list[Json]) -> list[tuple[int, int, str]]:
    found = [annotation["url_citation"] for annotation in annotations]
    return [(one["start_index"], one["end_index"], one["url"]) for one in found]


def test_citations_stand_on_the_finish_chunk_of_their_choice() -> None:
    said = [Delta("🦉 ["), Delta("1"), Delta("] and"), Delta("x [2", choice=1), Delta(" [2][9]"), Delta("]", choice=1)]
    chunks = _read(_stream([*said, STOP, Delta(choice=1, finish_reason="stop"), USAGE], choices=2, **CITING))
    *others, last = _deltas(chunks)
    assert _spans(last.pop("annotations")) == [(2, 5, "http://x/#/d/d1/c1"), (10, 13, "http://x/#/d/d2/c2")]
    assert last == {}
    assert not [delta for delta in others if "annotations" in delta]
    assert _spans(_deltas(chunks, 1)[-1]["annotations"]) == [(2, 5, "http://x/#/d/d2/c2")]
    assert [len(chunk.get("sources", ())) for chunk in chunks[:2]] == [2, 0], (
        "of two choices' first chunks, the first has them"
    )


def test_what_a_finish_says_itself_is_cited_too() -> None:
    (*_, last) = _deltas(_read(_stream([Delta("a [1"), Delta("]", finish_reason="stop")], **CITING)))
    assert (last["content"], _spans(last["annotations"])) == ("]", [(2, 5, "http://x/#/d/d1/c1")])


@pytest.mark.parametrize("fields", [{}, {"retrieval": FOUND}, {"retrieval": Retrieval("empty", "keyword", "q", 0, 1.5)}])
def test_without_passages_to_cite_nothing_is_collected(fields: dict[str, Any]) -> None:
    frames = _frames(**fields)
    assert frames._citing is None
    assert _deltas(_read(_stream([Delta("[1]"), STOP], **fields)))[-1] == {}
    assert "annotations" not in _whole([Delta("[1]"), STOP], **fields)["choices"][0]["message"]


def test_citations_of_a_plain_body() -> None:
    deltas = [Delta("[1], "), Delta("no", choice=1), Delta("[2]"), STOP, Delta(choice=1, finish_reason="stop")]
    first, second = (choice["message"] for choice in _whole(deltas, choices=2, **CITING)["choices"])
    assert [span[:2] for span in _spans(first["annotations"])] == [(0, 3), (5, 8)]
    assert "annotations" not in second


@pytest.mark.parametrize(
    ("deltas", "choices"),
    [([], 1), ([Delta("a")], 1), ([Delta("a"), USAGE], 1), ([STOP, USAGE], 2), ([STOP, Delta("b", choice=1), USAGE], 2)],
)
def test_an_unfinished_answer_is_no_answer(deltas: list[Delta], choices: int) -> None:
    with pytest.raises(EngineBroke):
        _stream(deltas, choices=choices)
    with pytest.raises(EngineBroke):
        _whole(deltas, choices=choices)


@pytest.mark.parametrize("has_choices", [True, False])
def test_an_error_in_the_middle(has_choices: bool) -> None:
    (event,) = _read(error_event(QueueFull("Too many."), has_choices=has_choices))
    expected = {"choices": [{"index": 0, "delta": {}, "finish_reason": None}]} if has_choices else {}
    assert event == {
        "success": False,
        "message": "Too many.",
        "code": 429,
        "error": {"message": "Too many.", "type": "rate_limit_error", "param": None, "code": "queue_full"},
        **expected,
    }


# ---- plain bodies


def _whole(deltas: Sequence[Delta], *, choices: int = 1, **fields: Any) -> Json:
    whole = Whole(_answer(**fields), _url, choices=choices)
    for delta in deltas:
        whole.add([delta])
    return whole.body()


def test_plain_body() -> None:
    assert _whole([Delta(reasoning="h"), Delta(reasoning="m"), Delta("a"), Delta(), Delta("b"), STOP, USAGE]) == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": 'model "x"',
        "system_fingerprint": "fp_1",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "ab", "refusal": None, "reasoning_content": "hm"},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": USAGE_BODY,
    }


def test_plain_body_with_tools() -> None:
    more = {**CALL, "index": 1, "id": "d"}
    pieces = [{"index": 0, "function": {"arguments": "{"}}, {"index": 0, "function": {"arguments": "}"}}]
    body = _whole([Delta(tool_calls=[CALL]), *(Delta(tool_calls=[p]) for p in pieces), Delta(tool_calls=[more]), STOP])
    message = body["choices"][0]["message"]
    assert message["content"] is None
    assert message["tool_calls"] == [
        {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        {"id": "d", "type": "function", "function": {"name": "f", "arguments": ""}},
    ]


def test_plain_body_with_everything_beside() -> None:
    logprobs = {"content": [{"token": "a"}]}
    deltas = [Delta("a", logprobs=logprobs), Delta("b", choice=1), Delta("a", logprobs=logprobs), STOP]
    retrieval = Retrieval("empty", "keyword", "q", 0, 1.5)
    body = _whole([*deltas, STOP._replace(choice=1)], choices=2, retrieval=retrieval, dropped=0)
    assert [choice["message"]["content"] for choice in body["choices"]] == ["aa", "b"]
    assert [choice["logprobs"] for choice in body["choices"]] == [
        {"content": [{"token": "a"}] * 2, "refusal": None},
        None,
    ]
    assert (body["sources"], body["truncation"]) == ([], {"dropped_messages": 0})
    assert body["usage"]["total_tokens"] == 0


def test_an_empty_text_is_a_text() -> None:
    assert _whole([STOP])["choices"][0]["message"]["content"] == ""


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\u0085"])
def test_an_event_is_one_line_to_every_reader(end: str) -> None:
    """Readers that split decoded text with `splitlines` (httpx's `iter_lines`) would cut the event there."""
    text = f"“one”{end}two"
    event = _frames().batch([Delta(text)]).decode()
    assert len(event.splitlines()) == 2
    assert json.loads(event.removeprefix("data: "))["choices"][0]["delta"]["content"] == text
