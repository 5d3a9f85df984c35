"""One mecum makes the vectors of another: `/v1/embeddings` over what is active, and what is said when that is down."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.api.uploads import add, call, file
from tests.api.whole import whole
from tests.clients.wire import has_both_shapes

EMBEDDINGS = "/v1/embeddings"


def test_what_is_active_is_served_and_named(tmp_path: Path) -> None:
    with whole(tmp_path / "one") as one:
        url = f"{one.url}/v1"
        settings = {"embedder": "local", "embedder_url": url, "embedder_model": "mecum"}
        with whole(tmp_path / "two", library=settings) as two:
            body = call(two, "POST", EMBEDDINGS, {"input": ["the red fox", "a whale"]}).json()
            theirs = call(one, "POST", EMBEDDINGS, {"input": ["the red fox", "a whale"]}).json()
            assert body["model"] == "mecum"
            assert body["usage"] == theirs["usage"]
            for ours, other in zip(body["data"], theirs["data"], strict=True):
                assert ours["embedding"] == pytest.approx(other["embedding"], abs=1e-6)
            refused = has_both_shapes(call(two, "POST", EMBEDDINGS, {"input": "word " * 600}), 400)
            assert (refused["param"], "truncate" in refused["message"]) == ("input", True)
            has_both_shapes(call(two, "POST", EMBEDDINGS, {"input": "a", "model": "scripted"}), 404)
            counts = call(two, "GET", "/api/documents/counts").json()["data"]["embedder"]
            assert (counts["state"], counts["model"], counts["rebuilding"]) == ("ready", "mecum", False)
            assert [one["id"] for one in call(two, "GET", "/v1/models").json()["data"]] != ["mecum"]


def test_a_server_that_is_not_there_is_said_where_vectors_are_wanted(tmp_path: Path) -> None:
    settings = {"embedder": "local", "embedder_url": "http://127.0.0.1:9/v1", "embedder_model": "x"}
    with whole(tmp_path / "home", library=settings) as alone:
        error = has_both_shapes(call(alone, "POST", EMBEDDINGS, {"input": "a", "dimensions": 3}), 503)
        assert error["code"] == "embedder_not_ready"
        assert "http://127.0.0.1:9/v1 cannot be reached" in error["message"]
        add(alone, file("note.md", "The red fox sleeps."), wait="searchable")
        found = call(alone, "POST", "/api/knowledge/search", {"query": "fox"}).json()["data"]
        assert found["retrieval"]["mode"] == "keyword"
