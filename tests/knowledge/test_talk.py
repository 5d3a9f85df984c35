"""Small talk is told by what it is nearer to, whatever words it has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.knowledge.libraries import Counting

from mecum.engine import cache
from mecum.engine.embedder.scripted import ScriptedEmbedder
from mecum.errors import EngineDown
from mecum.knowledge.fuse import Match, Spread, Usual, relevance
from mecum.knowledge.speakers import Speakers
from mecum.knowledge.talk import USUAL, Talk, Talks, examples
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
    spread = Spread(0.77, 0.02, 1000, Usual(0.77, 0.022))
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


async def talk_of(folder: Path | None, dimension: int = 512) -> tuple[Talk, int]:
    """As a new process has it: the examples' vectors, and how many were embedded for them."""
    embedder = Counting(dimension=dimension)
    await embedder.start()
    return await Talks(folder).of(embedder.identity, dimension, embedder.embed_query), embedder.asked


def same(one: Talk, other: Talk) -> bool:
    return np.array_equal(one.talk, other.talk) and np.array_equal(one.questions, other.questions)


async def test_the_next_process_embeds_no_examples(tmp_path: Path) -> None:
    first, asked = await talk_of(tmp_path / "cache")
    assert asked == len(examples()) + len(pairs())
    second, asked = await talk_of(tmp_path / "cache")
    assert asked == 0
    assert same(first, second)
    assert len(second.talk) == len(examples())


async def test_another_embedder_keeps_its_own(tmp_path: Path) -> None:
    await talk_of(tmp_path)
    other = Counting(dimension=512, identity="of another/address")
    await other.start()
    await Talks(tmp_path).of(other.identity, 512, other.embed_query)
    assert other.asked
    assert (await talk_of(tmp_path))[1] == 0


def kept_in(folder: Path) -> Path:
    (file,) = folder.iterdir()  # one an embedder, whatever was there before
    return file


async def test_vectors_of_another_length_or_of_other_examples_are_not_taken(tmp_path: Path) -> None:
    await talk_of(tmp_path)
    assert (await talk_of(tmp_path, 64))[1]
    held = cache.load(kept_in(tmp_path))
    assert held
    cache.keep(kept_in(tmp_path), bytes(32) + held[32:])  # whole, but of other texts
    assert (await talk_of(tmp_path, 64))[1]
    assert cache.load(kept_in(tmp_path)) == held


@pytest.mark.parametrize("damage", [lambda held: held[:-4], lambda held: held[:-1] + b"x", lambda held: held[:40]])
async def test_a_damaged_file_is_made_anew(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    whole, _ = await talk_of(tmp_path)
    file = kept_in(tmp_path)
    file.write_bytes(damage(file.read_bytes()))
    again, asked = await talk_of(tmp_path)
    assert asked
    assert same(whole, again)
    assert (await talk_of(tmp_path))[1] == 0


async def test_where_nothing_can_be_kept_each_process_embeds_them(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    for folder in (tmp_path / "cache", None):
        talk, asked = await talk_of(folder)
        assert asked
        assert same(talk, (await talk_of(tmp_path / "whole"))[0])


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
