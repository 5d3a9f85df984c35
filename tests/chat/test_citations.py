"""Annotations span what the model cites, in code points, and nothing else; snippets are whole words."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.chat.rooms import passage

from mecum.chat.citations import citations, snippet

HITS = [passage("a", 1), passage("b", 2, title="Mail"), passage("c", 3, title="")]


def spans(text: str) -> list[tuple[str, str]]:
    """Return the cited text and the passage, for each annotation."""
    found = [one["url_citation"] for one in citations(text, HITS, lambda hit: f"#/{hit.chunk_id}")]
    return [(text[one["start_index"] : one["end_index"]], one["url"]) for one in found]


def test_an_annotation() -> None:
    text = "🦉 Ada wrote it [2]."
    assert citations(text, HITS, lambda hit: f"#/{hit.chunk_id}") == [
        {
            "type": "url_citation",
            "url_citation": {"start_index": 15, "end_index": 18, "title": "Mail", "url": "#/c2"},
        }
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Ada [1] and Bob [3][2].", [("[1]", "#/c1"), ("[3]", "#/c3"), ("[2]", "#/c2")]),
        ("Ada [1, 2].", [("1", "#/c1"), ("2", "#/c2")]),
        ("Ada [1,2;3].", [("1", "#/c1"), ("2", "#/c2"), ("3", "#/c3")]),
        ("Ada [1-3].", [("1", "#/c1"), ("3", "#/c3")]),
        ("爱达【1】和【2、3】", [("【1】", "#/c1"), ("2", "#/c2"), ("3", "#/c3")]),
        ("Ada 【2†source】.", [("【2†source】", "#/c2")]),
        ("Ada 【2†page 3】.", [("【2†page 3】", "#/c2")]),
        ("Ada [ 1 ] [ 2]", [("[ 1 ]", "#/c1"), ("[ 2]", "#/c2")]),
        ("Ada [9], [1, 9].", [("1", "#/c1")]),
        ("never [x], [], [1 2], [0], [0, 1], [1.5], [1234], (1)", []),
        ("In code `a[1]`, not here [1].\n```\nb[2]\n```\n[3]", [("[1]", "#/c1"), ("[3]", "#/c3")]),
        ("An open block\n```\na[1]", []),
        ("A lone ` is no code [1].\nNor here ` [2]", [("[1]", "#/c1"), ("[2]", "#/c2")]),
        ("", []),
    ],
)  # fmt: skip
def test_what_is_a_citation(text: str, found: list[tuple[str, str]]) -> None:
    assert spans(text) == found


def test_a_passage_without_a_title_is_called_by_its_path() -> None:
    (found,) = citations("[3]", HITS, str)
    assert found["url_citation"]["title"] == "/3.md"


@given(st.lists(st.sampled_from(["[", "]", "【", "】", "1", "2", ",", " ", "`", "```", "†", "-", "a", "\n"]), max_size=30))
def test_spans_are_in_order_and_apart(pieces: list[str]) -> None:
    found = [one["url_citation"] for one in citations("".join(pieces), HITS, str)]
    ends = [0, *(one["end_index"] for one in found)]
    assert all(one["start_index"] >= end for one, end in zip(found, ends, strict=False))


@pytest.mark.parametrize("piece", ["[1,", "[1, 2", "`", "```", "[1†", "[ 1 , "])
def test_a_long_answer_takes_no_time(piece: str) -> None:
    begin = time.perf_counter()
    citations(piece * 20_000, HITS, str)
    assert time.perf_counter() - begin < 2


def test_a_snippet_is_the_beginning_in_whole_words() -> None:
    assert snippet("short\n\ttext ") == "short text"
    long = snippet("word " * 100)
    assert long == " ".join(["word"] * 40) + "…"
    assert snippet("x" * 300) == "x" * 200 + "…"
    assert snippet("汉" * 300) == "汉" * 200 + "…"
    assert snippet("x" * 200) == "x" * 200
    assert snippet(f"{'x' * 199} yz") == "x" * 199 + "…"
