"""What comes out of a file: frozen values, and the error that says why nothing did."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from mecum.types import Json

BlockKind = Literal["text", "heading", "turn", "row", "code"]
_TIGHT: Final = ("turn", "row", "code")  # blocks that follow each other line by line


class ExtractError(Exception):
    """Why a file gives no text: `code` is stable, the message a sentence that says what to do; `kind` "" is not known."""

    def __init__(self, code: str, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Place:
    """Where a block stands, as far as its file tells. All numbers count from 1; `line` is that of its first line."""

    heading: tuple[str, ...] = ()  # from the outermost inwards; a heading's own text is the last
    page: int | None = None
    slide: int | None = None
    sheet: str | None = None
    line: int | None = None

    def json(self) -> Json:
        """Return what is known."""
        known = {"page": self.page, "slide": self.slide, "sheet": self.sheet, "line": self.line}
        found: Json = {name: value for name, value in known.items() if value is not None}
        return {**found, "heading": list(self.heading)} if self.heading else found


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a heading, a turn of a chat, a row of a table, some lines of code.

    `level` is a heading's (1 is the outermost), `speaker` and `date` (seconds since 1970) a turn's; its text begins with
    the speaker. `start` is where it begins in its part's text, in characters; `Part.of` sets it.
    """

    text: str
    kind: BlockKind = "text"
    place: Place = Place()
    level: int = 0
    speaker: str = ""
    date: float | None = None
    start: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """One document. `name` is what comes behind `#` in its path, "" where the file is the document.

    `title` is the document's own, never made of the file's name; `date` is in seconds since 1970.
    """

    kind: str
    text: str
    blocks: tuple[Block, ...]
    name: str = ""
    title: str = ""
    date: float | None = None
    metadata: Json = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        kind: str,
        blocks: Iterable[Block],
        *,
        name: str = "",
        title: str = "",
        date: float | None = None,
        metadata: Json | None = None,
    ) -> Part:
        """Make a document of blocks, those without text left out, and lay out its text."""
        text, placed = _lay_out([block for block in blocks if block.text.strip()])
        return cls(kind, text, placed, name, one_line(title), date, metadata or {})


@dataclass(frozen=True, slots=True)
class Extracted:
    """What a file holds: its kind, and a document for each mail, conversation or line with a text; else one."""

    kind: str
    parts: tuple[Part, ...]


def one_line(text: str, limit: int = 300) -> str:
    """Return a title or heading: white space and line breaks as single spaces, not longer than `limit` characters."""
    return " ".join(text.split())[:limit]


def _lay_out(blocks: Sequence[Block]) -> tuple[str, tuple[Block, ...]]:
    pieces: list[str] = []
    placed: list[Block] = []
    at = 0
    for block in blocks:
        text = clean(block.text)
        if placed:
            gap = "\n" if block.kind in _TIGHT and placed[-1].kind == block.kind else "\n\n"
            pieces.append(gap)
            at += len(gap)
        pieces.append(text)
        placed.append(Block(text, block.kind, block.place, block.level, block.speaker, block.date, at))
        at += len(text)
    return "".join(pieces), tuple(placed)


def clean(text: str) -> str:
    """Return text that every store and encoding takes: no NUL, no lone surrogates, no line ends but LF."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").replace("\ufeff", "")
    return text.encode("utf-8", "replace").decode("utf-8").strip("\n")


class Outline:
    """The headings above a place, as they come."""

    def __init__(self) -> None:
        self._open: list[tuple[int, str]] = []

    def enter(self, level: int, title: str) -> tuple[str, ...]:
        """Go below a heading; returns the path with it."""
        self._open = [(above, name) for above, name in self._open if above < level]
        self._open.append((level, one_line(title, 200)))
        return self.path

    @property
    def path(self) -> tuple[str, ...]:
        """The headings from the outermost inwards."""
        return tuple(title for _, title in self._open)
