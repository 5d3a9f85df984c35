"""With the real engine: no owner's prompt is ever the quicker for what another has asked (`security.md` row 20)."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from tests.engine.engines import running

from mecum.engine.embedded import Answer, Embedded
from mecum.settings.schema import EngineSettings, Settings
from mecum.types import Message, Prompt, Sampling, Usage

pytestmark = [pytest.mark.real_model, pytest.mark.asyncio(loop_scope="module")]
TWO = EngineSettings(context=1024, slots=2, threads=1)
MANY = 50  # tokens; a prompt of `text` has more, and what the template puts before each has fewer


def text(word: str) -> str:
    return f"{word} " * 40


def prompt(owner: str, word: str, *, tokens: int = 1, n: int = 1) -> Prompt:
    return Prompt("m", (Message("user", text(word)),), Sampling(temperature=0, max_tokens=tokens, n=n), owner=owner)


async def read(reply: Answer) -> Usage:
    try:
        found = [delta.usage async for batch in reply for delta in batch if delta.usage]
    finally:
        await reply.aclose()
    (usage,) = found
    return usage


async def cached(engine: Embedded, owner: str, word: str, *, n: int = 1) -> int:
    """Ask, and return how many of the prompt's tokens the engine did not have to compute."""
    usage = await read(await engine.chat(prompt(owner, word, n=n)))
    assert usage.prompt_tokens > MANY
    return usage.cached_tokens


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="m-") as folder:
        yield Path(folder)


@asynccontextmanager
async def divided(home: Path) -> AsyncIterator[Embedded]:
    """An engine that knows of two owners when it starts."""
    engine = Embedded(Settings(home=home, engine=TWO), owners=lambda: {"ann", "eve"})
    await engine.start()
    try:
        await asyncio.wait_for(engine.ready(), 60)
        yield engine
    finally:
        await engine.aclose()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(home: Path) -> AsyncIterator[Embedded]:
    async with divided(home) as engine:
        yield engine


async def test_each_has_what_they_asked_themselves(engine: Embedded) -> None:
    assert await cached(engine, "ann", "alpha") == 0
    assert await cached(engine, "ann", "alpha") > MANY
    assert await cached(engine, "eve", "alpha") == 0
    assert await cached(engine, "eve", "alpha") > MANY
    assert await cached(engine, "ann", "alpha") > MANY  # eve took nothing away
    assert await cached(engine, "bob", "alpha") == 0  # in a slot that was another's
    assert await cached(engine, "bob", "alpha") > MANY


async def test_what_left_its_slot_comes_back_to_nobody(engine: Embedded) -> None:
    for word in ("beta", "gamma", "delta"):
        assert await cached(engine, "ann", word) < MANY
    for word in ("iota", "beta", "gamma", "delta"):  # from the third on in a slot that is eve's already
        assert await cached(engine, "eve", word) < MANY


async def test_several_answers_leave_nothing_in_any_slot(engine: Embedded) -> None:
    assert await cached(engine, "ann", "epsilon", n=2) == 0
    assert [await cached(engine, owner, "epsilon") for owner in ("eve", "bob")] == [0, 0]


async def test_whatever_the_order(engine: Embedded) -> None:
    """Owners ask the same, several at a time, some of them leaving in the middle."""
    chance = random.Random(7)
    asked: set[tuple[str, str]] = set()

    async def ask(owner: str, word: str, *, leave: bool) -> None:
        mine = (owner, word) in asked
        asked.add((owner, word))
        reply = await engine.chat(prompt(owner, word, tokens=3))
        if leave:
            await reply.aclose()
            return
        usage = await read(reply)
        assert mine or usage.cached_tokens < MANY, (owner, word)

    for _ in range(5):
        owners = chance.sample(["ann", "eve", "bob", "fay"], 2)
        word = chance.choice(["zeta", "eta", "theta"])
        await asyncio.gather(*(ask(owner, word, leave=chance.random() < 0.3) for owner in owners))


async def test_a_second_owner_who_comes_later(home: Path) -> None:
    """The engine that one owner had to themselves starts anew, once their answers have ended."""
    async with running(home, TWO) as engine:
        assert await cached(engine, "ann", "alpha") == 0
        answering = await engine.chat(prompt("ann", "beta", tokens=15))
        ann = asyncio.create_task(read(answering))
        first, again, _ = await asyncio.gather(
            cached(engine, "eve", "alpha"), cached(engine, "eve", "alpha"), cached(engine, "ann", "alpha")
        )
        assert (await ann).completion_tokens > 1  # it was not broken off
        assert first == 0
        assert again in range(MANY * 3)
        assert engine.status().restarts == 1
        assert await cached(engine, "bob", "beta") == 0
        assert await cached(engine, "eve", "beta") < MANY
        assert engine.status().restarts == 1
