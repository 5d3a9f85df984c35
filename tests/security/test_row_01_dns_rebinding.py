"""Row 1: a web site whose name was pointed at 127.0.0.1 asks our routes. `tests/api/test_middleware.py` has every Host.

Invariant: on a loopback bind such a request is 403 on every route, whoever's key it carries, and before it does anything.
"""

from __future__ import annotations

import pytest
from tests.api.people import ANN, People
from tests.api.raw import exchange, head
from tests.clients.wire import has_both_shapes
from tests.security.routes import Routes

REBOUND = [
    "evil.test",
    "evil.test:8002",
    "127.0.0.1.nip.io",
    "localhost.evil.test",
    "localhost@evil.test",
    "[::ffff:7f00:1]",
]


@pytest.mark.parametrize("host", REBOUND)
@pytest.mark.parametrize("who", [ANN, "the machine's token", None])
def test_every_route_with_every_key(known: People, routes: Routes, host: str, who: str | None) -> None:
    key = known.token if who == "the machine's token" else who
    for route in routes.all():
        answer = known.ask(key, route.method, route.at(), {} if route.takes else None, {"Host": host})
        error = has_both_shapes(answer, 403)
        assert error["code"] == "forbidden", route
        assert not [name for name in answer.headers if name.startswith(("access-control", "www-authenticate"))], route


def test_nothing_was_made_of_them(known: People) -> None:
    before = known.data(known.token, "GET", "/api/audit?limit=1000")["items"]
    for path in ("/api/keys", "/api/documents", "/api/kernel2/roles"):
        known.ask(
            known.token, "POST", path, {"name": "rebound", "documents": [{"path": "a", "text": "b"}]}, {"Host": "evil.test"}
        )
    assert known.data(known.token, "GET", "/api/audit?limit=1000")["items"] == before


def test_a_tunnel_or_another_site_in_the_request_line(known: People) -> None:
    for target in ("http://evil.test/v1/models", "//evil.test/v1/models", "evil.test:80"):
        fields = [("Host", "evil.test"), ("Authorization", f"Bearer {known.keys[ANN]}"), ("Connection", "close")]
        assert exchange(known.server.port, head("GET", target, fields)).status in (400, 403)
    for forwarded in ("X-Forwarded-Host", "X-Host", "Forwarded", "X-Original-Host"):
        answer = known.ask(ANN, "GET", "/v1/models", None, {"Host": "evil.test", forwarded: "localhost"})
        assert answer.status == 403
