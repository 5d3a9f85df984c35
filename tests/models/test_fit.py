"""What this machine can run."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.models.hubs import model

from mecum.engine import gguf
from mecum.engine.machine import Machine
from mecum.models.facts import Facts, facts_of
from mecum.models.fit import CORE, fit, read_speed, tokens_per_second
from mecum.settings.schema import EngineSettings

GB = 10**9
SETTINGS = EngineSettings()


@pytest.fixture
def facts(tmp_path: Path) -> Facts:
    (tmp_path / "T-Q4_K_M.gguf").write_bytes(model())
    return facts_of(gguf.read(tmp_path / "T-Q4_K_M.gguf"))


def test_it_says_what_the_engine_would_plan(facts: Facts) -> None:
    found = fit(facts, Path("T.gguf"), GB, SETTINGS, Machine(2, 8 * GB))
    assert (found.fits, found.context, found.slots) == (True, 4096, 4)
    assert found.need > GB


def test_what_does_not_fit_says_why(facts: Facts) -> None:
    found = fit(facts, Path("T.gguf"), 9 * GB, SETTINGS, Machine(2, 8 * GB))
    assert not found.fits
    assert "needs about" in found.why


def test_the_speed_of_the_memory_is_measured() -> None:
    assert read_speed(1) > 1e8


def test_the_speed_is_the_slower_of_memory_and_cores(facts: Facts) -> None:
    two = Machine(2, 8 * GB)
    assert tokens_per_second(GB, two, 1e12, facts) == pytest.approx(2 * CORE / GB)
    assert tokens_per_second(GB, two, 1e9, facts) == pytest.approx(0.7)
    assert tokens_per_second(GB, Machine(2, 8 * GB, gpu=True), 1e12, facts) is None


def test_a_mixture_of_experts_has_no_estimate(tmp_path: Path) -> None:
    (tmp_path / "M-Q4_K_M.gguf").write_bytes(model(**{"llama.expert_count": ("u32", 8)}))
    mixture = facts_of(gguf.read(tmp_path / "M-Q4_K_M.gguf"))
    assert tokens_per_second(GB, Machine(2, 8 * GB), 1e12, mixture) is None
