"""The Vercel AI SDK with `@ai-sdk/openai-compatible` and `@ai-sdk/openai`, against the scripted engine."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from tests.clients.driver import Rows, drive
from tests.clients.server import Server

WORDS = "word1 word2 word3 word4 word5"
CITIES = [{"city": "Köln"}, {"city": "Bonn"}]
GROUNDED = "Ada Lovelace wrote the first program [1]."
DRIVER = "node/ai_sdk_rows.mjs"
PROVIDERS = ("compatible", "openai")

both = pytest.mark.parametrize("provider", PROVIDERS)


@pytest.fixture(scope="module")
def rows(scripted: Server, node: Path) -> Rows:
    return drive(node, DRIVER, scripted.url)


@both
def test_plain(rows: Rows, provider: str) -> None:
    told = rows[f"{provider}.plain"]
    assert (told["text"], told["finishReason"], told["model"]) == (WORDS, "stop", "scripted")
    assert told["usage"]["outputTokens"] == 5
    assert rows[f"{provider}.kernel2"]["text"] == "You said: hi"


@both
def test_streamed(rows: Rows, provider: str) -> None:
    told = rows[f"{provider}.stream"]
    assert (told["text"], told["finishReason"]) == (WORDS, "stop")
    assert told["usage"]["outputTokens"] == 5


@pytest.fixture(scope="module")
def grounded(documented: Server, node: Path) -> Rows:
    names = [f"{provider}.{row}" for provider in PROVIDERS for row in ("grounded", "grounded_streamed")]
    return drive(node, DRIVER, documented.url, *names)


@both
@pytest.mark.parametrize("row", ["grounded", "grounded_streamed"])
def test_a_grounded_answer(grounded: Rows, provider: str, row: str) -> None:
    """`@ai-sdk/openai` shows annotations as sources; the other provider knows none, and is not disturbed by them."""
    told = grounded[f"{provider}.{row}"]
    assert (told["text"], told["finishReason"]) == (GROUNDED, "stop")
    assert [(source["title"], "/#/d/" in source["url"]) for source in told["sources"]] == [("Ada", True)] * (
        provider == "openai"
    )


@both
def test_unicode(rows: Rows, provider: str) -> None:
    found = rows[f"{provider}.unicode"]["text"]
    assert unicodedata.normalize("NFC", found) == unicodedata.normalize("NFC", "a😀👨‍👩‍👧漢字é\u0301~")
    assert rows[f"{provider}.separators"]["text"].endswith("one\u2028two\u2029three\x85four")


@both
def test_reasoning(rows: Rows, provider: str) -> None:
    told = rows[f"{provider}.reasoning"]
    assert told["text"] == "yes"
    if provider == "compatible":  # the other one does not know the field
        assert told["reasoningText"] == "let me see"


@both
def test_structured_output(rows: Rows, provider: str) -> None:
    assert rows[f"{provider}.schema"] == {"name": "text", "age": 1}


@both
@pytest.mark.parametrize("row", ["tools", "tools_streamed"])
def test_tools(rows: Rows, provider: str, row: str) -> None:
    told = rows[f"{provider}.{row}"]
    assert [call["input"] for call in told["toolCalls"]] == CITIES
    assert told["finishReason"] == "tool-calls"


@both
@pytest.mark.parametrize("row", ["tool_required", "tool_named"])
def test_a_forced_tool(rows: Rows, provider: str, row: str) -> None:
    assert [call["input"] for call in rows[f"{provider}.{row}"]["toolCalls"]] == [{"city": "text"}]


@both
def test_limits(rows: Rows, provider: str) -> None:
    told = rows[f"{provider}.limits"]
    assert (told["text"], told["finishReason"]) == ("word1 word2 word3", "length")


@both
def test_metadata(rows: Rows, provider: str) -> None:
    raised = rows.raised(f"{provider}.metadata")
    assert json.loads(raised["responseBody"])["error"]["code"] == "role_not_found"
    assert rows[f"{provider}.retrieval"]["text"] == "You said: hi"


@both
@pytest.mark.parametrize(
    ("row", "status", "words"),
    [
        ("error_400", 400, "refuses"),
        ("error_404", 404, "gpt-9"),
        ("error_429", 429, "busy"),
        ("error_500", 500, ""),
        ("error_503", 503, "loading"),
        ("error_long", 400, "8192"),
        ("error_before_stream", 503, "loading"),
    ],
)
def test_errors(rows: Rows, provider: str, row: str, status: int, words: str) -> None:
    raised = rows.raised(f"{provider}.{row}")
    assert raised["status"] == status
    assert words in raised["message"]
    assert json.loads(raised["responseBody"])["message"] == raised["message"]


@both
def test_what_will_fail_again_is_sent_once(rows: Rows, provider: str) -> None:
    assert rows.raised(f"{provider}.error_retried")["sent"] == 1


@both
def test_a_stream_that_breaks_off_raises(rows: Rows, provider: str) -> None:
    assert "broke off" in rows.raised(f"{provider}.breaks")["message"]


def test_the_other_api_names_the_way(rows: Rows) -> None:
    raised = rows.raised("responses")
    assert raised["status"] == 404
    assert "/v1/chat/completions" in raised["message"]
    assert ".chat(" in raised["message"]


@both
@pytest.mark.real_model
def test_the_real_model(real: Server, node: Path, provider: str) -> None:
    told = drive(node, DRIVER, real.url, f"{provider}.real")[f"{provider}.real"]
    assert told["text"].strip()
    assert told["finishReason"] in ("stop", "length")
