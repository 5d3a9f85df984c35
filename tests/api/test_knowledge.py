"""Search over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.api.uploads import add, call, data, field, file
from tests.api.whole import Whole, whole
from tests.clients.wire import has_both_shapes, request

from mecum.types import Json

SEARCH = "/api/knowledge/search"
HIT = {
    "document_id", "path", "title", "collection", "kind", "page", "last_page", "heading", "chunk_id", "score",
    "text", "url", "date",
}  # fmt: skip


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """A library with three documents, of which one is somebody's secret collection."""
    with whole(tmp_path_factory.mktemp("filled") / "home", public_url="https://me.example/docs/") as server:
        add(server, field("date", "100"), file("notes/harvest.md", "# Harvest\n\nThe harvest of 1987 was good."))
        add(server, field("date", "200"), file("notes/winter.txt", "The winter of 1987 was long and cold."))
        add(server, file("cars.txt", "The red car needs new tyres."), field("collection", "garage"))
        yield server


def search(server: Whole, query: str, **fields: object) -> Json:
    return dict(data(call(server, "POST", SEARCH, {"query": query, **fields})))


def found(server: Whole, query: str, **fields: object) -> list[str]:
    return [hit["path"] for hit in search(server, query, **{"min_score": 0, **fields})["hits"]]


def test_a_question_and_its_passage(filled: Whole) -> None:
    answer = search(filled, "How was the harvest of 1987?", k=1)
    (hit,) = answer["hits"]
    assert set(hit) == HIT
    assert (hit["path"], hit["title"], hit["heading"], hit["kind"], hit["page"]) == (
        "notes/harvest.md",
        "Harvest",
        "Harvest",
        "markdown",
        None,
    )
    assert "The harvest of 1987 was good." in hit["text"]
    assert 0 < hit["score"] <= 1
    assert hit["date"] == 100
    assert hit["url"] == f"https://me.example/docs/#/d/{hit['document_id']}/{hit['chunk_id']}"
    assert set(answer["retrieval"]) == {"status", "mode", "query", "k", "ms"}
    assert (answer["retrieval"]["status"], answer["retrieval"]["mode"], answer["retrieval"]["k"]) == ("ok", "hybrid", 1)
    document = data(call(filled, "GET", f"/api/documents/{hit['document_id']}"))
    assert document["path"] == "notes/harvest.md"


def test_without_a_public_address_it_is_the_one_that_was_asked(library: Whole) -> None:
    add(library, file("a.txt", "The harvest was good."))
    body = b'{"query": "harvest", "min_score": 0}'
    answer = request(library.url, "POST", SEARCH, body, {"Content-Type": "application/json", "Host": "localhost:1234"})
    (hit,) = data(answer)["hits"]
    assert hit["url"].startswith("http://localhost:1234/#/d/")


def test_what_the_library_does_not_answer(filled: Whole) -> None:
    answer = search(filled, "Quantum chromodynamics?")
    assert (answer["hits"], answer["retrieval"]["status"]) == ([], "empty")


def test_filters(filled: Whole) -> None:
    assert set(found(filled, "1987 car")) == {"notes/harvest.md", "notes/winter.txt", "cars.txt"}
    assert found(filled, "1987 car", collections="garage") == ["cars.txt"]
    assert found(filled, "1987 car", collections=["garage", "none"]) == ["cars.txt"]
    assert found(filled, "1987 car", path_prefix="notes/w") == ["notes/winter.txt"]
    assert found(filled, "1987 car", kind="markdown") == ["notes/harvest.md"]
    assert set(found(filled, "1987 car", kind=["markdown", "text"], path_prefix="notes/")) == {
        "notes/harvest.md",
        "notes/winter.txt",
    }
    assert found(filled, "1987 car", since=150) == ["notes/winter.txt"]
    assert found(filled, "1987 car", since=50, until=150) == ["notes/harvest.md"]
    assert len(found(filled, "1987 car", k=2)) == 2


@pytest.mark.parametrize("mode", ["hybrid", "keyword", "vector"])
def test_modes(filled: Whole, mode: str) -> None:
    answer = search(filled, "harvest", mode=mode, min_score=0)
    assert answer["retrieval"]["mode"] == mode
    assert answer["hits"][0]["path"] == "notes/harvest.md"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"query": ""}, "query"),
        ({"query": " \n"}, "query"),
        ({"query": None}, "query"),
        ({"query": "x" * 4097}, "query"),
        ({"k": 0}, "k"),
        ({"k": 101}, "k"),
        ({"mode": "magic"}, "mode"),
        ({"min_score": 1.5}, "min_score"),
        ({"collections": [1]}, "collections.0"),
        ({"collections": ["x"] * 65}, "collections"),
        ({"kind": ""}, "kind.0"),
        ({"since": "yesterday"}, "since"),
        ({"since": 2, "until": 1}, "until"),
        ({"path_prefix": "x" * 1025}, "path_prefix"),
    ],
)
def test_what_it_refuses(filled: Whole, fields: Json, param: str) -> None:
    error = has_both_shapes(call(filled, "POST", SEARCH, {"query": "harvest", **fields}), 400)
    assert error["param"] == param


def test_without_an_embedder(tmp_path: Path) -> None:
    with whole(tmp_path / "home", library={"embedder": "none"}) as server:
        add(server, file("a.txt", "The harvest was good."))
        assert search(server, "harvest")["retrieval"]["mode"] == "keyword"
        error = has_both_shapes(call(server, "POST", SEARCH, {"query": "harvest", "mode": "vector"}), 503)
        assert error["code"] == "embedder_not_ready"
        error = has_both_shapes(call(server, "POST", "/v1/embeddings", {"input": "harvest"}), 503)
        assert error["code"] == "embedder_not_ready"
        assert len(error["message"]) > 15
        counts = data(call(server, "GET", "/api/documents/counts"))
        assert (counts["documents"]["searchable"], counts["embedder"]["identity"]) == (1, "")
        assert counts["embedder"]["state"] != "ready"
