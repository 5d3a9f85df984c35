"""However a file is cut into portions, the parent puts the same documents together."""

from __future__ import annotations

import json

import pytest

from mecum.knowledge.chunk import chunk
from mecum.knowledge.extract.base import Block, Extracted, Part, Place
from mecum.knowledge.reading import portions
from mecum.knowledge.reading.portions import Assembly
from mecum.knowledge.tokens import Tokenizer

LONG = [
    Block(f"Paragraph {number} about something else. " * 12, place=Place(("A", "B"), page=number)) for number in range(40)
]
FILE = Extracted(
    "mbox",
    (
        Part.of("eml", LONG, name="1", title="First", date=5.0, metadata={"from": "Ada"}),
        Part.of("eml", [Block("Short.")], name="2"),
        Part.of("eml", LONG[:20], name="3"),
    ),
)


def passed_on(found: Extracted, title: str = "") -> tuple[list, int]:
    assembly, parts, number = Assembly(), [], 0
    for portion in portions.portions(found, title, Tokenizer()):
        number += 1
        parts += assembly.take(json.loads(json.dumps(portion)))
    return parts, number


@pytest.mark.parametrize("size", [1, 500, 5_000, 10_000_000])
def test_it_does_not_matter_where_it_was_cut(monkeypatch, size):
    monkeypatch.setattr(portions, "LARGEST", size)
    parts, number = passed_on(FILE)
    assert (number > 1) == (size < 10_000_000)
    assert [part.name for part in parts] == ["1", "2", "3"]
    for part, given in zip(parts, FILE.parts, strict=True):
        assert [one.text for one in part.passages] == [one.text for one in chunk(given)]
        assert (part.about.title, part.about.date, part.about.metadata) == (given.title, given.date, given.metadata)
    first = parts[0].passages[1]
    assert first.place["heading"] == "A > B"
    assert {"first", "paragraph"} <= set(first.keywords.split())


def test_a_given_title_is_searched_with_a_document_that_has_none():
    (part,), _ = passed_on(Extracted("text", (Part.of("text", [Block("We met at noon.")]),)), "Meeting with Ada")
    assert part.passages[0].context == "Meeting with Ada"
    assert "ada" in part.passages[0].keywords.split()
