"""Links to passages: `rulings.md` 10."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from mecum.api.links import passage_url
from mecum.settings.schema import ServerSettings
from mecum.types import Hit

HIT = Hit(1, "doc", "title", "notes.md", None, "chunk", 0.5, "text")


def _request(host: str, *, scheme: str = "http") -> Request:
    return Request(
        {"type": "http", "scheme": scheme, "path": "/x", "query_string": b"a=b", "headers": [(b"host", host.encode())]}
    )


@pytest.mark.parametrize("host", ["localhost:8002", "[::1]:8002", "mecum.lan"])
def test_the_host_that_was_asked(host: str) -> None:
    assert passage_url(_request(host), ServerSettings(), HIT) == f"http://{host}/#/d/doc/chunk"
    assert passage_url(_request(host, scheme="https"), ServerSettings(), HIT) == f"https://{host}/#/d/doc/chunk"


@pytest.mark.parametrize("public", ["https://mecum.example.com/docs", "https://mecum.example.com/docs/"])
def test_a_public_address_wins(public: str) -> None:
    url = passage_url(_request("localhost"), ServerSettings(public_url=public), HIT)
    assert url == "https://mecum.example.com/docs/#/d/doc/chunk"
