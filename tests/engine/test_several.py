"""Several models at once: loaded on use, unloaded for others and when nobody uses them, each independent of the rest.

The children are real processes that answer at once (`fake_llama_server`); with llama.cpp itself: `test_several_real.py`.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.engine.fakes import ALL, ONE, QUICK, TWO, children, fake_home, make, settings_of
from tests.engine.waiting import descendants, gone, until

from mecum.engine.base import Load
from mecum.engine.machine import Machine
from mecum.engine.plan import MIB, OVERHEAD
from mecum.engine.several import Several
from mecum.errors import EngineDown, EngineError, EngineStartError, ModelInUse, ModelNotFound
from mecum.settings.schema import ModelSettings
from mecum.types import Message, Prompt, Sampling


@pytest.fixture
def home() -> Iterator[Path]:
    with fake_home("a", "b", "c") as home:
        yield home


@asynccontextmanager
async def running(home: Path, memory: int = ALL, **more: Any) -> AsyncIterator[Several]:
    """Run the engine, its default model loaded; afterwards nothing of it is left."""
    engine = Several(settings_of(home, memory, **more), policy=QUICK, machine=lambda: Machine(2, 100 * ONE))
    try:
        await engine.start()
        await asyncio.wait_for(engine.ready(), 30)
        await engine.refresh()
        yield engine
    finally:
        await engine.aclose()
        assert engine.status().state == "stopped"
        assert children() == []


def loads(engine: Several) -> dict[str, Load]:
    return {model.name: model.load for model in engine.status().models if model.name != "smollm2-135m-instruct"}


def loaded(engine: Several) -> set[str]:
    return {name for name, load in loads(engine).items() if load == "loaded"}


async def ask(engine: Several, model: str, words: int = 1, pause: float = 0) -> str:
    """Chat as `chat.answer` does: with a use of the model."""
    use = engine.use(model)
    try:
        await use.ready()
        prompt = Prompt(model, (Message("user", f"{words} {pause}"),), Sampling())
        reply = await engine.chat(prompt)
        try:
            return "".join([delta.content or "" async for batch in reply for delta in batch])
        finally:
            await reply.aclose()
    finally:
        use.leave()


async def test_the_default_is_loaded_at_the_start_the_others_on_use(home: Path) -> None:
    async with running(home) as engine:
        assert loads(engine) == {"a": "loaded", "b": "unloaded", "c": "unloaded"}
        assert await asyncio.gather(*(ask(engine, name) for name in "abc")) == ["a ", "b ", "c "]
        assert loads(engine) == {"a": "loaded", "b": "loaded", "c": "loaded"}
        assert len(children()) == 3
        status = engine.status()
        assert status.budget == ALL
        assert len({model.fingerprint for model in status.models if model.load == "loaded"}) == 3


async def test_what_is_known_of_a_model_before_it_is_loaded(home: Path) -> None:
    async with running(home) as engine:
        model = engine.status().named("b")
        assert model
        assert (model.context, model.slots, model.file) == (512, 4, home / "models" / "b.gguf")
        assert model.size == (home / "models" / "b.gguf").stat().st_size
        assert OVERHEAD < (model.memory or 0) < ALL


async def test_where_there_is_room_for_one_they_take_turns_and_nothing_is_cut(home: Path) -> None:
    async with running(home, ONE) as engine:
        seen: set[frozenset[str]] = set()
        asking = [asyncio.create_task(ask(engine, name, 20, 0.01)) for name in "abcabcaabbcc"]
        while not all(task.done() for task in asking):
            seen.add(frozenset(loaded(engine)))
            assert sum(bay.memory for bay in engine._stock) <= ONE
            assert len(children()) <= 1
            await asyncio.sleep(0.005)
        assert [task.result() for task in asking] == [f"{name} " * 20 for name in "abcabcaabbcc"]
        assert {frozenset("a"), frozenset("b"), frozenset("c")} <= seen


async def test_the_longest_unused_makes_room(home: Path) -> None:
    async with running(home, TWO) as engine:
        await ask(engine, "b")
        await ask(engine, "a")
        await ask(engine, "c")
        assert loaded(engine) == {"a", "c"}
        await ask(engine, "b")
        assert loaded(engine) == {"b", "c"}


async def test_an_answer_that_runs_is_waited_for_and_others_go_on(home: Path) -> None:
    async with running(home, TWO) as engine:
        await ask(engine, "b")
        long = [asyncio.create_task(ask(engine, name, 60, 0.02)) for name in "ab"]
        await until(lambda: sum(model.users for model in engine.status().models) == 2)
        waiting = asyncio.create_task(ask(engine, "c"))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        assert loads(engine) == {"a": "loaded", "b": "loaded", "c": "loading"}
        assert engine.status().named("c").reason == "It waits for room in memory."  # type: ignore[union-attr]
        assert [await task for task in long] == ["a " * 60, "b " * 60]
        assert await waiting == "c "


async def test_while_a_model_loads_others_answer(home: Path) -> None:
    make(home, "slow-d")
    async with running(home) as engine:
        loading = asyncio.create_task(ask(engine, "slow-d"))
        await until(lambda: loads(engine)["slow-d"] == "loading")
        for _ in range(5):
            assert await ask(engine, "a") == "a "
        assert loads(engine)["slow-d"] == "loading"
        assert await loading == "slow-d "


async def test_who_gives_up_while_a_model_loads_does_not_stop_it(home: Path) -> None:
    make(home, "slow-d")
    async with running(home) as engine:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ask(engine, "slow-d"), 0.3)
        assert engine.status().named("slow-d").users == 0  # type: ignore[union-attr]
        await until(lambda: loads(engine)["slow-d"] == "loaded")


async def test_one_that_cannot_be_loaded_is_refused_at_once_and_alone(home: Path) -> None:
    make(home, "dead-d")
    async with running(home) as engine:
        with pytest.raises(EngineDown, match=r"dead-d cannot be loaded.*made of cheese") as caught:
            await asyncio.wait_for(ask(engine, "dead-d"), 20)
        assert 50 < caught.value.retry_after <= 60
        with pytest.raises(EngineDown, match="made of cheese"):
            await asyncio.wait_for(ask(engine, "dead-d"), 0.2)
        assert loads(engine)["dead-d"] == "failed"
        assert "made of cheese" in (engine.status().named("dead-d").reason or "")  # type: ignore[union-attr]
        assert await ask(engine, "a") == "a "
        assert engine.status().state == "ready"


async def test_one_that_crashes_does_not_disturb_another(home: Path) -> None:
    async with running(home) as engine:
        await ask(engine, "b")
        going_on = asyncio.create_task(ask(engine, "a", 50, 0.02))
        broken = asyncio.create_task(ask(engine, "b", 50, 0.02))
        await asyncio.sleep(0.2)
        os.kill(pid_of(engine, "b"), signal.SIGKILL)
        with pytest.raises(EngineError):
            await broken
        assert await asyncio.wait_for(ask(engine, "b"), 20) == "b ", "the next request waits for the next child"
        assert await going_on == "a " * 50
        assert engine.status().restarts == 1


async def test_an_open_circuit_is_one_models_and_stays_open_when_it_is_unloaded(home: Path) -> None:
    async with running(home, TWO) as engine:
        await ask(engine, "b")
        for _ in range(QUICK.crashes):
            await until(lambda: loads(engine)["b"] != "loading")
            os.kill(pid_of(engine, "b"), signal.SIGKILL)
            await until(lambda: loads(engine)["b"] != "loaded")
        await until(lambda: loads(engine)["b"] == "failed")
        with pytest.raises(EngineDown, match="crashed 3 times"):
            await asyncio.wait_for(ask(engine, "b"), 0.2)
        assert await ask(engine, "a") == "a "
        await engine.unload("b")
        with pytest.raises(EngineDown, match="crashed 3 times"):
            await asyncio.wait_for(ask(engine, "b"), 0.2)
        await until(lambda: loads(engine)["b"] == "unloaded")
        assert await asyncio.wait_for(ask(engine, "b"), 20) == "b "


def pid_of(engine: Several, name: str) -> int:
    bay = engine._stock[name]
    assert bay.engine
    pid = bay.engine.status().pid
    assert pid
    return pid


async def test_one_that_does_not_fit_even_alone_is_refused_with_the_numbers(home: Path) -> None:
    make(home, "big", data=600 * MIB)
    async with running(home, ONE) as engine:
        with pytest.raises(EngineDown, match=r"big.gguf needs about 0.9 GB of memory.*0.4 GB"):
            await asyncio.wait_for(ask(engine, "big"), 1)
        assert loads(engine)["big"] == "failed"
        assert loaded(engine) == {"a"}, "nothing was unloaded in vain"


async def test_memory_that_others_have_taken_meanwhile_is_not_given_out(home: Path) -> None:
    free = 100 * ONE
    engine = Several(settings_of(home), policy=QUICK, machine=lambda: Machine(2, free))
    try:
        await engine.start()
        await engine.ready()
        await engine.refresh()
        free = ONE  # beside the little that the loaded one really has
        assert await ask(engine, "b") == "b "
        assert loaded(engine) == {"b"}, "there was no room for both"
        free = OVERHEAD // 2
        await engine.unload("b")
        with pytest.raises(EngineDown, match=r"b needs about 0.3 GB of memory, and models may take 0.1 GB here now"):
            await ask(engine, "b")
    finally:
        await engine.aclose()


async def test_less_slots_before_another_is_unloaded(home: Path) -> None:
    wide = {name: ModelSettings(context=256 * 1024) for name in "ab"}  # 64 MiB a slot
    async with running(home, 1100 * MIB, models=wide) as engine:
        assert await ask(engine, "b") == "b "
        assert loaded(engine) == {"a", "b"}
        whole, rest = engine._stock["a"].outlook.plan, engine._stock["b"].memory
        assert whole.slots == 4
        assert OVERHEAD + 128 * MIB <= rest < whole.memory


async def test_nobody_uses_it(home: Path) -> None:
    async with running(home, keep_alive=0.3) as engine:
        await ask(engine, "b", 40, 0.02)
        assert "b" in loaded(engine), "its time begins when the answer has ended"
        await until(lambda: children() == [])
        assert loaded(engine) == set()
        assert engine.status().state == "ready", "unloaded by policy"
        assert await ask(engine, "a") == "a "


async def test_without_a_setting_the_default_stays(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mecum.engine.several.UNUSED", 0.2)
    async with running(home) as engine:
        await ask(engine, "b")
        await until(lambda: loaded(engine) == {"a"})
        await asyncio.sleep(0.3)
        assert loaded(engine) == {"a"}


async def test_loading_and_unloading_by_hand(home: Path) -> None:
    make(home, "slow-d")
    make(home, "dead-e")
    async with running(home) as engine:
        await engine.load("b")
        await until(lambda: loads(engine)["b"] == "loaded")
        await engine.load("b")
        await engine.unload("b")
        assert loads(engine)["b"] == "unloaded"
        await engine.unload("b")
        await engine.load("slow-d")
        assert loads(engine)["slow-d"] == "loading"
        await engine.unload("slow-d")  # nobody waits for it
        assert loads(engine)["slow-d"] == "unloaded"
        assert len(children()) == 1
        await engine.load("dead-e")
        await until(lambda: loads(engine)["dead-e"] == "failed")
        await engine.load("dead-e")  # by hand it is tried again at once
        assert loads(engine)["dead-e"] == "loading"
        for call in (engine.load, engine.unload):
            with pytest.raises(ModelNotFound):
                await call("nobody")


async def test_one_that_is_used_is_not_unloaded(home: Path) -> None:
    async with running(home) as engine:
        asking = asyncio.create_task(ask(engine, "a", 50, 0.02))
        await until(lambda: engine.status().models[0].users == 1)
        with pytest.raises(ModelInUse, match="in use by a request"):
            await engine.unload("a")
        assert await asking == "a " * 50
        await engine.unload("a")
        assert loaded(engine) == set()


async def test_models_come_and_go_while_it_runs(home: Path) -> None:
    async with running(home) as engine:
        make(home, "new")
        await engine.refresh()
        assert await ask(engine, "new") == "new "
        asking = asyncio.create_task(ask(engine, "b", 50, 0.02))
        await until(lambda: "b" in loaded(engine))
        (home / "models" / "b.gguf").unlink()
        await engine.refresh()
        assert set(loads(engine)) == {"a", "c", "new"}
        assert await asking == "b " * 50, "its file is gone, but not its answer"
        await until(lambda: len(children()) == 2)
        with pytest.raises(ModelNotFound):
            engine.use("b")


async def test_another_file_of_the_same_name_is_loaded_anew(home: Path) -> None:
    async with running(home) as engine:
        await ask(engine, "b")
        first = pid_of(engine, "b")
        other = make(home, "other", data=5000)
        other.replace(home / "models" / "b.gguf")
        await engine.refresh()
        await until(lambda: loads(engine)["b"] == "unloaded")
        assert await ask(engine, "b") == "b "
        assert pid_of(engine, "b") != first
        assert engine.status().named("b").size == (home / "models" / "b.gguf").stat().st_size  # type: ignore[union-attr]


async def test_another_default(home: Path) -> None:
    default = "a"
    engine = Several(settings_of(home), default=lambda: default, policy=QUICK, machine=lambda: Machine(2, 100 * ONE))
    async with AsyncExitStack() as held:
        held.push_async_callback(engine.aclose)
        await engine.start()
        await engine.ready()
        await engine.refresh()
        assert engine.status().models[0].name == "a"
        default = "c"
        make(home, "d")  # as the choice, which stands in the folder, changes it
        await engine.refresh()
        assert engine.status().models[0].name == "c"
        assert engine.status().state == "ready"
        await engine.ready()
        assert loaded(engine) == {"a", "c"}


async def test_a_model_that_goes_by_a_shorter_name_goes_on_as_it_is(home: Path) -> None:
    first, second = make(home, "tiny-Q4_0", data=800), make(home, "tiny-Q8_0", data=900)
    os.utime(first, (1_000, 1_000))
    os.utime(second, (2_000, 2_000))
    async with running(home) as engine:
        assert await ask(engine, "tiny") == "tiny-Q4_0 "
        asking = asyncio.create_task(ask(engine, "tiny-q8_0", 60, 0.02))
        await until(lambda: "tiny-q8_0" in loaded(engine))
        pid = pid_of(engine, "tiny-q8_0")
        first.unlink()
        await engine.refresh()
        await until(lambda: loaded(engine) == {"a", "tiny"})
        assert await ask(engine, "tiny") == "tiny-Q8_0 "
        assert await ask(engine, "tiny-q8_0") == "tiny-Q8_0 "
        assert pid_of(engine, "tiny") == pid
        assert await asking == "tiny-Q8_0 " * 60


async def test_another_default_renames_nothing(home: Path) -> None:
    default = "a"
    first, second = make(home, "tiny-Q4_0", data=800), make(home, "tiny-Q8_0", data=900)
    os.utime(first, (1_000, 1_000))
    os.utime(second, (2_000, 2_000))
    engine = Several(settings_of(home), default=lambda: default, policy=QUICK, machine=lambda: Machine(2, 100 * ONE))
    async with AsyncExitStack() as held:
        held.push_async_callback(engine.aclose)
        await engine.start()
        await engine.refresh()
        default = "tiny-Q8_0.gguf"
        make(home, "d")
        await engine.refresh()
        assert [(one.name, one.file) for one in engine.status().models[:1]] == [("tiny-q8_0", second)]
        assert await ask(engine, "tiny") == "tiny-Q4_0 "


async def test_aliases_and_the_starter(home: Path) -> None:
    async with running(home, models={"b": ModelSettings(aliases=("Fast",), slots=2)}) as engine:
        status = engine.status()
        for name in ("b", "B", "fast", "b.gguf"):
            found = status.named(name)
            assert found
            assert found.name == "b"
        assert found.slots == 2
        assert status.named("starter") is None or status.named("starter").name == "smollm2-135m-instruct"  # type: ignore[union-attr]


async def test_a_default_that_is_broken_is_refused_at_the_start(home: Path) -> None:
    (home / "models" / "a.gguf").write_bytes(b"GGUFnonsense")
    engine = Several(settings_of(home), machine=lambda: Machine(2, ALL))
    with pytest.raises(EngineStartError, match=r"a\.gguf"):
        await engine.start()
    await engine.aclose()


async def test_a_default_that_cannot_be_loaded(home: Path) -> None:
    make(home, "dead-e")
    engine = Several(settings_of(home, model="dead-e"), policy=QUICK, machine=lambda: Machine(2, ALL))
    try:
        await engine.start()
        with pytest.raises(EngineStartError, match="made of cheese") as caught:
            await asyncio.wait_for(engine.ready(), 20)
        assert any("cheese" in line for line in caught.value.lines)
        status = engine.status()
        assert (status.state, status.models[0].load) == ("failed", "failed")
        assert "made of cheese" in (status.reason or "")
        await engine.refresh()
        assert await ask(engine, "a") == "a ", "others can be loaded"
    finally:
        await engine.aclose()


async def test_stopping_while_models_are_on_their_way_out(home: Path) -> None:
    before = descendants()
    async with running(home, ONE) as engine:
        asking = [asyncio.create_task(ask(engine, name)) for name in "bca"]
        async with asyncio.timeout(10):
            while not any(bay.phase == "going" for bay in engine._stock):  # noqa: ASYNC110
                await asyncio.sleep(0)  # it lasts a few milliseconds
        pids = descendants() - before
        await engine.aclose()
        assert all(map(gone, pids)), "also what computes hashes"
        await asyncio.gather(*asking, return_exceptions=True)


async def test_stopping_in_the_middle_of_everything(home: Path) -> None:
    make(home, "slow-d")
    async with running(home, TWO) as engine:
        asking = [asyncio.create_task(ask(engine, name, 100, 0.05)) for name in ("a", "slow-d", "b")]
        await until(lambda: loads(engine)["slow-d"] == "loading")
        await asyncio.wait_for(engine.aclose(), 10)
        for task in asking:
            with pytest.raises(EngineError):
                await asyncio.wait_for(task, 5)
        for call in (engine.ready(), ask(engine, "a")):
            with pytest.raises(EngineDown):
                await call


async def test_room_is_left_to_others_unless_it_is_said_what_models_may_take(home: Path) -> None:
    free, seen = 100 * ONE, []

    def reserved(memory: int) -> int:
        seen.append(memory)
        return 30 * ONE

    for memory, budget in ((0, int(0.9 * free) - 30 * ONE), (50 * ONE, 50 * ONE)):
        given = settings_of(home, memory or ALL)
        engine = given.engine.model_copy(update={"memory": memory or None})
        settings = given.model_copy(update={"engine": engine})
        several = Several(settings, policy=QUICK, machine=lambda: Machine(2, free), reserved=reserved)
        try:
            await several.start()
            assert several.status().budget == budget
        finally:
            await several.aclose()
    assert seen == [free, free]
