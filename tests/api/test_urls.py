"""Every URL there is, and what the others answer."""

from __future__ import annotations

import pytest
from tests.api.server import Running
from tests.clients.wire import CHAT_ROUTES, has_both_shapes, request

GETS = (
    "/livez",
    "/readyz",
    "/api/kernel2/health",
    "/v1/models",
    "/v1/models/x",
    "/api/kernel2/models",
    "/openapi.json",
    "/",
    "/docs",
    "/api/verify",
    "/api/backup",
)
NOWHERE = (
    "/x", "/v1", "/v1/", "/api", "/api/kernel2", "/api/kernel2/chat/", "/v1/chat/completions/", "/v1/chat", "/livez/",
    "/redoc", "/static", "/static/", "/static/nothing.js", "/static/../urls.py", "/static/%2e%2e/__init__.py", "/static/%00",
    "/api/documents/", "/api/documents/x/y", "/api/documents/x/file/", "/api/knowledge", "/static/" + "x" * 3000, "//livez",
    "/%2e%2e/etc/passwd", "/%ff", "/%C3%A9", "/v1/engines", "/v1/responses/x",
)  # fmt: skip


@pytest.mark.parametrize("path", NOWHERE)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_nothing_there(server: Running, path: str, method: str) -> None:
    answer = request(server.url, method, path)
    if path.startswith("/static/") and method != "GET":
        assert has_both_shapes(answer, 405)
        return
    error = has_both_shapes(answer, 404)
    assert error["code"] == "not_found"
    assert error["message"].startswith(f"There is nothing at {method} /")
    assert len(error["message"]) < 400


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "LINK"])
def test_chat_routes_take_post_only(server: Running, method: str) -> None:
    for path in (*CHAT_ROUTES, "/v1/responses", "/v1/completions"):
        answer = request(server.url, method, path)
        error = has_both_shapes(answer, 405)
        assert (error["code"], error["message"]) == ("method_not_allowed", f"{path} does not answer {method}.")
        assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
def test_other_routes_take_get_only(server: Running, method: str) -> None:
    for path in (*GETS, "/static/styles/base.css"):
        answer = request(server.url, method, path)
        has_both_shapes(answer, 405)
        assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/completions"])
def test_other_protocols_are_told_where_to_go(server: Running, path: str) -> None:
    error = has_both_shapes(request(server.url, "POST", path, b"x"), 404)
    assert "/v1/chat/completions" in error["message"]
    assert "chat completions" in error["message"]
    assert "base_url" in error["message"]


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages(server: Running, path: str) -> None:
    answer = request(server.url, "GET", path)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    for rule in (
        "default-src 'self'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "object-src 'none'",
    ):
        assert rule in answer.headers["content-security-policy"]


def test_get_needs_no_body_and_reads_none(server: Running) -> None:
    answer = request(server.url, "GET", "/livez", b"x" * 100_000, {"Content-Type": "text/plain"})
    assert answer.status == 200
