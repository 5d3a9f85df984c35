"""A question from the command line, and the pieces of its answer, from wherever it comes."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from typing import NamedTuple

from mecum.types import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked. None: whatever the server, or the role, has as its default.

    `docs` None, where no role is named: the documents are looked into if there are any (`settled`). `history` is what was
    said before, as messages; `truncate` lets its oldest turns go where all of it does not fit.
    """

    text: str
    system: str | None = None
    history: tuple[Json, ...] = ()
    truncate: bool = False
    model: str | None = None
    role_id: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    docs: bool | None = None

    @property
    def is_settled(self) -> bool:
        """Whether it says, or its role does, if the documents are looked into."""
        return self.docs is not None or self.role_id is not None

    def settled(self, *, documents: bool) -> Question:
        """Return the question as it is asked of a library that has documents, or none."""
        return self if self.is_settled else replace(self, docs=documents)


class Piece(NamedTuple):
    """Something new of an answer. `sources` are as in the wire format; `instead` is the model that stood in for another.

    `dropped` is how many of the oldest messages did not fit, `unfounded` says that the documents held nothing on it.
    """

    text: str = ""
    finish_reason: str | None = None
    sources: tuple[Json, ...] = ()
    instead: str | None = None
    dropped: int = 0
    unfounded: bool = False


Pieces = AsyncGenerator[Piece, None]


def combined(text: str, piped: str) -> str:
    """Return the question with what was piped in after it, fenced by more backticks than it contains in a row."""
    if not (text and piped):
        return text or piped
    longest = max((len(run) for run in re.findall(r"`+", piped)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{text}\n\n{fence}\n{piped}\n{fence}"
