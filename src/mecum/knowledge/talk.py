"""Whether a question is small talk: is it nearer to what people say to a chat, or to what they ask of documents?

A library in several languages, or one of chats, has some passage near every "thank you"; so what is said to the chat itself
is known by the question alone. It is compared by meaning with a few dozen examples that ship (`talk.toml`, and the questions
of `usual.toml`), not by words. It lowers the relevance of all passages (`fuse.relevance`), so what fits a request very well
is found all the same, as is a name looked for by itself. Proved by `tests/knowledge/test_talk.py`; docs/retrieval.md has
the figures.

Embedding the examples takes half a second or more, so each embedder does it once: the vectors are kept in a folder.
"""

from __future__ import annotations

import asyncio
import hashlib
import tomllib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

import numpy as np
import orjson

from mecum.engine import cache as stored
from mecum.engine.embedder.base import Vectors
from mecum.knowledge.usual import pairs

NEAREST: Final = 3  # examples of either kind whose mean counts
AT_ONCE: Final = 8  # examples that are embedded at once: an embedder may be a server
USUAL: Final = 1.8  # deviations that a question to documents may lie nearer to small talk

Embed = Callable[[str], Awaitable[Vectors]]  # the unit vector of a question


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
    async def of(cls, embed: Embed) -> Talk:
        """Embed the examples as questions: some 65 of them, half a second of e5-small.

        Raises:
            EngineError: the embedder fails.
        """
        texts = _texts()
        rows: list[Vectors] = []
        for start in range(0, len(texts), AT_ONCE):
            rows += await asyncio.gather(*map(embed, texts[start : start + AT_ONCE]))
        return cls.of_rows(np.stack(rows))

    @classmethod
    def of_rows(cls, rows: Vectors) -> Talk:
        """Part the vectors of all examples."""
        return cls(rows[: len(examples())], rows[len(examples()) :])

    def strength(self, question: Vectors, deviation: float) -> float:
        """Return by how many of the embedder's usual deviations a question is nearer to small talk than others are, or 0."""
        return max(0.0, (_near(self.talk, question) - _near(self.questions, question)) / deviation - USUAL)


class Talks:
    """Each embedder's `Talk`, made once and kept in `folder` for later processes; None: in memory alone.

    A file that is damaged, or of other examples, is made anew; where none can be written, each process makes its own.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._made: dict[str, Talk] = {}
        self._making = asyncio.Lock()

    async def of(self, identity: str, dimension: int, embed: Embed) -> Talk:
        """Return the examples' vectors, of an embedder whose vectors have so many dimensions.

        Raises:
            EngineError: the embedder fails.
        """
        async with self._making:
            if identity not in self._made:
                self._made[identity] = await self._loaded(identity, dimension) or await self._embedded(identity, embed)
            return self._made[identity]

    async def _loaded(self, identity: str, dimension: int) -> Talk | None:
        if self._folder is None:
            return None
        held = await asyncio.to_thread(stored.load, self._file(self._folder, identity))
        key = _key(identity)
        shape = (len(_texts()), dimension)
        if held is None or not held.startswith(key) or len(held) != len(key) + 4 * shape[0] * shape[1]:
            return None
        return Talk.of_rows(np.frombuffer(held, "<f4", offset=len(key)).reshape(shape))

    async def _embedded(self, identity: str, embed: Embed) -> Talk:
        talk = await Talk.of(embed)
        if self._folder is not None:
            rows = np.concatenate((talk.talk, talk.questions)).astype("<f4")
            await asyncio.to_thread(stored.keep, self._file(self._folder, identity), _key(identity) + rows.tobytes())
        return talk

    @staticmethod
    def _file(folder: Path, identity: str) -> Path:
        """One an embedder, whose identity may have any characters."""
        return folder / f"{hashlib.sha256(identity.encode()).hexdigest()[:16]}.talk"


def _texts() -> tuple[str, ...]:
    return (*examples(), *(pair.question for pair in pairs()))


def _key(identity: str) -> bytes:
    """Return what stands in front of the vectors: whose they are, and of which texts."""
    return hashlib.sha256(orjson.dumps([identity, len(examples()), *_texts()])).digest()


def _near(rows: Vectors, question: Vectors) -> float:
    return float(np.sort(rows @ question)[-NEAREST:].mean())
