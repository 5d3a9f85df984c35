"""LiteLLM's client, against the scripted engine."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from tests.clients.driver import Rows, drive
from tests.clients.server import Server

WORDS = "word1 word2 word3 word4 word5"
DRIVER = "drivers/litellm_rows.py"


@pytest.fixture(scope="module")
def rows(scripted: Server, other_python: Path) -> Rows:
    return drive(other_python, DRIVER, scripted.url)


def choice(told: dict[str, Any]) -> dict[str, Any]:
    return dict(told["choices"][0])


def calls(told: dict[str, Any]) -> list[tuple[str, Any]]:
    found = choice(told)["message"]["tool_calls"]
    return [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in found]


def test_plain(rows: Rows) -> None:
    told = rows["plain"]
    assert choice(told)["message"]["content"] == WORDS
    assert told["usage"]["completion_tokens"] == 5
    assert choice(told)["finish_reason"] == "stop"
    assert told["system_fingerprint"]


def test_other_ways(rows: Rows) -> None:
    assert rows["plain_async"] == "You said: hi"
    assert choice(rows["kernel2"])["message"]["content"] == "You said: hi"


@pytest.mark.parametrize("row", ["stream", "stream_usage"])
def test_streamed(rows: Rows, row: str) -> None:
    told = rows[row]
    assert told["deltas"] == choice(told)["message"]["content"] == WORDS
    assert choice(told)["finish_reason"] == "stop"


def test_usage_of_a_stream(rows: Rows) -> None:
    assert rows["stream_usage"]["usage"]["completion_tokens"] == 5


def test_streamed_async(rows: Rows) -> None:
    assert rows["stream_async"] == "word1 word2 word3"


def test_unicode(rows: Rows) -> None:
    found = rows["unicode"]["deltas"]
    assert unicodedata.normalize("NFC", found) == unicodedata.normalize("NFC", "a😀👨‍👩‍👧漢字é\u0301~")
    assert rows["separators"]["deltas"].endswith("one\u2028two\u2029three\x85four")


def test_reasoning(rows: Rows) -> None:
    message = choice(rows["reasoning"])["message"]
    assert (message["reasoning_content"], message["content"]) == ("let me see", "yes")


@pytest.mark.parametrize("row", ["tools", "tools_streamed"])
def test_tools(rows: Rows, row: str) -> None:
    assert calls(rows[row]) == [("weather", {"city": "Köln"}), ("weather", {"city": "Bonn"})]
    assert choice(rows[row])["finish_reason"] == "tool_calls"


def test_a_forced_tool(rows: Rows) -> None:
    assert calls(rows["tool_required"]) == [("weather", {"city": "text"})]


def test_structured_output(rows: Rows) -> None:
    assert json.loads(choice(rows["schema"])["message"]["content"]) == {"name": "text", "age": 1}


@pytest.mark.parametrize(
    ("row", "reason", "text"),
    [
        ("length", "length", "word1 word2 word3"),
        ("filtered", "content_filter", "one"),
        ("stop", "stop", "one "),
    ],
)
def test_finish_reasons(rows: Rows, row: str, reason: str, text: str) -> None:
    assert (choice(rows[row])["finish_reason"], rows[row]["deltas"]) == (reason, text)


def test_metadata(rows: Rows) -> None:
    raised = rows.raised("metadata")
    assert "role" in raised["message"]
    assert "BadRequestError" in raised["types"]  # LiteLLM's reading of a 404 that is not about a model


@pytest.mark.parametrize(
    ("row", "kind", "words"),
    [
        ("error_400", "BadRequestError", "refuses"),
        ("error_404", "NotFoundError", "gpt-9"),
        ("error_429", "RateLimitError", "busy"),
        ("error_500", "InternalServerError", ""),
        ("error_503", "ServiceUnavailableError", "loading"),
        ("error_long", "BadRequestError", "8192"),
        ("error_before_stream", "ServiceUnavailableError", "loading"),
        ("breaks", "APIError", "broke off"),
    ],
)
def test_errors(rows: Rows, row: str, kind: str, words: str) -> None:
    raised = rows.raised(row)
    assert kind in raised["types"]
    assert words in raised["message"]


@pytest.mark.real_model
def test_the_real_model(real: Server, other_python: Path) -> None:
    told = drive(other_python, DRIVER, real.url, "real")["real"]
    assert told["deltas"].strip()
    assert choice(told)["finish_reason"] in ("stop", "length")
