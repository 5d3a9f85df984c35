"""The catalogue: every row has been read somewhere, and what is recommended fits."""

from __future__ import annotations

import re
from pathlib import Path
from types import MappingProxyType

import pytest

from mecum.engine.gguf import Header
from mecum.engine.machine import Machine
from mecum.engine.models import name_of
from mecum.models.catalogue import TALK, entries, recommend

GB = 10**9
ROW = """[[model]]
name = "m"
repo = "o/m-GGUF"
file = "m-Q4_K_M.gguf"
parameters = "7B"
size = 4_000_000_000
context = 8192
token_bytes = 100_000
licence = "mit"
read = 2026-01-01
pages = ["https://example.org/m"]
"""
SMALL = ROW.replace('"m"', '"s"').replace("4_000_000_000", "500_000_000")


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.name)
def test_each_row_says_where_it_was_read_and_pulls_by_its_name(entry: object) -> None:
    assert entry.name == name_of(Header(Path(entry.file), 0, 3, 0, MappingProxyType({})))
    assert all(re.fullmatch(r"https://huggingface\.co/\S+", page) for page in entry.pages)
    assert entry.licence in ("apache-2.0", "mit")
    assert 10**8 < entry.size < 10**12
    assert entry.context >= TALK
    assert 10_000 < entry.token_bytes < 10**6


def test_rows_go_from_weak_to_strong() -> None:
    sizes = [entry.size for entry in entries()]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize(
    "text",
    [
        ROW.replace('licence = "mit"\n', ""),
        ROW.replace('pages = ["https://example.org/m"]', "pages = []"),
        ROW.replace('pages = ["https://example.org/m"]\n', ""),
        ROW.replace("https://", "http://"),
        ROW + "stars = 5\n",
    ],
)
def test_a_row_that_is_not_whole_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"catalogue\.toml: the row 'm'"):
        entries(text)


@pytest.mark.parametrize(
    ("text", "memory", "cores", "name"),
    [
        (SMALL + ROW, 16, 16, "m"),
        (SMALL + ROW, 16, 1, "s"),  # m would answer one token a second
        (SMALL + ROW, 4, 16, "s"),
        (SMALL + ROW, 1, 16, None),
        (ROW, 16, 1, "m"),  # slow, but there is no other
        ("", 16, 16, None),
    ],
)
def test_the_strongest_that_fits_and_is_quick_enough(text: str, memory: int, cores: int, name: str | None) -> None:
    advice = recommend(entries(text), Machine(cores, memory * GB), 100e9)
    assert (advice and advice.entry.name) == name
    if advice:
        assert advice.entry.fits(memory * GB)
        assert advice.context >= TALK
        assert advice.fast_enough == (cores > 1 or name == "s")


def test_a_gpu_has_no_estimate_and_takes_the_strongest() -> None:
    advice = recommend(entries(SMALL + ROW), Machine(1, 16 * GB, gpu=True), 1e9)
    assert advice is not None
    assert (advice.entry.name, advice.speed) == ("m", None)


def test_the_context_that_is_left() -> None:
    (entry,) = entries(ROW)
    assert entry.context_in(100 * GB) == 8192
    assert entry.context_in(6 * GB) % 256 == 0
    assert entry.context_in(6 * GB) < 8192
    assert entry.context_in(GB) == 0
