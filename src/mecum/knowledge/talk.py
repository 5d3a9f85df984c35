"""Whether a question is small talk: is it nearer to what people say to a chat, or to what they ask of documents?

A library in several languages, or one of chats, has some passage near every "thank you"; so what is said to the chat itself
is known by the question alone. It is compared by meaning with a few dozen examples that ship (`talk.toml`, and the questions
of `usual.toml`), not by words. It lowers the relevance of all passages (`fuse.relevance`), so what fits a request very well
is found all the same, as is a name looked for by itself. Proved by `tests/knowledge/test_talk.py`; docs/retrieval.md has
the figures.
"""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np

from mecum.engine.embedder.base import Vectors
from mecum.knowledge.usual import pairs

NEAREST: Final = 3  # examples of either kind whose mean counts
AT_ONCE: Final = 8  # examples that are embedded at once: an embedder may be a server
USUAL: Final = 1.8  # deviations that a question to documents may lie nearer to small talk


@cache
def examples() -> tuple[str, ...]:
    """Return the small talk that ships."""
    found = tomllib.loads(files("mecum.knowledge").joinpath("talk.toml").read_text(encoding="utf-8"))
    return tuple(found["talk"])


@dataclass(frozen=True, slots=True)
class Talk:
    """The examples' vectors, a row each: small talk, and questions to documents."""

    talk: Vectors
    questions: Vectors

    @classmethod
    async def of(cls, embed: Callable[[str], Awaitable[Vectors]]) -> Talk:
        """Embed the examples as questions: some 65 of them, half a second of e5-small.

        Raises:
            EngineError: the embedder fails.
        """
        texts = (*examples(), *(pair.question for pair in pairs()))
        rows: list[Vectors] = []
        for start in range(0, len(texts), AT_ONCE):
            rows += await asyncio.gather(*map(embed, texts[start : start + AT_ONCE]))
        return cls(np.stack(rows[: len(examples())]), np.stack(rows[len(examples()) :]))

    def strength(self, question: Vectors, deviation: float) -> float:
        """Return by how many of the embedder's usual deviations a question is nearer to small talk than others are, or 0."""
        return max(0.0, (_near(self.talk, question) - _near(self.questions, question)) / deviation - USUAL)


def _near(rows: Vectors, question: Vectors) -> float:
    return float(np.sort(rows @ question)[-NEAREST:].mean())
