"""Two models with llama.cpp itself: the starter, and its file under another name."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import psutil
import pytest
from tests.engine.waiting import descendants, gone, until

from mecum.engine.models import locate
from mecum.engine.plan import MIB, OVERHEAD
from mecum.engine.several import Several
from mecum.errors import EngineError
from mecum.settings.schema import EngineSettings, Settings
from mecum.types import Message, Prompt, Sampling

pytestmark = pytest.mark.real_model
STARTER, SECOND = "smollm2-135m-instruct", "second"
NEVER_ENDS = {"0": -100, "2": -100}  # the starter's end tokens


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="m-") as folder:
        home, starter = Path(folder), locate(None, Path(folder))
        (home / "models").mkdir()
        shutil.copyfile(starter, home / "models" / f"{SECOND}.gguf")  # a link would be the same model
        yield home


@pytest.fixture
def strangers() -> set[int]:
    """What runs before, and stays."""
    return descendants()


@asynccontextmanager
async def running(home: Path, **engine: object) -> AsyncIterator[Several]:
    """Run it; one thread for each model waits for no other, and is quickest on a busy machine."""
    before = descendants()
    several = Several(Settings(home=home, engine=EngineSettings(context=512, slots=2, threads=1, **engine)))  # type: ignore[arg-type]
    try:
        await several.start()
        await asyncio.wait_for(several.ready(), 60)
        await several.refresh()
        yield several
    finally:
        pids = descendants() - before
        await several.aclose()
        assert all(map(gone, pids))


async def ask(engine: Several, model: str, tokens: int = 4) -> int:
    """Return how many tokens an answer had, which must be all that were asked for."""
    use = engine.use(model)
    try:
        await use.ready()
        sampling = Sampling(temperature=0, max_tokens=tokens, logit_bias=NEVER_ENDS)
        async with aclosing(await engine.chat(Prompt(model, (Message("user", "Count to ten."),), sampling))) as reply:
            usage = [delta.usage for batch in [batch async for batch in reply] for delta in batch if delta.usage]
        assert [one.completion_tokens for one in usage] == [tokens]
        return usage[0].completion_tokens
    finally:
        use.leave()


def loaded(engine: Several) -> set[str]:
    return {model.name for model in engine.status().models if model.load == "loaded"}


def private(strangers: set[int]) -> int:
    """What the models' processes have of memory for themselves, in bytes."""
    models = [child for child in psutil.Process().children() if child.pid not in strangers]
    return sum(child.memory_info().rss - child.memory_info().shared for child in models)


async def test_two_under_concurrent_requests_within_their_memory(home: Path) -> None:
    async with running(home) as engine:
        asking = [asyncio.create_task(ask(engine, name, 8)) for name in (STARTER, SECOND) * 4]
        assert await asyncio.gather(*asking) == [8] * 8
        assert loaded(engine) == {STARTER, SECOND}
        for model in engine.status().models:
            process = psutil.Process(pid_of(engine, model.name)).memory_info()
            assert process.rss <= (model.memory or 0), "what is planned is no less than what it takes"


async def test_in_the_room_of_one_they_alternate_and_no_answer_is_cut(home: Path, strangers: set[int]) -> None:
    one = OVERHEAD + 150 * MIB  # the starter's 94 MiB, two small contexts
    async with running(home, memory=one) as engine:
        seen, most = set(), 0
        asking = [asyncio.create_task(ask(engine, name, 12)) for name in (STARTER, SECOND, SECOND, STARTER, STARTER, SECOND)]
        while not all(task.done() for task in asking):
            seen.add(frozenset(loaded(engine)))
            most = max(most, private(strangers))
            assert sum(bay.memory for bay in engine._stock) <= one
            await asyncio.sleep(0.02)
        assert [task.result() for task in asking] == [12] * 6
        assert {frozenset({STARTER}), frozenset({SECOND})} <= seen
        assert frozenset({STARTER, SECOND}) not in seen
        assert most <= one


async def test_one_that_is_killed_does_not_disturb_the_other_and_who_is_unused_goes(home: Path, strangers: set[int]) -> None:
    async with running(home, keep_alive=2) as engine:
        await ask(engine, SECOND)
        going_on = asyncio.create_task(ask(engine, STARTER, 60))
        broken = asyncio.create_task(ask(engine, SECOND, 300))
        await until(lambda: all(model.users == 1 for model in engine.status().models), 10)
        await asyncio.sleep(0.3)
        os.kill(pid_of(engine, SECOND), signal.SIGKILL)
        with pytest.raises(EngineError):
            await asyncio.wait_for(broken, 30)
        assert await asyncio.wait_for(going_on, 60) == 60
        assert await asyncio.wait_for(ask(engine, SECOND), 60) == 4
        await until(lambda: loaded(engine) == set(), 30)
        await until(lambda: private(strangers) == 0, 10)
        assert engine.status().state == "ready"


def pid_of(engine: Several, name: str) -> int:
    bay = engine._stock[name]
    assert bay.engine
    pid = bay.engine.status().pid
    assert pid
    return pid
