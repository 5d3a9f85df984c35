"""langchain-openai, against the scripted engine."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from tests.clients.driver import Rows, drive
from tests.clients.server import Server

WORDS = "word1 word2 word3 word4 word5"
CITIES = [("weather", {"city": "Köln"}), ("weather", {"city": "Bonn"})]
DRIVER = "drivers/langchain_rows.py"


@pytest.fixture(scope="module")
def rows(scripted: Server, other_python: Path) -> Rows:
    return drive(other_python, DRIVER, scripted.url)


def test_plain(rows: Rows) -> None:
    told = rows["plain"]
    assert told["text"] == WORDS
    assert told["usage"]["output_tokens"] == 5
    assert told["meta"]["finish_reason"] == "stop"
    assert told["meta"]["model_name"] == "scripted"
    assert told["meta"]["system_fingerprint"]


@pytest.mark.parametrize("row", ["plain_async", "kernel2"])
def test_other_ways(rows: Rows, row: str) -> None:
    assert rows[row]["text"] == "You said: hi"


@pytest.mark.parametrize("row", ["stream", "stream_usage"])
def test_streamed(rows: Rows, row: str) -> None:
    told = rows[row]
    assert told["text"] == WORDS
    assert told["meta"]["finish_reason"] == "stop"
    assert told["usage"]["output_tokens"] == 5  # LangChain adds up the usage of all chunks
    assert told["usage"]["total_tokens"] == told["usage"]["input_tokens"] + 5


def test_streamed_async(rows: Rows) -> None:
    assert rows["stream_async"] == "word1 word2 word3"


def test_unicode(rows: Rows) -> None:
    assert unicodedata.normalize("NFC", rows["unicode"]["text"]) == unicodedata.normalize("NFC", "a😀👨‍👩‍👧漢字é\u0301~")
    assert rows["separators"]["text"].endswith("one\u2028two\u2029three\x85four")


@pytest.mark.parametrize("row", ["tools", "tools_streamed"])
def test_tools(rows: Rows, row: str) -> None:
    assert [(call["name"], call["args"]) for call in rows[row]["calls"]] == CITIES
    assert rows[row]["meta"]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("row", ["tool_required", "tool_named"])
def test_a_forced_tool(rows: Rows, row: str) -> None:
    assert [(call["name"], call["args"]) for call in rows[row]["calls"]] == [("weather", {"city": "text"})]


def test_a_whole_conversation(rows: Rows) -> None:
    assert rows["conversation"]["text"].endswith("thanks")


@pytest.mark.parametrize("row", ["schema", "schema_by_tool"])
def test_structured_output(rows: Rows, row: str) -> None:
    assert rows[row] == {"name": "text", "age": 1}


def test_options(rows: Rows) -> None:
    assert [entry["token"] for entry in rows["logprobs"]["meta"]["logprobs"]["content"]] == ["one", " two"]
    assert rows["several"] == ["one", "one"]
    assert rows["stop"]["text"] == "one "
    assert rows["max_tokens"]["text"] == "word1 word2 word3"
    assert rows["max_tokens"]["meta"]["finish_reason"] == "length"


def test_metadata(rows: Rows) -> None:
    assert rows.raised("metadata")["code"] == "role_not_found"
    assert rows["metadata_lost"]["text"] == "You said: hi"  # model_kwargs never reach the wire: `docs/clients.md`


def test_a_grounded_answer(documented: Server, other_python: Path) -> None:
    told = drive(other_python, DRIVER, documented.url, "grounded")["grounded"]
    assert told["text"] == "Ada Lovelace wrote the first program [1]."
    assert told["meta"]["finish_reason"] == "stop"
    assert told["usage"]["output_tokens"] == 7


def test_embeddings(rows: Rows) -> None:
    one, other = rows["embeddings"]["documents"]
    assert len(one) == len(other) == 64
    assert rows["embeddings"]["query"] == pytest.approx(one)


@pytest.mark.parametrize(
    ("row", "kind", "words"),
    [
        ("error_400", "BadRequestError", "refuses"),
        ("error_404", "NotFoundError", "gpt-9"),
        ("error_429", "RateLimitError", "busy"),
        ("error_500", "InternalServerError", "internal_error"),
        ("error_503", "InternalServerError", "loading"),
        ("error_long", "BadRequestError", "8192"),
        ("error_before_stream", "InternalServerError", "loading"),
    ],
)
def test_errors(rows: Rows, row: str, kind: str, words: str) -> None:
    raised = rows.raised(row)
    assert kind in raised["types"]
    assert words in raised["message"]


def test_a_stream_that_breaks_off_raises(rows: Rows) -> None:
    raised = rows.raised("breaks")
    assert "APIError" in raised["types"]
    assert "broke off" in raised["message"]


@pytest.mark.real_model
def test_the_real_model(real: Server, other_python: Path) -> None:
    told = drive(other_python, DRIVER, real.url, "real")["real"]
    assert told["text"].strip()
    assert told["meta"]["finish_reason"] in ("stop", "length")
    assert 0 < told["usage"]["output_tokens"] <= 12
