"""What a key must be for: every route that there is, and the row that it has."""

from __future__ import annotations

import pytest
from tests.api.server import Running
from tests.clients.wire import request

from mecum.api.needs import described, need_of

# What a program can ask, with what it needs. A route that is not here fails the test, on purpose.
EXPECTED = {
    "nothing": {"/livez", "/readyz", "/api/kernel2/health"},
    "chat": {
        *("/api/kernel2/chat", "/api/kernel2/chat/completions", "/v1/chat/completions"),
        *("/v1/models", "/v1/models/{model}", "/api/kernel2/models", "/api/kernel2/models/{model}", "/v1/embeddings"),
        *("/api/kernel2/roles", "/api/kernel2/roles/{uuid}", "/api/kernel2/username"),
    },
    "documents": {
        *("/api/documents", "/api/documents/list", "/api/documents/events", "/api/documents/counts"),
        "/api/documents/facets",
        *("/api/documents/{document_id}", "/api/documents/{document_id}/passages", "/api/documents/{document_id}/file"),
        *("/api/knowledge/search", "/api/memories/file", "/api/memories/file/{filename}"),
    },
    "admin": {
        *("/api/keys", "/api/keys/open", "/api/keys/{key_id}", "/api/audit"),
        *("/api/backup", "/api/verify", "/api/forget"),
        *("/api/models", "/api/models/{name}/load", "/api/models/{name}/unload"),
    },
}


def test_every_route_has_its_row(shared: Running) -> None:
    paths = request(shared.url, "GET", "/openapi.json").json()["paths"]
    assert {need: {path for path in paths if need_of(path) == need} for need in EXPECTED} == EXPECTED
    assert set(paths) == set().union(*EXPECTED.values())


@pytest.mark.parametrize(
    ("path", "need"),
    [
        ("/", "nothing"),
        ("/docs", "nothing"),
        ("/static/app.js", "nothing"),
        ("/static/../api/keys", "nothing"),  # the files' own route sees it so too, and has no such file
        ("/openapi.json", "any key"),
        ("/v1/responses", "chat"),
        ("/v1", "admin"),
        ("/static", "admin"),
        ("/staticx", "admin"),
        ("/api/documentsx", "admin"),
        ("/api/documents/", "documents"),
        ("/API/documents", "admin"),
        ("//livez", "admin"),
        ("/livez/", "admin"),
        ("/livez/x", "admin"),
        ("", "admin"),
        ("/metrics", "admin"),
        ("/anything/new", "admin"),
    ],
)
def test_paths_that_are_nobodys_are_the_administrators(path: str, need: str) -> None:
    assert need_of(path) == need


def test_the_document_says_so() -> None:
    assert described("/livez", closed=True) == {"security": []}
    assert described("/v1/models", closed=True) == {"security": [{"key": ["chat"]}]}
    assert described("/v1/models", closed=False) == {"security": [{"key": ["chat"]}, {}]}
    assert described("/openapi.json", closed=True) == {"security": [{"key": []}]}
