"""A file's documents, cut into passages, on their way from the child that read it: in portions.

So no large file makes a large message, which the event loop would have to take apart at once.

A portion is JSON: `{"kind", "fragments": [{"part": {…} | null, "passages": [[text, keywords, context, place, date], …],
"last"}], "more"}`. A document's first fragment says what it is, the others have null; after the last one it is whole.

Invariant (`tests/knowledge/reading/test_portions.py`): `Assembly` gives what `portions` was given, wherever it was cut.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from mecum.knowledge.chunk import Chunk, chunk
from mecum.knowledge.extract.base import Extracted, Part
from mecum.knowledge.tokens import Tokenizer
from mecum.store.values import About, NewPart, NewPassage
from mecum.types import Json

LARGEST: Final = 500_000  # characters of a portion's texts, about


def portions(found: Extracted, title: str, tokenizer: Tokenizer) -> Iterator[Json]:
    """Yield what a file holds. `title` is for a file that has none of its own and holds one document."""
    fragments: list[Json] = []
    size = 0
    for part in found.parts:
        for fragment in _fragments(_titled(part, title), tokenizer):
            if size > LARGEST:
                yield {"kind": found.kind, "fragments": fragments, "more": True}
                fragments, size = [], 0
            fragments.append(fragment)
            size += sum(len(passage[0]) for passage in fragment["passages"])
    yield {"kind": found.kind, "fragments": fragments, "more": False}


def _titled(part: Part, title: str) -> Part:
    return part if part.title or part.name else replace(part, title=title)


def _fragments(part: Part, tokenizer: Tokenizer) -> Iterator[Json]:
    head: Json | None = _head(part)
    passages: list[Any] = []
    size = 0
    for one in chunk(part):
        if size > LARGEST:
            yield {"part": head, "passages": passages, "last": False}
            head, passages, size = None, [], 0
        passages.append(_passage(one, tokenizer))
        size += len(one.text)
    yield {"part": head, "passages": passages, "last": True}


def _head(part: Part) -> Json:
    encoded = part.text.encode()
    return {
        "name": part.name,
        "kind": part.kind,
        "title": part.title,
        "date": part.date,
        "metadata": part.metadata,
        "hash": hashlib.sha256(part.name.encode() + b"\0" + encoded).hexdigest(),
        "size": len(encoded),
    }


def _passage(one: Chunk, tokenizer: Tokenizer) -> list[Any]:
    place = {**one.place, "heading": " > ".join(one.place["heading"])} if one.place.get("heading") else one.place
    keywords = " ".join(tokenizer.tokens(f"{one.context}\n{one.text}"))
    return [one.text, keywords, one.context, place, one.date]


class Assembly:
    """Puts portions together again."""

    def __init__(self) -> None:
        self._head: Json = {}
        self._passages: list[NewPassage] = []

    def take(self, portion: Json) -> list[NewPart]:
        """Take the next portion, and return the documents that are whole by now."""
        whole: list[NewPart] = []
        for fragment in portion["fragments"]:
            if fragment["part"] is not None:
                self._head, self._passages = fragment["part"], []
            self._passages += [
                NewPassage(text=text, keywords=keywords, context=context, place=place, date=date)
                for text, keywords, context, place, date in fragment["passages"]
            ]
            if fragment["last"]:
                whole.append(_part(self._head, tuple(self._passages)))
        return whole


def _part(head: Json, passages: tuple[NewPassage, ...]) -> NewPart:
    about = About(head["kind"], head["title"], head["date"], head["metadata"])
    return NewPart(head["name"], head["hash"], head["size"], about, passages)
