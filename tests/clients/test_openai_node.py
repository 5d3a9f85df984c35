"""openai-node, against the scripted engine."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from tests.clients.driver import Rows, drive
from tests.clients.server import Server

WORDS = "word1 word2 word3 word4 word5"
CITIES = [{"city": "Köln"}, {"city": "Bonn"}]
GROUNDED = "Ada Lovelace wrote the first program [1]."
DRIVER = "node/openai_rows.mjs"


@pytest.fixture(scope="module")
def rows(scripted: Server, node: Path) -> Rows:
    return drive(node, DRIVER, scripted.url)


def arguments(completion: dict[str, Any]) -> list[Any]:
    calls = completion["choices"][0]["message"]["tool_calls"]
    return [json.loads(call["function"]["arguments"]) for call in calls]


def test_plain(rows: Rows) -> None:
    choice = rows["plain"]["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == (WORDS, "stop")
    assert rows["plain"]["usage"]["completion_tokens"] == 5
    assert rows["kernel2"]["choices"][0]["message"]["content"] == "You said: hi"


def test_streamed(rows: Rows) -> None:
    told = rows["stream"]
    assert told["text"] == WORDS
    assert told["last"]["choices"][0]["finish_reason"] == "stop"
    assert told["last"]["usage"]["completion_tokens"] == 5


def test_streamed_with_usage(rows: Rows) -> None:
    told = rows["stream_usage"]
    assert told["text"] == WORDS
    assert told["last"]["choices"] == []
    assert told["last"]["usage"]["completion_tokens"] == 5


def test_stream_helper(rows: Rows) -> None:
    told = rows["stream_helper"]
    assert told["completion"]["choices"][0]["message"]["content"] == "word1 word2 word3"
    assert set(told["kinds"]) == {"content.delta", "content.done"}


def test_a_grounded_answer(documented: Server, node: Path) -> None:
    told = drive(node, DRIVER, documented.url, "grounded", "grounded_helper")
    for completion in (told["grounded"], told["grounded_helper"]["completion"]):
        message = completion["choices"][0]["message"]
        assert message["content"] == GROUNDED
        (annotation,) = message["annotations"]
        span = annotation["url_citation"]
        assert GROUNDED[span["start_index"] : span["end_index"]] == "[1]"
    assert [source["title"] for source in told["grounded"]["sources"]] == ["Ada"]


def test_unicode(rows: Rows) -> None:
    assert unicodedata.normalize("NFC", rows["unicode"]["text"]) == unicodedata.normalize("NFC", "a😀👨‍👩‍👧漢字é\u0301~")
    assert rows["separators"]["text"].endswith("one\u2028two\u2029three\x85four")


@pytest.mark.parametrize("row", ["parse", "parse_streamed"])
def test_parse(rows: Rows, row: str) -> None:
    assert rows[row] == {"name": "text", "age": 1}


def test_tools(rows: Rows) -> None:
    assert arguments(rows["tools"]) == CITIES
    assert arguments(rows["tools_streamed"]["completion"]) == CITIES
    assert "tool_calls.function.arguments.done" in rows["tools_streamed"]["kinds"]
    assert arguments(rows["tool_required"]) == [{"city": "text"}]
    assert rows["tools_run"] == ["Köln", "Bonn"]


def test_logprobs_and_n(rows: Rows) -> None:
    choices = rows["logprobs"]["choices"]
    assert [[entry["token"] for entry in choice["logprobs"]["content"]] for choice in choices] == [["one", " two"]] * 2


def test_models(rows: Rows) -> None:
    assert rows["models"] == ["scripted"]


def test_metadata(rows: Rows) -> None:
    assert rows.raised("metadata")["code"] == "role_not_found"


@pytest.mark.parametrize(
    ("row", "kind", "code", "words"),
    [
        ("error_400", "BadRequestError", "invalid_request", "refuses"),
        ("error_404", "NotFoundError", "model_not_found", "gpt-9"),
        ("error_429", "RateLimitError", "queue_full", "busy"),
        ("error_500", "InternalServerError", "internal_error", ""),
        ("error_503", "InternalServerError", "model_loading", "loading"),
        ("error_long", "BadRequestError", "context_length_exceeded", "8192"),
        ("error_before_stream", "InternalServerError", "model_loading", "loading"),
        ("breaks", "APIError", "engine_error", "broke off"),
        ("breaks_helper", "APIError", "engine_error", "broke off"),
    ],
)
def test_errors(rows: Rows, row: str, kind: str, code: str, words: str) -> None:
    raised = rows.raised(row)
    assert kind in raised["types"]
    assert raised["code"] == code
    assert words in raised["message"]
    assert "no body" not in raised["message"]


def test_what_will_fail_again_is_sent_once(rows: Rows) -> None:
    assert rows.raised("error_500")["sent"] == 1


@pytest.mark.real_model
def test_the_real_model(real: Server, node: Path) -> None:
    told = drive(node, DRIVER, real.url, "real")["real"]
    assert told["text"].strip()
    assert told["last"]["choices"][0]["finish_reason"] in ("stop", "length")
