"""ONE table from exception to status, and one body for both contracts, whatever goes wrong."""

from __future__ import annotations

import inspect
import io
import logging
from collections.abc import Iterator

import pytest
from tests.api.server import Running
from tests.clients.wire import CHAT_ROUTES, KERNEL2, V1, asks, check_shapes, has_both_shapes, post

from mecum import errors
from mecum.api.errors import TABLE, body_of, response_of, row_of
from mecum.api.openapi import STATUSES
from mecum.observe.log import _TextFormatter

# Each class, what it is answered with, and the headers that clients act on.
EXPECTED: dict[type[errors.MecumError], tuple[int, str, dict[str, str]]] = {
    errors.MecumError: (500, "internal_error", {"x-should-retry": "false"}),
    errors.InvalidRequest: (400, "invalid_request", {}),
    errors.UnsupportedParameter: (400, "unsupported_parameter", {}),
    errors.ContextTooLong: (400, "context_length_exceeded", {}),
    errors.NameTaken: (409, "name_taken", {}),
    errors.ModelInUse: (409, "model_in_use", {}),
    errors.UnsupportedMediaType: (415, "unsupported_media_type", {}),
    errors.BodyTooLarge: (413, "body_too_large", {"connection": "close"}),
    errors.BodyTooSlow: (400, "body_too_slow", {"connection": "close"}),
    errors.Unauthorized: (401, "invalid_api_key", {"connection": "close", "www-authenticate": "Bearer"}),
    errors.Refused: (403, "forbidden", {}),
    errors.ScopeMissing: (403, "insufficient_scope", {}),
    errors.NotFound: (404, "not_found", {}),
    errors.ModelNotFound: (404, "model_not_found", {}),
    errors.RoleNotFound: (404, "role_not_found", {}),
    errors.DocumentNotFound: (404, "document_not_found", {}),
    errors.KeyNotFound: (404, "key_not_found", {}),
    errors.Busy: (503, "busy", {"retry-after": "9"}),
    errors.QueueFull: (429, "queue_full", {"retry-after": "9"}),
    errors.RateLimited: (429, "rate_limit_exceeded", {"retry-after": "9"}),
    errors.QueueTimeout: (503, "queue_timeout", {"retry-after": "9"}),
    errors.ModelLoading: (503, "model_loading", {"retry-after": "9"}),
    errors.EmbedderNotReady: (503, "embedder_not_ready", {"retry-after": "9"}),
    errors.RetrievalFailed: (503, "retrieval_failed", {"retry-after": "9"}),
    errors.Draining: (503, "draining", {"retry-after": "9"}),
    errors.EngineError: (502, "engine_error", {}),
    errors.EngineDown: (503, "engine_error", {"retry-after": "9"}),
    errors.EngineBroke: (502, "engine_error", {}),
    errors.EngineRefused: (502, "engine_error", {"x-should-retry": "false"}),
    errors.StoreError: (500, "store_error", {}),
    errors.StoreFull: (507, "store_full", {"x-should-retry": "false"}),
    errors.StartError: (500, "start_error", {"x-should-retry": "false"}),
    errors.SettingsError: (500, "start_error", {"x-should-retry": "false"}),
    errors.AddressInUse: (500, "start_error", {"x-should-retry": "false"}),
    errors.HomeInUse: (500, "start_error", {"x-should-retry": "false"}),
    errors.EngineStartError: (503, "engine_error", {"x-should-retry": "false"}),
    errors.StoreStartError: (500, "store_error", {"x-should-retry": "false"}),
}


def _make(kind: type[errors.MecumError]) -> errors.MecumError:
    if issubclass(kind, errors.ContextTooLong):
        return kind(prompt_tokens=9, context=8)
    if issubclass(kind, errors.Busy | errors.EngineDown):
        return kind("What went wrong here.", retry_after=9)
    return kind("What went wrong here.")


def test_every_class_is_expected() -> None:
    """One that has neither a row nor a code of its own is answered as its parent is."""
    kinds = {kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.MecumError)}
    assert set(EXPECTED) <= kinds
    for kind in kinds - set(EXPECTED):
        assert kind not in TABLE
        assert "code" not in vars(kind)


@pytest.mark.parametrize("kind", EXPECTED, ids=lambda kind: kind.__name__)
def test_each_class(kind: type[errors.MecumError]) -> None:
    status, code, headers = EXPECTED[kind]
    error = _make(kind)
    response = response_of(error)
    assert check_shapes(body_of(error), status)["code"] == code
    assert response.status_code == status
    acted_on = {
        name: response.headers[name]
        for name in ("retry-after", "x-should-retry", "connection", "www-authenticate")
        if name in response.headers
    }
    assert acted_on == headers


def test_every_status_is_documented() -> None:
    assert {row.status for row in TABLE.values()} <= set(STATUSES) | {409}  # which no chat is answered with (`wire.md`)


def test_a_new_class_takes_its_parents_row() -> None:
    class NewError(errors.QueueFull):
        pass

    assert row_of(NewError("x")).status == 429


# ---- crashes


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that the program would write, in its own format."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_TextFormatter())
    root = logging.getLogger()
    root.addHandler(handler)
    level = root.level
    root.setLevel(logging.INFO)
    yield stream
    root.setLevel(level)
    root.removeHandler(handler)


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize("stream", [True, False])
def test_a_crash_before_the_answer(server: Running, path: str, stream: bool, log: io.StringIO) -> None:
    """The script makes the engine raise a ValueError that quotes the chat."""
    answer = post(server.url, path, asks("!silent xylophone", stream=stream))
    error = has_both_shapes(answer, 500)
    assert error["code"] == "internal_error"
    assert answer.headers["x-should-retry"] == "false"
    assert b"xylophone" not in answer.body
    _check_log(log, answer.headers["x-request-id"])


@pytest.mark.parametrize("path", CHAT_ROUTES)
def test_a_crash_in_the_middle(server: Running, path: str, log: io.StringIO) -> None:
    answer = post(server.url, path, asks("!say one two\n!words xylophone", stream=True))
    chunks, failed = answer.failure()
    assert [chunk["choices"][0]["delta"].get("content") for chunk in chunks] == ["", "one", " two"]
    assert (failed.pop("choices", None) is not None) is (path == KERNEL2)
    assert check_shapes(failed, 500)["code"] == "internal_error"
    assert b"xylophone" not in answer.body
    _check_log(log, answer.headers["x-request-id"])


def test_a_crash_in_the_middle_of_a_plain_answer(server: Running, log: io.StringIO) -> None:
    answer = post(server.url, V1, asks("!say one two\n!words xylophone"))
    has_both_shapes(answer, 500)
    _check_log(log, answer.headers["x-request-id"])


def _check_log(log: io.StringIO, request_id: str) -> None:
    """One traceback, found by the id that the client was told, and not a word of the chat."""
    written = log.getvalue()
    assert written.count("unexpected error") == 1
    assert written.count("scripted.py") >= 1
    assert written.count("ValueError") == 1
    assert f"unexpected error request={request_id}" in written
    assert "xylophone" not in written


def test_an_expected_error_leaves_no_traceback(server: Running, log: io.StringIO) -> None:
    post(server.url, V1, asks("!refuse 503"))
    post(server.url, V1, asks("!say a\n!break", stream=True))
    assert "Error" not in log.getvalue()
    assert "answer broke off: engine_error" in log.getvalue()
