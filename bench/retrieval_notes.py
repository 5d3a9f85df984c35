"""How small libraries of everyday notes are searched: `notes.toml`, each note by itself, all of them, and among articles.

A note is about several things, and what it is asked is often said in other words, so its vector lies near no question.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.report import figure, table
from bench.retrieval_sets import ALL, OWNER, Set, empty
from bench.retrieval_vectors import Vectors
from mecum.knowledge.extract.readers import read
from mecum.knowledge.reading.portions import Assembly, portions
from mecum.knowledge.search import Search
from mecum.knowledge.tokens import Tokenizer
from mecum.store.sqlite import Sqlite
from mecum.store.values import NewDocument, NewPassage

FILE: Final = Path(__file__).with_name("notes.toml")
_TOKENIZER: Final = Tokenizer()


@dataclass(frozen=True, slots=True)
class Note:
    """A note, cut as mecum cuts it, and what it is asked."""

    path: str
    language: str
    held_out: bool
    passages: tuple[NewPassage, ...]
    asks: tuple[str, ...]
    silent: tuple[str, ...]


@dataclass(slots=True)
class Count:
    """Of the questions of a kind, how many found nothing; and of those that found something, how many another note first."""

    asked: int = 0
    empty: int = 0
    other: int = 0

    def row(self) -> tuple[int, str, str]:
        """Return number, share that is empty, share that finds another note first."""
        return self.asked, figure(self.empty / max(1, self.asked), 3), figure(self.other / max(1, self.asked), 3)


async def report(home: Path, vectors: Vectors, background: Sequence[Set]) -> None:
    """Print how often nothing is found. `background`: sets whose passages the notes stand among in the last library."""
    told = tomllib.loads(FILE.read_text(encoding="utf-8"))
    notes = [_note(number, entry) for number, entry in enumerate(told["note"])]
    rows: list[tuple[Any, ...]] = []
    for title, some in (
        ("chosen by", [one for one in notes if not one.held_out]),
        ("held out", [one for one in notes if one.held_out]),
    ):
        rows += [
            (title, "each by itself", *row)
            for row in await _asked([[one] for one in some], told["other"], home / f"{title}-alone", vectors)
        ]
        rows += [(title, "together", *row) for row in await _asked([some], told["other"], home / f"{title}-all", vectors)]
        if background:
            others = [passage for one in background for passage in await _passages(one)]
            rows += [
                (title, f"among {len(others)} passages", *row)
                for row in await _asked([some], told["other"], home / f"{title}-among", vectors, others)
            ]
    print("## Everyday notes: how often nothing is found\n")
    print(table(["notes", "library", "questions", "number", "empty", "another note first"], rows), flush=True)


async def _asked(
    libraries: Sequence[Sequence[Note]],
    other: Mapping[str, Sequence[str]],
    home: Path,
    vectors: Vectors,
    among: Sequence[NewPassage] = (),
) -> list[tuple[str, int, str, str]]:
    counts = {kind: Count() for kind in ("answered", "of the same kind", "about something else")}
    for number, notes in enumerate(libraries):
        store = await _library(home / str(number), notes, vectors, among)
        search = Search(store, vectors)
        await search.start()
        for kind, text, path in _questions(notes, other):
            found = await search.search(text, ALL)
            counts[kind].asked += 1
            counts[kind].empty += found.status == "empty"
            counts[kind].other += bool(path and found.hits and found.hits[0].path != path)
        await store.aclose()
    return [(kind, *count.row()) for kind, count in counts.items()]


def _questions(notes: Sequence[Note], other: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str, str | None]]:
    for note in notes:
        yield from (("answered", text, note.path) for text in note.asks)
        yield from (("of the same kind", text, None) for text in note.silent)
    for language in dict.fromkeys(note.language for note in notes):
        yield from (("about something else", text, None) for text in other[language])


async def _library(home: Path, notes: Sequence[Note], vectors: Vectors, among: Sequence[NewPassage]) -> Sqlite:
    store = await empty(home, vectors)
    documents = [(note.path, note.passages) for note in notes]
    documents += [(f"background-{number}", (one,)) for number, one in enumerate(among)]
    for path, passages in documents:
        digest = hashlib.sha256(path.encode()).hexdigest()
        document = await store.documents.put(NewDocument(OWNER, path, digest, "md"))
        await store.documents.index(document.id, digest, passages)
        texts = [f"{one.context}\n{one.text}" if one.context else one.text for one in passages]
        await store.vectors.stage(vectors.identity, [one.hash for one in passages], await vectors.of("passage", texts))
    await store.vectors.publish(vectors.identity)
    return store


async def _passages(one: Set) -> list[NewPassage]:
    """Return every fourth passage of a set."""
    items = (await one.store.documents.list(ALL, limit=100_000)).items[::4]
    found = [passage for item in items for passage in await one.store.documents.passages(OWNER, item.id)]
    return [
        NewPassage(each.text, " ".join(_TOKENIZER.tokens(f"{each.context}\n{each.text}")), context=each.context)
        for each in found
    ]


def _note(number: int, entry: Mapping[str, Any]) -> Note:
    paragraphs = entry["text"].strip().replace("\n", "\n\n")
    content = f"# {entry['title']}\n\n{paragraphs}".encode()
    assembly = Assembly()
    parts = [part for portion in portions(read(content, "note.md"), "note", _TOKENIZER) for part in assembly.take(portion)]
    return Note(
        f"note-{number}.md",
        entry["language"],
        bool(entry.get("held_out")),
        tuple(passage for part in parts for passage in part.passages),
        tuple(entry["asks"]),
        tuple(entry["silent"]),
    )
