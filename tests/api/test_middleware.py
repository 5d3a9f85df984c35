"""Whose requests are taken: Host, Origin, CORS; and what every answer carries (`security.md` rows 1 and 2)."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.api.raw import exchange, head
from tests.api.server import Running, serving, wait_until
from tests.clients.wire import CHAT_ROUTES, KERNEL2, V1, Answer, has_both_shapes, request

from mecum.api.middleware import host_name

HI = b'{"messages": [{"role": "user", "content": "hi"}], "stream": false}'
END = ("Connection", "close")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND")
PATHS = (
    *CHAT_ROUTES,
    "/v1/models",
    "/v1/models/x",
    "/livez",
    "/readyz",
    "/api/kernel2/health",
    "/api/documents",
    "/api/documents/events",
    "/api/documents/x",
    "/api/documents/x/passages",
    "/api/documents/x/file",
    "/api/knowledge/search",
    "/api/backup",
    "/api/verify",
    "/api/forget",
    "/v1/embeddings",
    "/openapi.json",
    "/docs",
    "/",
    "/x",
)
PAGE = "https://chat.example.com"


@pytest.fixture(scope="module")
def listed() -> Iterator[Running]:
    """A server with names and web sites of its own."""
    hosts = ("Chat.Example.com", "[fe80::1]", "FE80::2", "box_1.lan:8443", ".", "")
    with serving(allowed_hosts=hosts, allowed_origins=(f"{PAGE}/", "HTTP://localhost:3000")) as running:
        yield running


def _ask(server: Running, headers: list[tuple[str, str]], *, method: str = "GET", path: str = "/livez") -> Answer:
    return exchange(server.port, head(method, path, [*headers, END]))


def _host(server: Running, host: str) -> int:
    return _ask(server, [("Host", host)]).status


# ---- Host


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "LocalHost", "localhost.", "localhost:8002", "localhost:", "localhost.:80", "127.0.0.1",
        "127.0.0.1:65535", "[::1]", "[::1]:8002", "[0:0:0:0:0:0:0:1]", "[0000::0001]:1",
    ],
)  # fmt: skip
def test_this_machine_is_served(server: Running, host: str) -> None:
    assert _host(server, host) == 200


@pytest.mark.parametrize(
    "host",
    [
        "", ".", ":", ":8002", "example.com", "example.com:8002", "localhost.example.com", "localhost..", "xlocalhost",
        "127.0.0.1.nip.io", "127.0.0.2", "0.0.0.0", "2130706433", "127.1", "[::]", "[::ffff:127.0.0.1]", "[::1%lo]", "::1",
        "[::1", "::1]", "[[::1]]", "[]", "[localhost]", "[::1]x", "[::1]:x", "localhost:x", "localhost:80:80",
        "localhost:123456",
        "localhost/", "user@localhost", "localhost, example.com", "localhost example.com", "localhost\xa0", "\xe9", "*",
    ],
)  # fmt: skip
def test_others_are_not(server: Running, host: str) -> None:
    error = has_both_shapes(_ask(server, [("Host", host)]), 403)
    assert error["code"] == "forbidden"
    assert "server.allowed_hosts" in error["message"]


@pytest.mark.parametrize(
    "headers", [[], [("Host", "localhost"), ("Host", "localhost")], [("Host", "localhost"), ("Host", "x")]]
)
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_one_host_and_no_more(server: Running, headers: list[tuple[str, str]], version: str) -> None:
    has_both_shapes(exchange(server.port, head("GET", "/livez", [*headers, END], version=version)), 403)


def test_a_foreign_url_in_the_request_line_changes_nothing(server: Running) -> None:
    assert _ask(server, [("Host", "localhost")], path="http://example.com/livez").status == 200
    assert _ask(server, [("Host", "example.com")], path="http://localhost/livez").status == 403


@pytest.mark.parametrize(
    "host", ["chat.example.com", "CHAT.example.com.:443", "[FE80::1]", "[fe80::2]:80", "box_1.lan", "localhost"]
)
def test_configured_names_are_served(listed: Running, host: str) -> None:
    assert _host(listed, host) == 200


@pytest.mark.parametrize("host", ["", ".", "[fe80::3]", "example.com", "[chat.example.com]", "x.chat.example.com"])
def test_no_others_beside_them(listed: Running, host: str) -> None:
    assert _host(listed, host) == 403


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("headers", [[("Host", "evil.test")], [("Host", "localhost"), ("Origin", "http://evil.test")]])
def test_strangers_are_refused_on_every_method_and_route(
    server: Running, method: str, headers: list[tuple[str, str]]
) -> None:
    """Also with a key that is right somewhere else, and whatever the body is."""
    fields = [
        *headers,
        ("Authorization", "Bearer x"),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(HI))),
        END,
    ]
    for path in PATHS:
        answer = exchange(server.port, head(method, path, fields) + HI)
        assert answer.status == 403, (path, answer)
        assert "access-control-allow-origin" not in answer.headers
    assert server.engine.prompts == []


def test_host_names() -> None:
    assert host_name("LOCALHOST:80") == "localhost"
    assert host_name("[::0001]") == "::1"
    assert host_name("[::1]:99999999") is None


# ---- Origin


def _post(server: Running, origin: str, *, host: str = "localhost:8002", kind: str = "application/json") -> Answer:
    headers = [("Host", host), ("Origin", origin), ("Content-Type", kind), ("Content-Length", str(len(HI))), END]
    return exchange(server.port, head("POST", V1, headers) + HI)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://localhost:8002", "localhost:8002"),
        ("https://localhost", "localhost"),
        ("http://LOCALHOST:8002", "localhost:8002"),
        ("http://[::1]:8002", "[::1]:8002"),
    ],
)
def test_our_own_page_may_ask(server: Running, origin: str, host: str) -> None:
    answer = _post(server, origin, host=host)
    assert answer.status == 200
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "origin",
    [
        "null", "", "*", "http://evil.test", "http://localhost", "http://localhost:3000", "http://127.0.0.1:8002", "ftp://localhost:8002",
        "localhost:8002", "//localhost:8002", "http://evil@localhost:8002", "http://localhost:8002@evil.test", "http://localhost:8002.",
        "http://localhost:8002/", "http://[", "http://[::1", "http://localhost:8002 http://evil.test", "file://", "chrome-extension://x",
    ],
)  # fmt: skip
def test_other_pages_may_not(server: Running, origin: str) -> None:
    error = has_both_shapes(_post(server, origin), 403)
    assert "server.allowed_origins" in error["message"]
    assert server.engine.prompts == []


def test_two_origins_are_both_looked_at(server: Running) -> None:
    origins = [("Origin", "http://localhost"), ("Origin", "http://evil.test")]
    assert _ask(server, [("Host", "localhost"), *origins]).status == 403


@pytest.mark.parametrize(("origin", "status"), [("http://evil.test", 403), ("null", 403), ("http://localhost:8002", 415)])
def test_a_form_of_another_site_reaches_no_engine(server: Running, origin: str, status: int) -> None:
    """`text/plain` needs no preflight: browsers send it across sites at once."""
    for kind in ("text/plain", "text/plain; application/json", "application/x-www-form-urlencoded"):
        has_both_shapes(_post(server, origin, kind=kind), status)
    assert server.engine.prompts == []


# ---- CORS


def _preflight(server: Running, origin: str, method: str = "POST", **more: str) -> Answer:
    fields = {"Origin": origin, "Access-Control-Request-Method": method, **{k.replace("_", "-"): v for k, v in more.items()}}
    return request(server.url, "OPTIONS", V1, None, fields)


@pytest.mark.parametrize("origin", [PAGE, "http://localhost:3000"])
def test_listed_pages_may_ask_and_read(listed: Running, origin: str) -> None:
    asked = "content-type, authorization, x-stainless-lang"
    preflight = _preflight(
        listed, origin, Access_Control_Request_Headers=asked, Access_Control_Request_Private_Network="true"
    )
    assert preflight.status == 200
    assert preflight.headers["access-control-allow-origin"] == origin
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert preflight.headers["access-control-allow-headers"] == asked
    assert preflight.headers["access-control-allow-private-network"] == "true"
    assert "access-control-allow-credentials" not in preflight.headers
    answer = _post(listed, origin)
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == origin
    assert "x-request-id" in answer.headers["access-control-expose-headers"]
    assert answer.headers["vary"] == "Origin"


def test_listed_pages_may_read_errors_and_streams(listed: Running) -> None:
    headers = {"Origin": PAGE, "Content-Type": "application/json"}
    for body, status in ((b"{", 400), (b'{"messages": [{"role": "user", "content": "hi"}]}', 200)):
        answer = request(listed.url, "POST", KERNEL2, body, headers)
        assert answer.status == status
        assert answer.headers["access-control-allow-origin"] == PAGE


@pytest.mark.parametrize(
    "origin", ["http://evil.test", "null", f"{PAGE}:8443", f"{PAGE}.evil.test", "http://chat.example.com", f"{PAGE}/"]
)
def test_pages_that_are_not_listed_get_no_cors(listed: Running, origin: str) -> None:
    for answer in (_preflight(listed, origin), _post(listed, origin)):
        has_both_shapes(answer, 403)
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_odd_preflights_have_both_shapes(listed: Running) -> None:
    has_both_shapes(_preflight(listed, PAGE, "BREW"), 400)
    own = _preflight(listed, listed.url)
    has_both_shapes(own, 400)
    assert "access-control-allow-origin" not in own.headers


def test_no_preflight_without_listed_pages(server: Running) -> None:
    has_both_shapes(_preflight(server, "http://evil.test"), 403)
    has_both_shapes(_preflight(server, server.url), 405)


def test_who_sends_no_origin_sees_no_difference(listed: Running) -> None:
    answer = request(listed.url, "GET", "/v1/models")
    assert answer.status == 200
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["vary"] == "Origin", "or a cache would hand this answer to a listed page"


# ---- what every answer carries


@pytest.mark.parametrize(
    ("method", "path", "body", "headers"),
    [
        ("GET", "/livez", None, {}),
        ("POST", KERNEL2, HI, {"Content-Type": "application/json"}),
        ("POST", KERNEL2, HI.replace(b"false", b"true"), {"Content-Type": "application/json"}),
        ("POST", KERNEL2, b"{", {"Content-Type": "application/json"}),
        ("POST", KERNEL2, HI.replace(b"hi", b"!refuse 500"), {"Content-Type": "application/json"}),
        ("GET", "/livez", None, {"Origin": "null"}),
        ("GET", "/nowhere", None, {}),
        ("GET", "/static/styles/base.css", None, {}),
    ],
)
def test_id_and_security_headers(
    server: Running, method: str, path: str, body: bytes | None, headers: dict[str, str]
) -> None:
    answer = request(server.url, method, path, body, headers)
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    named = request(server.url, method, path, body, {**headers, "X-Request-Id": "my-id_1.2"})
    assert named.headers["x-request-id"] == "my-id_1.2"


@pytest.mark.parametrize("ident", ["", "a b", "x" * 65, "a\tb", "\xe9", "a;b", "<script>"])
def test_an_improper_id_is_not_taken_over(server: Running, ident: str) -> None:
    answer = _ask(server, [("Host", "localhost"), ("X-Request-Id", ident)])
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])


def _told(caplog: pytest.LogCaptureFixture) -> str:
    """Return what was logged. uvicorn's own access log is off, but pytest listens to loggers that are."""
    return "\n".join(caplog.handler.format(record) for record in caplog.records if record.name != "uvicorn.access")


def _line(caplog: pytest.LogCaptureFixture) -> Any:
    """Return the one line of a request, which is written when its answer is out."""
    lines: list[Any] = []
    wait_until(lambda: lines.extend(r for r in list(caplog.records) if r.name == "mecum.access") or bool(lines), 5)
    (line,) = lines
    return line


def test_one_line_in_the_log_and_no_text_of_the_chat(server: Running, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    body = json.dumps({"messages": [{"role": "user", "content": "canary-1"}], "stream": False}).encode()
    fields = {"Content-Type": "application/json", "Authorization": "Bearer canary-2"}
    answer = request(server.url, "POST", f"{V1}?q=canary-3", body, fields)
    assert answer.text() == "You said: canary-1"
    line = _line(caplog)
    assert (line.getMessage(), line.status) == (f"POST {V1}", 200)
    assert "canary" not in _told(caplog)


def test_a_path_cannot_forge_lines(server: Running, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    request(server.url, "GET", "/a%0d%0ainfo%20forged%1b[31m" + "x" * 5000)
    line = _line(caplog)
    assert len(line.getMessage()) < 300
    assert not re.search(r"[\x00-\x1f]", line.getMessage())


def test_head_is_get_without_a_body(server: Running) -> None:
    for path in ("/livez", "/v1/models", "/openapi.json", "/api/kernel2/health"):
        answer = request(server.url, "HEAD", path)
        assert (answer.status, answer.body) == (200, b"")
        assert int(answer.headers["content-length"]) > 0
    nothing = request(server.url, "HEAD", V1)
    assert (nothing.status, nothing.headers["allow"], nothing.body) == (405, "POST", b"")
