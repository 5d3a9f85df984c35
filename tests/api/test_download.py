"""What is sent of a document's bytes: all of them, and never as a page of ours."""

from __future__ import annotations

import pytest
from tests.api.raw import connect, head
from tests.api.server import wait_until
from tests.api.uploads import DOCUMENTS, add, call, data, file
from tests.api.whole import Whole
from tests.clients.wire import request

PAGE = b"<script>alert(1)</script>"


@pytest.mark.parametrize("name", ["a.html", "a.svg", "a.js", "a.pdf", 'Köln "x".htm', "../../b.html"])
def test_it_is_for_the_disk(library: Whole, name: str) -> None:
    (document,) = add(library, file(name, PAGE))
    answer = request(library.url, "GET", f"{DOCUMENTS}/{document['id']}/file")
    assert (answer.status, answer.body) == (200, PAGE)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    assert "/" not in answer.headers["content-disposition"]
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-length"] == str(len(PAGE))


def test_a_large_and_an_empty_one(library: Whole) -> None:
    content = bytes(range(256)) * 4000
    large, empty = add(library, file("large.bin", content), file("empty.txt", b""), wait="searchable")
    assert request(library.url, "GET", f"{DOCUMENTS}/{large['id']}/file").body == content
    assert request(library.url, "GET", f"{DOCUMENTS}/{empty['id']}/file").body == b""


def test_only_its_head(library: Whole) -> None:
    (document,) = add(library, file("a.txt", "some words"))
    answer = request(library.url, "HEAD", f"{DOCUMENTS}/{document['id']}/file")
    assert (answer.status, answer.headers["content-length"], answer.body) == (200, "10", b"")


def test_a_client_that_leaves(library: Whole) -> None:
    (document,) = add(library, file("a.txt", b"some words " * 90_000), wait="searchable")
    for _ in range(5):
        with connect(library.port) as connection:
            connection.send(head("GET", f"{DOCUMENTS}/{document['id']}/file", {"Host": "localhost"}))
            connection.read_until(b"some words")
    data(call(library, "DELETE", f"{DOCUMENTS}/{document['id']}"))
    kept = library.home / "files" / document["sha256"][:2] / document["sha256"]
    wait_until(lambda: not kept.exists(), 5)
