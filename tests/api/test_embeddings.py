"""`/v1/embeddings`: OpenAI's protocol over our embedder."""

from __future__ import annotations

import base64
import struct
from pathlib import Path
from typing import Any

import pytest
from tests.api.uploads import call
from tests.api.whole import Whole, whole
from tests.clients.wire import Answer, has_both_shapes
from tests.engine.embedder.encoders import network, put

from mecum.types import Json

EMBEDDINGS = "/v1/embeddings"


def embed(server: Whole, given: Any, **fields: Any) -> Answer:
    return call(server, "POST", EMBEDDINGS, {"input": given, **fields})


def test_one_text(library: Whole) -> None:
    body = embed(library, "the red fox", model="mecum").json()
    assert set(body) == {"object", "data", "model", "usage"}
    assert (body["object"], body["model"]) == ("list", "scripted")
    assert body["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    (only,) = body["data"]
    assert (only["object"], only["index"], len(only["embedding"])) == ("embedding", 0, 64)
    assert sum(value * value for value in only["embedding"]) == pytest.approx(1, abs=1e-5)


def test_many_texts_in_order(library: Whole) -> None:
    texts = [f"text number {number}" for number in range(100)]
    body = embed(library, texts).json()
    assert [one["index"] for one in body["data"]] == list(range(100))
    assert body["usage"]["total_tokens"] == 300
    assert embed(library, texts[7]).json()["data"][0]["embedding"] == body["data"][7]["embedding"]


def test_base64(library: Whole) -> None:
    plain = embed(library, ["a fox", "a whale"]).json()
    packed = embed(library, ["a fox", "a whale"], encoding_format="base64").json()
    for one, other in zip(plain["data"], packed["data"], strict=True):
        values = struct.unpack("<64f", base64.b64decode(other["embedding"]))
        assert one["embedding"] == pytest.approx(values)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"model": None},
        {"model": "mecum"},
        {"model": "scripted"},
        {"dimensions": 64},
        {"user": "ann"},
        {"input_type": "passage"},
        {"truncate": False},
    ],
)
def test_what_may_be_said(library: Whole, fields: Json) -> None:
    assert embed(library, "a fox", **fields).status == 200


@pytest.mark.parametrize("given", [[1, 2, 3], [[1, 2], [3]], [0], [[]], [True]])
def test_token_ids_get_the_way_out(library: Whole, given: Any) -> None:
    error = has_both_shapes(embed(library, given), 400)
    assert error["param"] == "input"
    assert "check_embedding_ctx_length=False" in error["message"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", ""]}, "input"),
        ({"input": ["a", 1]}, "input"),
        ({"input": {}}, "input"),
        ({"input": None}, "input"),
        ({"input": ["a"] * 2049}, "input"),
        ({"input": "a", "encoding_format": "int8"}, "encoding_format"),
        ({"input": "a", "dimensions": 65}, "dimensions"),
        ({"input": "a", "dimensions": "64"}, "dimensions"),
        ({"input": "a", "input_type": "document"}, "input_type"),
        ({"input": "a", "model": 1}, "model"),
    ],
)
def test_what_it_refuses(library: Whole, body: Json, param: str) -> None:
    error = has_both_shapes(call(library, "POST", EMBEDDINGS, body), 400)
    assert error["param"] == param


@pytest.mark.parametrize("model", ["text-embedding-3-small", "default", "multilingual-e5-large"])
def test_other_models(library: Whole, model: str) -> None:
    error = has_both_shapes(embed(library, "a", model=model), 404)
    assert (error["code"], error["param"]) == ("model_not_found", "model")
    assert "'scripted' or 'mecum'" in error["message"]


def test_a_text_that_is_too_long(library: Whole) -> None:
    long = "word " * 600
    error = has_both_shapes(embed(library, ["short", long]), 400)
    assert error["param"] == "input"
    assert error["message"].startswith("Text 1 of input is longer than the 512 tokens that scripted reads.")
    assert embed(library, ["short", long], truncate=True).json()["usage"]["total_tokens"] == 513
    assert embed(library, "x" * 600_000).status == 413


def test_the_most_texts(library: Whole) -> None:
    body = embed(library, ["a fox"] * 2048, encoding_format="base64").json()
    assert len(body["data"]) == 2048


def test_a_text_of_which_the_model_makes_no_numbers(tmp_path: Path) -> None:
    folder = put(tmp_path / "tiny", model_onnx=network(broken="whale"))
    with whole(tmp_path / "home", library={"embedder": str(folder)}) as server:
        error = has_both_shapes(embed(server, ["a fox", "a whale", "a whale"]), 502)
        assert error["code"] == "engine_error"
        assert error["message"].startswith("tiny makes no vector of text 1 of input")
        assert embed(server, "a fox").status == 200
