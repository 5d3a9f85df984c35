"""Several hands on one model at the same moment: it is unloaded while it loads, and asked for, or stopped, meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engine.fakes import ONE, QUICK, children, fake_home, make, settings_of
from tests.engine.test_several import ask, loads, running
from tests.engine.waiting import until

from mecum.engine.machine import Machine
from mecum.engine.plan import MIB, OVERHEAD
from mecum.engine.several import Several
from mecum.errors import EngineDown

SLOW = "slow-d"


@pytest.fixture
def home() -> Iterator[Path]:
    with fake_home("a") as home:
        make(home, SLOW)
        yield home


async def unloading(engine: Several) -> asyncio.Task[None]:
    """Begin to unload a model in the middle of its loading; return when that is under way."""
    await engine.load(SLOW)
    await until(lambda: len(children()) == 2)
    task = asyncio.create_task(engine.unload(SLOW))
    for _ in range(3):  # its child is told to end, and has not ended
        await asyncio.sleep(0)
    assert not task.done()
    return task


async def test_who_unloads_twice_while_it_loads_can_load_it_again(home: Path) -> None:
    async with running(home) as engine:
        first = await unloading(engine)
        await engine.unload(SLOW)
        assert len(children()) == 1, "the second, too, returns when the memory is free"
        await first
        assert loads(engine)[SLOW] == "unloaded"
        assert await asyncio.wait_for(ask(engine, SLOW), 20) == f"{SLOW} "


async def test_who_asks_while_it_is_unloaded_has_it_loaded_anew(home: Path) -> None:
    async with running(home) as engine:
        first = await unloading(engine)
        asking = asyncio.create_task(ask(engine, SLOW))
        await first
        assert await asyncio.wait_for(asking, 20) == f"{SLOW} "
        await engine.unload(SLOW)
        assert len(children()) == 1


async def test_stopping_while_it_is_unloaded(home: Path) -> None:
    async with running(home) as engine:
        first = await unloading(engine)
        await engine.aclose()
        assert children() == []
        await asyncio.wait_for(first, 5)


async def test_what_does_not_load_for_want_of_memory_says_so_to_who_loads_it_by_hand(home: Path) -> None:
    free = 100 * ONE
    engine = Several(settings_of(home), policy=QUICK, machine=lambda: Machine(2, free))
    try:
        await engine.start()
        await engine.ready()
        await engine.refresh()
        await engine.unload("a")
        free = OVERHEAD // 2
        with pytest.raises(EngineDown, match=r"slow-d needs about .* and models may take 0.1 GB here now"):
            await engine.load(SLOW)
    finally:
        await engine.aclose()


async def test_who_waits_for_a_model_that_becomes_one_that_does_not_run_here_is_told(home: Path) -> None:
    make(home, "b")
    async with running(home, ONE) as engine:
        asking = asyncio.create_task(ask(engine, "a", 100, 0.04))
        await until(lambda: engine.status().models[0].users == 1)
        waiting = asyncio.create_task(ask(engine, "b"))
        await until(lambda: loads(engine)["b"] == "loading")
        make(home, "other", data=ONE - MIB).replace(home / "models" / "b.gguf")  # its weights alone would fit
        await engine.refresh()
        with pytest.raises(EngineDown, match=r"b\.gguf needs about"):
            await asyncio.wait_for(waiting, 2)
        assert await asking == "a " * 100
        assert loads(engine)["b"] == "failed"
