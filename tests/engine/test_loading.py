"""How far a load is: told from the memory of real loads, of which the curves were recorded, and of one that happens here."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import psutil
import pytest
from tests.engine.fakes import QUICK, fake_home, make, settings_of

from mecum.engine.embedded import Embedded
from mecum.engine.gguf import Header
from mecum.engine.loading import NEARLY, Loading, resident_of
from mecum.engine.machine import Machine
from mecum.engine.plan import Plan
from mecum.engine.several import Several
from mecum.errors import EngineError
from mecum.settings.schema import EngineSettings, Settings

PLAN = Plan(slots=4, context=8192, threads=2, batch=128)


@dataclass(frozen=True)
class Curve:
    """Seconds and megabytes in memory of a load on two cores; the last row is from when it had loaded."""

    layers: int
    width: int
    heads: int
    shared: int
    kind: int
    weights: int
    context: int
    rows: Sequence[tuple[float, int]]

    def resident(self) -> int:
        values = {
            "block_count": self.layers,
            "embedding_length": self.width,
            "attention.head_count": self.heads,
            "attention.head_count_kv": self.shared,
        }
        family = {"general.architecture": "x", "general.file_type": self.kind, **{f"x.{key}": values[key] for key in values}}
        header = Header(Path("x.gguf"), self.weights, 3, 0, MappingProxyType(family))
        known = resident_of(replace(PLAN, context=self.context), header, self.weights)
        assert known
        return known


def qwen(*rows: tuple[float, int]) -> Curve:
    return Curve(28, 1536, 12, 2, 15, 1_117_320_768, 32_768, rows)


def smollm(*rows: tuple[float, int]) -> Curve:
    return Curve(30, 576, 9, 3, 3, 98_362_432, 8192, rows)


CURVES = {
    "Qwen2.5-Coder-1.5B, Q4_K_M, its file not in memory": qwen(
        *((0.0, 0), (0.78, 92), (1.46, 797), (2.15, 1324), (2.84, 1661), (3.53, 2126), (4.22, 2838), (4.91, 3034)),
        *((5.61, 3195), (6.96, 3592), (8.3, 4033), (9.65, 4408), (10.99, 4730), (12.34, 5093), (13.67, 5511), (14.46, 5600)),
    ),
    "its file in memory": qwen(
        *((0.0, 2), (0.35, 83), (0.68, 97), (0.99, 1376), (1.3, 1617), (1.61, 1921), (1.92, 2506), (2.23, 2831)),
        *((2.89, 3620), (3.51, 4746), (4.14, 5015), (4.78, 5168), (5.43, 5332), (6.06, 5530), (6.74, 5598), (7.01, 5600)),
    ),
    "beside other work": qwen(
        *((0.01, 8), (1.04, 1354), (2.0, 2016), (2.96, 2302), (3.92, 2543), (5.85, 3003), (7.76, 3493), (9.67, 4015)),
        *((11.57, 4542), (13.48, 5074), (15.4, 5596), (17.31, 5598), (19.23, 5600)),
    ),
    "SmolLM2-135M, Q4_1, its file not in memory": smollm(
        *((0.01, 0), (0.16, 22), (0.32, 51), (0.47, 109), (0.58, 243), (0.69, 323), (0.8, 498), (0.9, 651), (1.0, 838)),
        *((1.06, 908), (1.21, 910), (1.33, 910)),
    ),
    "its file in memory, too": smollm(
        *((0.0, 0), (0.13, 36), (0.24, 51), (0.34, 79), (0.45, 304), (0.56, 469), (0.66, 611), (0.76, 812), (0.87, 907)),
        *((0.92, 910),),
    ),
}


@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
def test_what_is_told_of_real_loads(curve: Curve, monkeypatch: pytest.MonkeyPatch) -> None:
    loading, told = Loading(curve.resident(), time.monotonic()), []
    for _, megabytes in curve.rows:
        monkeypatch.setattr("mecum.engine.loading.resident_memory", lambda pid, has=megabytes: has * 1_000_000)
        share = loading.progress(1).share
        assert share is not None
        told.append(share)
    assert told == sorted(told)
    assert told[0] <= 0.02
    assert 0.95 <= told[-1] <= NEARLY, "it ends near the end, and never says that it is there"
    whole = curve.rows[-1][0]
    off = [abs(share - at / whole) for (at, _), share in zip(curve.rows, told, strict=True)]
    assert max(off) < 0.4, "a clock would not say much else"


def test_it_never_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    loading = Loading(1000, time.monotonic())
    for has, share in ((500, 0.5), (300, 0.5), (700, 0.7), (5000, NEARLY), (0, NEARLY)):
        monkeypatch.setattr("mecum.engine.loading.resident_memory", lambda pid, has=has: has)
        assert loading.progress(1).share == share
    assert loading.progress(None).share == NEARLY, "between two tries"


def test_where_nothing_is_known_only_the_time_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    header = Header(Path("x.gguf"), 0, 3, 0, MappingProxyType({}))
    assert resident_of(replace(PLAN, fit=True), header, 10) is None, "a part lies in a GPU"
    assert resident_of(replace(PLAN, gpu_layers=3), header, 10) is None
    told = Loading(None, time.monotonic() - 5).progress(os.getpid())
    assert told.share is None
    assert 5 <= told.seconds < 60
    monkeypatch.setattr("sys.platform", "darwin")
    assert Loading(1000, time.monotonic()).progress(os.getpid()).share is None


def test_a_process_that_has_just_ended_has_nothing() -> None:
    assert Loading(1000, time.monotonic()).progress(2**22 + 1).share == 0


@pytest.fixture
def home() -> Iterator[Path]:
    with fake_home("a", "slow-d", "dead-e") as home:
        yield home


async def test_each_model_tells_of_itself_while_it_loads(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    monkeypatch.setattr("mecum.engine.loading.resident_memory", lambda pid: looks.append(pid) or 1_000_000)
    engine = Several(settings_of(home), policy=QUICK, machine=lambda: Machine(2, 10**10))
    try:
        await engine.start()
        await engine.ready()
        await engine.refresh()
        assert (engine.progress("a"), engine.progress("slow-d")) == (None, None)
        await engine.load("slow-d")
        while (told := engine.progress("slow-d")) is None:  # noqa: ASYNC110 # until there is a process
            await asyncio.sleep(0.01)
        assert told.share is not None
        assert 0 < told.share < 1
        assert told.seconds < 5
        assert engine.progress("a") is None
        use = engine.use("slow-d")
        await use.ready()
        use.leave()
        assert engine.progress("slow-d") is None
        asked = len(looks)
        await engine.load("dead-e")
        with pytest.raises(EngineError):
            await engine.use("dead-e").ready()
        assert engine.progress("dead-e") is None
        assert len(looks) == asked, "nobody asked"
    finally:
        await engine.aclose()
    assert engine.progress("a") is None


async def test_a_restart_is_a_load_of_its_own(home: Path) -> None:
    make(home, "slow-d")
    engine = Embedded(settings_of(home, model="slow-d"), policy=QUICK, machine=Machine(2, 10**10))
    try:
        await engine.start()
        first = engine.progress()
        await engine.ready()
        assert engine.progress() is None
        pid = engine.status().pid
        assert pid
        psutil.Process(pid).kill()
        while (second := engine.progress()) is None:  # noqa: ASYNC110 # until its end is noticed
            await asyncio.sleep(0.01)
        assert first is not None
        assert second.seconds < 1
    finally:
        await engine.aclose()


async def test_a_real_load(tmp_path: Path) -> None:
    engine = Embedded(Settings(home=tmp_path, engine=EngineSettings()))
    told = []
    try:
        await engine.start()
        ready = asyncio.create_task(engine.ready())
        while not ready.done():
            if progress := engine.progress():
                told.append(progress)
            await asyncio.sleep(0.02)
        await ready
        assert engine.progress() is None
    finally:
        await engine.aclose()
    shares = [one.share for one in told]
    assert shares == sorted(shares, key=lambda share: share or 0)
    assert [one.seconds for one in told] == sorted(one.seconds for one in told)
    assert 0.8 < (shares[-1] or 0) <= NEARLY
    assert len({round(share or 0, 1) for share in shares}) > 3, "it moves"
