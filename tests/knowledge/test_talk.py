"""Small talk is told by what it is nearer to, whatever words it has."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from mecum.engine.embedder.scripted import ScriptedEmbedder
from mecum.errors import EngineDown
from mecum.knowledge.fuse import Match, Spread, Usual, relevance
from mecum.knowledge.speakers import Speakers
from mecum.knowledge.talk import USUAL, Talk, examples
from mecum.knowledge.usual import pairs
from mecum.store.sqlite import Sqlite

AXES = np.eye(6, dtype=np.float32)


def test_what_is_nearer_to_small_talk_counts_from_a_usual_distance_on() -> None:
    talk = Talk(AXES[:3], AXES[3:])  # each has three: a text of one kind is at 1/3 of its mean
    assert talk.strength(AXES[0], 0.1) == pytest.approx(1 / 0.3 - USUAL)
    assert talk.strength(AXES[0], 1.0) == 0.0
    assert talk.strength(AXES[5], 0.1) == 0.0
    assert talk.strength(AXES[0] + AXES[5], 0.1) == 0.0


def test_it_lowers_relevance_and_forbids_nothing() -> None:
    spread = Spread(0.77, 0.02, Usual(0.77, 0.022))
    fits, near, name = Match(0.9, 0.8), Match(0.4, 0.6), Match(1.0, 0.4)
    assert relevance(0.9, fits, spread=spread) > relevance(0.9, fits, spread=spread, talk=2.0) > 0.5
    assert relevance(0.85, near, spread=spread) > 0.1 > relevance(0.85, near, spread=spread, talk=3.0)
    assert relevance(0.77, name, spread=spread) == relevance(0.77, name, spread=spread, talk=1.6) > 0.1
    assert relevance(0.77, name, spread=spread, talk=2.5) < 0.1


async def test_the_examples_are_embedded_once_each() -> None:
    asked: list[str] = []
    embedder = ScriptedEmbedder(dimension=512)
    await embedder.start()

    async def embed(text: str) -> np.ndarray:
        asked.append(text)
        return await embedder.embed_query(text)

    talk = await Talk.of(embed)
    assert len(asked) == len(set(asked)) == len(examples()) + len(pairs())
    assert talk.strength(await embedder.embed_query(examples()[0]), 0.01) > 0
    assert talk.strength(await embedder.embed_query(pairs()[0].question), 0.01) == 0


class Choking(ScriptedEmbedder):
    """Embeds a few texts, then none until it is told to go on."""

    def __init__(self) -> None:
        super().__init__(dimension=512)
        self.left = 5

    async def embed_query(self, text: str) -> np.ndarray:
        self.left -= 1
        if self.left < 0:
            raise EngineDown("too many requests")
        return await super().embed_query(text)


async def test_examples_that_cannot_be_embedded_leave_the_question_its_vector(tmp_path: Path) -> None:
    store, embedder = Sqlite(tmp_path), Choking()
    await store.start()
    await embedder.start()
    speakers = Speakers(store, embedder)
    asked = await speakers.vector(examples()[0], None)
    assert asked
    assert asked.talk == 0.0
    embedder.left = 1000
    asked, again = await asyncio.gather(speakers.vector(examples()[0], None), speakers.vector("fox", None))
    assert asked
    assert asked.talk > 0
    assert again
    assert embedder.left == 1000 - 2 - len(examples()) - len(pairs())  # made once, for both
    await store.aclose()
