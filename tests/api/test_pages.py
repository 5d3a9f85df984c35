"""The pages and their files: compressed, kept while they are the same, asked for anew otherwise."""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

import pytest
from starlette.datastructures import Headers
from tests.api.server import Running
from tests.clients.wire import request

from mecum.api.pages import PAGES, Files

ASKS = {"Accept-Encoding": "br, gzip;q=0.8"}


@pytest.mark.parametrize("path", PAGES)
def test_a_page_names_its_files_with_their_version(server: Running, path: str) -> None:
    page = request(server.url, "GET", path)
    names = re.findall(r'"(/static/v[0-9a-f]{12}/[^"]+)"', page.body.decode())
    assert len(names) > 2
    assert page.body.decode().count("/static/") == len(names)
    for name in names:
        file = request(server.url, "GET", name)
        assert (file.status, file.headers["cache-control"]) == (200, "public, max-age=31536000, immutable"), name


def test_a_page_that_is_the_same_is_not_sent_again(server: Running) -> None:
    page = request(server.url, "GET", "/")
    assert page.headers["cache-control"] == "no-cache"
    again = request(server.url, "GET", "/", None, {"If-None-Match": page.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


def test_another_version_is_not_kept(server: Running) -> None:
    for path in ("/static/app.js", "/static/v000000000000/app.js"):
        file = request(server.url, "GET", path)
        assert (file.status, file.headers["cache-control"]) == (200, "no-cache")
        again = request(server.url, "GET", path, None, {"If-None-Match": file.headers["etag"]})
        assert (again.status, again.headers["cache-control"]) == (304, "no-cache")


@pytest.mark.parametrize("path", ["/", "/static/app.js", "/static/styles/base.css", "/static/vendor/temml/temml.mjs"])
def test_texts_are_compressed(server: Running, path: str) -> None:
    plain, small = request(server.url, "GET", path), request(server.url, "GET", path, None, ASKS)
    assert "content-encoding" not in plain.headers
    assert small.headers["content-encoding"] == "gzip"
    assert gzip.decompress(small.body) == plain.body
    assert int(small.headers["content-length"]) == len(small.body) < len(plain.body)
    assert small.headers["content-type"] == plain.headers["content-type"]
    assert plain.headers["vary"] == small.headers["vary"] == "Accept-Encoding"
    again = request(server.url, "GET", path, None, {**ASKS, "If-None-Match": small.headers["etag"]})
    assert (again.status, again.headers["vary"]) == (304, "Accept-Encoding")


@pytest.mark.parametrize("refusal", ["", "br", "gzip;q=0", "gzip; q=0.00", "identity"])
def test_who_does_not_take_it_gets_it_as_it_is(server: Running, refusal: str) -> None:
    file = request(server.url, "GET", "/static/app.js", None, {"Accept-Encoding": refusal})
    assert "content-encoding" not in file.headers


def test_answers_of_the_api_are_not_compressed(server: Running) -> None:
    """A secret beside a text that somebody else chose would tell its length (BREACH)."""
    assert "content-encoding" not in request(server.url, "GET", "/openapi.json", None, ASKS).headers


async def test_a_file_that_changes_has_another_version(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text('<script src="/static/a.js"></script>')
    script = tmp_path / "a.js"
    script.write_text("one")
    files = Files(tmp_path)
    scope = {"type": "http", "method": "GET", "headers": [(b"accept-encoding", b"gzip")]}
    before = bytes((await files.page("page.html", Headers())).body)
    assert gzip.decompress(bytes((await files.get_response("a.js", scope)).body)) == b"one"
    script.write_text("two")
    os.utime(script, (1, 1))
    after = bytes((await files.page("page.html", Headers())).body)
    assert before != after
    assert gzip.decompress(bytes((await files.get_response("a.js", scope)).body)) == b"two"
