"""What is put around texts."""

from __future__ import annotations

import tomllib
from importlib.resources import files

import pytest

from mecum.engine.embedder.forms import TEXT, Forms, forms_of


@pytest.mark.parametrize(
    ("name", "query", "passage"),
    [
        ("multilingual-e5-base", "query: x", "passage: x"),
        ("intfloat/e5-small-v2", "query: x", "passage: x"),
        ("multilingual-e5-large-instruct", "x", "x"),
        ("nomic-embed-text-v1.5", "search_query: x", "search_document: x"),
        ("nomic-embed-text:latest", "search_query: x", "search_document: x"),
        ("BGE Small EN v1.5", "Represent this sentence for searching relevant passages: x", "x"),
        ("bge-m3", "x", "x"),
        ("embeddinggemma-300m", "task: search result | query: x", "title: none | text: x"),
        ("all-minilm-l6-v2", "x", "x"),
        ("the5-smaller", "x", "x"),
    ],
)
def test_a_name_tells_the_forms(name: str, query: str, passage: str) -> None:
    forms = forms_of("something", name)
    assert (forms.of("query", "x"), forms.of("passage", "x")) == (query, passage)


def test_a_text_may_hold_anything() -> None:
    assert Forms("a {text}").of("query", r"{text} \1 {0}") == r"a {text} \1 {0}"


def test_each_row_names_its_page_and_has_the_text_once() -> None:
    rows = tomllib.loads(files("mecum.engine.embedder").joinpath("forms.toml").read_text(encoding="utf-8"))["model"]
    for row in rows:
        assert set(row) == {"name", "query", "passage", "page"}
        assert row["page"].startswith("https://")
        assert row["query"].count(TEXT) == row["passage"].count(TEXT) == 1
