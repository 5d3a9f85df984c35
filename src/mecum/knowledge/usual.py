"""What is usual of an embedder: how near it puts a question to a passage that does not answer it.

One embedder puts what has nothing to do with each other at .77 ± .02, another at .05 ± .07. What counts as near is told in
its own deviations (`fuse`), and these are measured when the embedder is first used, on questions and passages that ship
(`usual.toml`), before the first vector of the library is made (`tests/knowledge/test_usual.py`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

import numpy as np

from mecum.engine.embedder.base import Embedder, Vectors
from mecum.knowledge.fuse import Usual
from mecum.store.base import Store

WIDER: Final = 1.19  # real libraries are less tidy: e5-small's deviation is .022 there, and .0185 on these texts


class Pair(NamedTuple):
    """A question and the passage that answers it, in one language."""

    language: str
    question: str
    passage: str


@cache
def pairs() -> tuple[Pair, ...]:
    """Return the questions and passages that ship."""
    rows = tomllib.loads(files("mecum.knowledge").joinpath("usual.toml").read_text(encoding="utf-8"))["pair"]
    return tuple(Pair(**row) for row in rows)


async def usual_of(embedder: Embedder, store: Store) -> Usual:
    """Return what is usual of an embedder: known, or measured before, or measured now and kept.

    Raises:
        EngineDown: it does not work.
    """
    identity = embedder.identity
    if usual := await kept(identity, embedder.dimension, store):
        return usual
    usual = await measured(embedder)
    await store.vectors.keep_usual(identity, usual.mean, usual.deviation)
    return usual


async def kept(identity: str, dimension: int, store: Store) -> Usual | None:
    """Return what is known, or was measured before, of an embedder."""
    if usual := Usual.known(identity, dimension):
        return usual
    found = await store.vectors.usual(identity)
    return Usual(*found) if found else None


async def measured(embedder: Embedder) -> Usual:
    """Return what is usual of an embedder.

    Raises:
        EngineDown: it does not work.
    """
    questions = (await embedder.embed([pair.question for pair in pairs()], "query")).vectors
    passages = await embedder.embed_passages([pair.passage for pair in pairs()])
    return of_vectors([pair.language for pair in pairs()], questions, passages)


def of_vectors(languages: Sequence[str], questions: Vectors, passages: Vectors) -> Usual:
    """Return the mean of the dot products of questions with the passages of other pairs, and their deviation.

    Only pairs of one language count, as most of a library is in its reader's, and the deviation is that inside a language.
    """
    dots = questions @ passages.T
    said = np.array(languages)
    others = (said[:, None] == said[None, :]) & ~np.eye(len(said), dtype=bool)
    groups = [dots[others & (said == language)[:, None]] for language in dict.fromkeys(languages)]
    mean = float(np.mean([group.mean() for group in groups]))
    deviation = float(np.sqrt(np.mean([group.var() for group in groups])))
    return Usual(mean, max(WIDER * deviation, 1e-3))
