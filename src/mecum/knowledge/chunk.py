"""Cuts a document into passages: what is embedded, found, shown and cited. Pure: the same blocks give the same passages.

A passage is whole paragraphs where they fit, else whole sentences; a chat's is whole turns, the last one of a passage being
the first of the next; a table's is whole rows, a program's whole lines. A heading goes with what follows it, and the
headings above a passage are its `context`, which is embedded and searched with it. A passage ends with its page where it has
enough by then, after the sentence that goes over it; one that stands on several names the first and the last. A few words
that are left over go with the passage before them, if they are of its section: alone they say nothing and lie near anything.

Where to cut is decided by the text around the place, not by counting from the beginning: of the places that make a passage
of the right size, a border of paragraphs comes before one of sentences, and among equals the one whose text has the lowest
checksum. So two versions of a document that differ in one paragraph are cut alike soon after it, and only few passages have
to be embedded again.

Invariants (`tests/knowledge/test_chunk.py`, on made-up documents): every character but white space is in a passage; a
passage is `text[start:stop]` of its document; no passage makes more tokens than the embedder takes; a change in one place
changes few passages.
Sizes are in estimated tokens. Measured: chats want passages of 120 words. For prose (questions over 144 files in three
languages, keywords and vectors fused) the answer is within the first 250, 500 and 1,000 words that are found for .966, .980
and .987 of the questions; with passages half as large for .959, .976 and .979, with those a third larger
for .951, .979 and .987.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mecum.knowledge.extract.base import Block, Part
from mecum.types import Json

VERSION: Final = "2"  # raise it when passages change: documents are then cut anew
CONTEXT: Final = 60  # estimated tokens of headings that are kept
REST: Final = 20  # estimated tokens; fewer are no passage of their own
_HEADING, _PAGE, _BLOCK, _SENTENCE, _WORD = 4, 3, 2, 1, 0  # how good a place is to cut before
_RUN: Final = re.compile(r"[^\W\d_]+|\d+|\S")
_DENSE: Final = re.compile(r"[\u1100-\u11ff\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U0001f000-\U0003ffff]")
_LONG_WORDS: Final = re.compile(r"[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff]")  # Thai, Lao, Tibetan, Myanmar, Khmer
_SENTENCES: Final = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|(?<=[。！？])[」』”]*|(?<=[।॥؟۔])\s*|\n+")  # noqa: RUF001 -- of CJK
_ENDED: Final = re.compile(r"[.!?…:。！？：।॥؟۔][\"'”’»)\]」』]*\s*$")  # noqa: RUF001 -- of CJK


@dataclass(frozen=True, slots=True)
class Sizes:
    """Estimated tokens: a passage has at least `least` and at most `most`, unless its section or document is smaller.

    What is left over (`REST`) may come on top. With a `CONTEXT`, too, that is well below the 512 tokens that embedders take.
    A heading, or the end of a page, ends a passage that has `section` already.
    """

    least: int
    most: int
    section: int


PROSE: Final = Sizes(least=110, most=260, section=60)
CHAT: Final = Sizes(least=150, most=250, section=100)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage: `text` is `part.text[start:stop]`.

    `place` has `start`, `stop`, the first block's (`Place.json`), and `last_page` where the passage goes on over its page.
    """

    text: str
    context: str
    start: int
    stop: int
    place: Json
    date: float | None = None


@dataclass(frozen=True, slots=True)
class _Unit:
    """What is never cut: a sentence, a turn, a row. `border` is how good a place is before it."""

    start: int
    stop: int
    cost: int
    border: int
    block: int
    check: int


def chunk(part: Part, *, prose: Sizes = PROSE, chat: Sizes = CHAT) -> tuple[Chunk, ...]:
    """Return a document's passages, in reading order."""
    talk = sum(block.kind == "turn" for block in part.blocks) * 2 > len(part.blocks)
    sizes = chat if talk else prose
    units = _paged(part, list(_units(part, sizes)))
    spans: list[tuple[int, int]] = []
    start = 0
    while start < len(units):
        stop = _cut(units, start, sizes)
        if spans and _left_over(part.blocks, units, spans[-1], stop, sizes):
            spans[-1] = (spans[-1][0], stop)
        else:
            spans.append((start, stop))
        start = _next(part.blocks, units, start, stop, sizes)
    return tuple(_chunk(part, units, start, stop) for start, stop in spans)


def sentences(text: str) -> list[str]:
    """Return a text's sentences, and what stands on lines of its own."""
    return [one for one in map(str.strip, _SENTENCES.split(text)) if one]


def estimate(text: str) -> int:
    """Return about how many tokens of multilingual-e5-small a text makes: hardly ever fewer than it does."""
    return sum(_cost(run) for run in _RUN.findall(text))


def _cost(run: str) -> int:
    if run.isdigit():
        return (len(run) + 1) // 2
    if not run[0].isalpha() or _DENSE.match(run):
        return len(run)
    if _LONG_WORDS.match(run):
        return (len(run) + 2) // 3
    odd = len(run) > 24 or not (run.islower() or run.istitle() or run[1:].islower())
    return (len(run) + 1) // 2 if odd else (len(run) + 4) // 5 + (len(run) > 9)


def _units(part: Part, sizes: Sizes) -> Iterator[_Unit]:
    for number, block in enumerate(part.blocks):
        border = _HEADING if block.kind == "heading" else _BLOCK
        for start, stop in _pieces(block, sizes.most):
            text = part.text[start:stop]
            yield _Unit(start, stop, estimate(text), border, number, zlib.crc32(text[:200].strip().encode()))
            border = _SENTENCE


def _paged(part: Part, units: list[_Unit]) -> list[_Unit]:
    """Return the units with a good place to cut at each page's end; where a sentence goes on, it is behind that."""
    for place in range(1, len(units)):
        before, unit = units[place - 1], units[place]
        if part.blocks[before.block].place.page == part.blocks[unit.block].place.page:
            continue
        first = place
        if _goes_on(part, before, unit):
            units[place] = replace(unit, border=_WORD)
            first = place + 1
        if first < len(units):
            units[first] = replace(units[first], border=max(units[first].border, _PAGE))
    return units


def _goes_on(part: Part, before: _Unit, unit: _Unit) -> bool:
    """Whether a unit, the first of its page, ends the sentence of the one before it."""
    prose = part.blocks[before.block].kind == part.blocks[unit.block].kind == "text"
    return prose and _ENDED.search(part.text, before.start, before.stop) is None


def _pieces(block: Block, most: int) -> Iterator[tuple[int, int]]:
    """Yield where a block's units begin and end: prose in sentences; all else whole; what is too long by words."""
    whole = block.kind in ("heading", "turn", "row") and estimate(block.text) <= most
    spans = [(0, len(block.text))] if whole else list(_sentences(block))
    for start, stop in spans:
        if estimate(block.text[start:stop]) <= most:
            yield block.start + start, block.start + stop
        else:
            yield from ((block.start + a, block.start + b) for a, b in _split(block.text, start, stop, most))


def _sentences(block: Block) -> Iterator[tuple[int, int]]:
    pattern = re.compile(r"\n") if block.kind == "code" else _SENTENCES
    start = 0
    for found in pattern.finditer(block.text):
        if found.end() > start and block.text[start : found.end()].strip():
            yield start, found.end()
            start = found.end()
    if block.text[start:].strip():
        yield start, len(block.text)


def _split(text: str, start: int, stop: int, most: int) -> Iterator[tuple[int, int]]:
    """Yield pieces of at most `most`, between words where there are any."""
    cost = 0
    for found in _RUN.finditer(text, start, stop):
        step = max(1, most // 2)
        for at in range(found.start(), found.end(), step):  # a word that is longer than a passage
            end = min(at + step, found.end())
            weight = _cost(text[at:end])
            if cost + weight > most and at > start:
                yield start, at
                start, cost = at, 0
            cost += weight
    yield start, stop


def _cut(units: Sequence[_Unit], start: int, sizes: Sizes) -> int:
    """Return where the passage that begins at `start` ends."""
    cost, body = 0, False
    best: tuple[int, int, int] | None = None
    for place in range(start, len(units)):
        unit = units[place]
        if unit.border >= _PAGE and body and cost >= sizes.section:
            return place
        if place > start and cost + unit.cost > sizes.most:
            return best[2] if best else place
        if cost >= sizes.least and (best is None or (unit.border, -unit.check) > best[:2]):
            best = (unit.border, -unit.check, place)
        cost += unit.cost
        body = body or unit.border != _HEADING
    return len(units)


def _left_over(blocks: Sequence[Block], units: Sequence[_Unit], before: tuple[int, int], stop: int, sizes: Sizes) -> bool:
    """Whether what comes up to `stop`, after the passage `before`, is to go with that: little, and of its section."""
    start, end = before
    if _cost_of(units[end:stop]) >= REST or _cost_of(units[start:stop]) > sizes.most + REST:
        return False
    section = _section(blocks[units[end - 1].block])
    return all(unit.border != _HEADING and _section(blocks[unit.block]) == section for unit in units[end:stop])


def _cost_of(units: Sequence[_Unit]) -> int:
    return sum(unit.cost for unit in units)


def _section(block: Block) -> tuple[tuple[str, ...], int | None, str | None]:
    """Return what a passage's place tells of all of it. Pages are told from the first to the last."""
    return block.place.heading, block.place.slide, block.place.sheet


def _next(blocks: Sequence[Block], units: Sequence[_Unit], start: int, stop: int, sizes: Sizes) -> int:
    """Return where the next passage begins: a chat's with the last turn of this one, if that leaves room for more."""
    if stop >= len(units) or stop - start < 2 or units[stop].border != _BLOCK:
        return stop
    last = units[stop - 1]
    again = blocks[last.block].kind == "turn" and last.border == _BLOCK and last.cost * 2 <= sizes.least
    return stop - 1 if again else stop


def _chunk(part: Part, units: Sequence[_Unit], start: int, stop: int) -> Chunk:
    first = units[start]
    begin, end = first.start, units[stop - 1].stop
    text = part.text[begin:end].rstrip()
    block = part.blocks[first.block]
    place: Json = {**block.place.json(), "start": begin, "stop": begin + len(text)}
    last = part.blocks[units[stop - 1].block].place.page
    if last != block.place.page:
        place["last_page"] = last
    date = block.date if block.date is not None else _first_date(part.blocks[first.block : units[stop - 1].block + 1])
    return Chunk(text, _context(part, block, first), begin, begin + len(text), place, date)


def _first_date(blocks: Sequence[Block]) -> float | None:
    return next((block.date for block in blocks if block.date is not None), None)


def _context(part: Part, block: Block, first: _Unit) -> str:
    """Return the document's title and the headings above a passage, save the one that it begins with."""
    path = block.place.heading[:-1] if block.kind == "heading" else block.place.heading
    path = path if not part.title or part.title in path or _is_title(part, block) else (part.title, *path)
    if block.kind == "turn" and first.border != _BLOCK and block.speaker:
        path = (*path, f"{block.speaker} goes on")
    while path and estimate(" > ".join(path)) > CONTEXT:
        path = path[1:] if len(path) > 1 else (_shortened(path[0]),)
    return " > ".join(path)


def _is_title(part: Part, block: Block) -> bool:
    return block.kind == "heading" and block.text == part.title


def _shortened(text: str) -> str:
    return text[: next(_split(text, 0, len(text), CONTEXT))[1]].rstrip() if estimate(text) > CONTEXT else text
