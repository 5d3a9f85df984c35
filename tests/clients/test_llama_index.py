"""LlamaIndex's OpenAILike, against the scripted engine."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from tests.clients.driver import Rows, drive
from tests.clients.server import Server

WORDS = "word1 word2 word3 word4 word5"
CITIES = [{"name": "weather", "args": {"city": "Köln"}}, {"name": "weather", "args": {"city": "Bonn"}}]
DRIVER = "drivers/llama_index_rows.py"


@pytest.fixture(scope="module")
def rows(scripted: Server, other_python: Path) -> Rows:
    return drive(other_python, DRIVER, scripted.url)


def test_plain(rows: Rows) -> None:
    assert rows["plain"]["text"] == WORDS
    assert rows["plain"]["extra"]["completion_tokens"] == 5


def test_other_ways(rows: Rows) -> None:
    assert rows["plain_async"] == "You said: hi"
    assert rows["kernel2"]["text"] == "You said: hi"
    assert rows["complete"] == "You said: hi"


def test_is_chat_model_must_be_set(rows: Rows) -> None:
    raised = rows.raised("complete_without_chat")
    assert "NotFoundError" in raised["types"]
    assert "/v1/chat/completions" in raised["message"]
    assert "is_chat_model" in raised["message"]


@pytest.mark.parametrize("row", ["stream", "stream_usage"])
def test_streamed(rows: Rows, row: str) -> None:
    assert rows[row]["text"] == rows[row]["deltas"] == WORDS


def test_streamed_async(rows: Rows) -> None:
    assert rows["stream_async"] == "word1 word2 word3"


def test_unicode(rows: Rows) -> None:
    assert unicodedata.normalize("NFC", rows["unicode"]["text"]) == unicodedata.normalize("NFC", "a😀👨‍👩‍👧漢字é\u0301~")
    assert rows["separators"]["text"].endswith("one\u2028two\u2029three\x85four")


@pytest.mark.parametrize("row", ["tools", "tools_streamed"])
def test_tools(rows: Rows, row: str) -> None:
    assert rows[row]["calls"] == CITIES


def test_a_forced_tool(rows: Rows) -> None:
    assert rows["tool_required"]["calls"] == [{"name": "weather", "args": {"city": "text"}}]


def test_structured_output(rows: Rows) -> None:
    assert rows["schema"] == {"name": "text", "age": 1}


def test_max_tokens(rows: Rows) -> None:
    assert rows["max_tokens"]["text"] == "word1 word2 word3"


def test_metadata(rows: Rows) -> None:
    assert rows.raised("metadata")["code"] == "role_not_found"


@pytest.mark.parametrize(
    ("row", "kind", "words"),
    [
        ("error_400", "BadRequestError", "refuses"),
        ("error_404", "NotFoundError", "gpt-9"),
        ("error_429", "RateLimitError", "busy"),
        ("error_503", "InternalServerError", "loading"),
        ("error_before_stream", "InternalServerError", "loading"),
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
    assert told["text"].strip()
    assert told["text"] == told["deltas"]
