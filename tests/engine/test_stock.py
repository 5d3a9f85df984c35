"""Which places there are as files come and go. No model is loaded here; with models that are: `test_several.py`."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engine.fakes import ALL, fake_home, make, settings_of

from mecum.engine.bay import Use
from mecum.engine.inventory import COPIED
from mecum.engine.machine import Machine
from mecum.engine.stock import Stock
from mecum.errors import EngineStartError, ModelNotFound
from mecum.settings.schema import ModelSettings


@pytest.fixture
def home() -> Iterator[Path]:
    with fake_home("a", "b") as home:
        yield home


def stock_of(home: Path, **models: ModelSettings) -> Stock:
    stock = Stock(settings_of(home, models=models))
    stock.machine = Machine(2, ALL)
    return stock


def installed(stock: Stock) -> list[str]:
    """The names of what is installed, but for the starter of its wheel."""
    return [bay.name for bay in stock.installed() if not bay.entry.starter]


async def test_the_default_is_there_before_the_others(home: Path) -> None:
    stock = stock_of(home)
    assert stock.default is None
    assert (await stock.begin()).name == "a"
    assert installed(stock) == ["a"]
    assert await stock.look()
    assert installed(stock) == ["a", "b"]
    assert stock.default is stock.find("a")


async def test_a_default_that_does_not_run_here_has_no_place(home: Path) -> None:
    stock = stock_of(home)
    stock.machine = Machine(2, 1000)
    with pytest.raises(EngineStartError, match="needs about"):
        await stock.begin()
    assert stock.default is None


async def test_while_nothing_changed_nothing_is_looked_at(home: Path) -> None:
    stock = stock_of(home)
    long_ago = time.time_ns() - 2 * COPIED
    for path in (home / "models", *(home / "models").iterdir()):
        os.utime(path, ns=(long_ago, long_ago))
    assert await stock.look()
    assert not await stock.look()


async def test_a_model_whose_file_is_gone_keeps_its_place_while_it_answers(home: Path) -> None:
    stock = stock_of(home)
    await stock.look()
    bay = stock.find("b")
    bay.phase = "in"
    bay.at_work.add(Use(bay, 1, lambda: None))
    bay.entry.file.unlink()
    await stock.look()
    assert installed(stock) == ["a"]
    assert stock.clear() == []
    assert stock["b"] is bay
    with pytest.raises(ModelNotFound, match="file of b is gone"):
        stock.find("b")
    bay.at_work.clear()
    assert stock.clear() == [bay]
    bay.phase = "out"
    assert stock.clear() == []
    with pytest.raises(ModelNotFound, match="no model 'b'"):
        stock["b"]


async def test_who_waits_for_a_model_whose_file_is_replaced_waits_for_the_new_one(home: Path) -> None:
    stock = stock_of(home)
    await stock.look()
    before = stock.find("b")
    waiting = Use(before, 1, lambda: None)
    ready = asyncio.create_task(waiting.ready())
    await asyncio.sleep(0)
    make(home, "b", data=5000)
    await stock.look()
    assert stock.clear() == []
    assert stock.find("b") is waiting.bay is not before
    ready.cancel()


async def test_aliases_are_the_settings(home: Path) -> None:
    stock = stock_of(home, b=ModelSettings(aliases=("fast",)))
    await stock.look()
    assert [stock.find(name).model().aliases for name in ("a", "b")] == [(), ("fast",)]


async def test_of_namesakes_the_one_that_is_called_so_has_the_aliases(home: Path) -> None:
    for number, name in enumerate(("tiny-Q8_0", "tiny-Q4_0")):
        os.utime(make(home, name), (1_000 + number, 1_000 + number))
    stock = stock_of(home, tiny=ModelSettings(aliases=("fast",)))
    await stock.look()
    second = stock.find("tiny-q4_0")
    assert [stock.find(name).model().aliases for name in ("tiny", "tiny-q4_0")] == [("fast",), ()]
    (home / "models" / "tiny-Q8_0.gguf").unlink()
    await stock.look()
    assert stock.clear() == []
    assert stock.find("tiny") is stock["tiny-q4_0"] is second
    assert (second.name, second.model().aliases) == ("tiny", ("fast",))


async def test_a_name_is_taken_over_when_its_last_model_has_answered(home: Path) -> None:
    first, _ = (make(home, f"tiny-{name}", data=800 + number) for number, name in enumerate(("Q8_0", "Q4_0")))
    os.utime(first, (1_000, 1_000))
    stock = stock_of(home)
    await stock.look()
    before, after = stock.find("tiny"), stock.find("tiny-q4_0")
    before.phase = "in"
    use = Use(before, 1, lambda: None)
    before.at_work.add(use)
    first.unlink()
    await stock.look()
    assert stock.clear() == []
    assert (stock["tiny"], stock["tiny-q4_0"]) == (before, after)
    before.at_work.clear()
    waiting = asyncio.create_task(Use(before, 2, lambda: None).ready())
    await asyncio.sleep(0)
    before.phase = "out"
    assert stock.clear() == []
    assert stock.find("tiny") is after
    assert [use.number for use in after.waiting] == [2]
    waiting.cancel()
