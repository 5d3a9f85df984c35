"""Row 2: a page of another site uses the API in its visitor's browser. `tests/api/test_middleware.py` has every Origin.

Invariants, on every route: nothing tells a browser that another site may read an answer; what a page can send across sites
without asking first (`text/plain`, forms, no kind at all) reaches neither the engine nor the library.
"""

from __future__ import annotations

import json

import pytest
from tests.api.raw import exchange, head
from tests.api.server import Running
from tests.clients.wire import Answer, has_both_shapes, request
from tests.security.routes import ENDLESS, JSON, Route, Routes

EVIL = "https://evil.test"
SIMPLE = ["text/plain", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]


def sent(server: Running, route: Route, routes: Routes, kind: str | None, **more: str) -> Answer:
    """A request as a browser sends it: a body that would be right, of a kind that may not be."""
    body = json.dumps(routes.body(route, "hi")).encode() if JSON in route.takes else b"--x--"
    headers = {name.replace("_", "-"): value for name, value in more.items()}
    return request(server.url, route.method, route.at(), body, headers | ({"Content-Type": kind} if kind else {}))


@pytest.mark.parametrize("kind", [*SIMPLE, JSON])
@pytest.mark.parametrize("origin", [EVIL, "null", "http://localhost:3000"])
def test_another_sites_page_is_refused(server: Running, routes: Routes, kind: str, origin: str) -> None:
    for route in routes.all():
        answer = sent(server, route, routes, kind, Origin=origin)
        assert has_both_shapes(answer, 403)["code"] == "forbidden", route
        assert not [name for name in answer.headers if name.startswith("access-control")]
    assert server.engine.prompts == []


@pytest.mark.parametrize("kind", [*SIMPLE[:3], None])
def test_a_body_that_needs_no_preflight_is_none(server: Running, routes: Routes, kind: str | None) -> None:
    """Also from an old browser, which sends no Origin with a form."""
    for route in routes.documented():
        if route.takes:
            assert has_both_shapes(sent(server, route, routes, kind), 415)["code"] == "unsupported_media_type", route
    assert server.engine.prompts == []
    assert request(server.url, "GET", "/api/documents").json()["data"]["total"] == 0


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_nothing_is_there_to_be_embedded(server: Running, routes: Routes, site: str) -> None:
    """`<img>` and `<script>` of another page send no Origin, and a copy of the library is work. A link may lead here."""
    for route in routes.all():
        if route.method != "GET" or route.path == ENDLESS:
            continue
        embedded = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
        assert request(server.url, "GET", route.at(), None, embedded).status == 403, route
        for ours in ({"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"}, {"Sec-Fetch-Site": "same-origin"}, {}):
            answer = request(server.url, "GET", route.at(), None, ours)
            assert answer.status != 403, route
            assert answer.headers["cross-origin-resource-policy"] == "same-origin", route
            assert answer.headers["x-content-type-options"] == "nosniff", route
            assert "access-control-allow-origin" not in answer.headers


def test_no_preflight_is_granted(server: Running, routes: Routes) -> None:
    for route in routes.all():
        fields = [
            ("Host", "localhost"),
            ("Origin", EVIL),
            ("Access-Control-Request-Method", route.method),
            ("Connection", "close"),
        ]
        answer = exchange(
            server.port, head("OPTIONS", route.at(), [*fields, ("Access-Control-Request-Private-Network", "true")])
        )
        assert answer.status == 403, route
        assert not [name for name in answer.headers if name.startswith("access-control")]
