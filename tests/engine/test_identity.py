"""The fingerprint changes with whatever can change a text, and with nothing else."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from mecum.engine.identity import HEAD, KEEP, Hashes, fingerprint, full_hash, quick_hash
from mecum.engine.plan import Plan
from mecum.types import Sampling

NONE = Sampling()
PLAN = Plan(slots=4, context=8192, threads=2, batch=128, gpu_layers=-1, cache_mib=100)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, ...]:
    found = tmp_path / "a.gguf", tmp_path / "b.gguf"
    for file in found:
        file.write_bytes(b"x" * (HEAD + 10))
    return found


def test_it_has_a_form() -> None:
    told = fingerprint("wheel 1", "abc", PLAN, NONE)
    assert told.startswith("fp_")
    assert len(told) == 13
    assert told == fingerprint("wheel 1", "abc", PLAN, NONE)


@pytest.mark.parametrize(
    "change",
    [{"slots": 2}, {"context": 4096}, {"threads": 1}, {"batch": 64}, {"gpu_layers": 0}, {"chat_template": "{{ x }}"}],
)
def test_what_changes_sums_or_the_prompt_changes_it(change: dict[str, Any]) -> None:
    assert fingerprint("1", "abc", dataclasses.replace(PLAN, **change), NONE) != fingerprint("1", "abc", PLAN, NONE)


def test_version_and_model_change_it_and_the_cache_does_not() -> None:
    assert fingerprint("2", "abc", PLAN, NONE) != fingerprint("1", "abc", PLAN, NONE)
    assert fingerprint("1", "abd", PLAN, NONE) != fingerprint("1", "abc", PLAN, NONE)
    assert fingerprint("1", "abc", dataclasses.replace(PLAN, cache_mib=0), NONE) == fingerprint("1", "abc", PLAN, NONE)


def test_how_the_model_is_sampled_by_default_changes_it() -> None:
    assert fingerprint("1", "abc", PLAN, Sampling(top_k=20)) != fingerprint("1", "abc", PLAN, NONE)
    assert fingerprint("1", "abc", PLAN, Sampling(top_k=20)) == fingerprint("1", "abc", PLAN, Sampling(top_k=20))


def test_the_quick_hash_sees_beginning_and_size(files: tuple[Path, ...]) -> None:
    before = quick_hash(files)
    files[1].write_bytes(b"y" + files[1].read_bytes()[1:])
    other = quick_hash(files)
    files[1].write_bytes(files[1].read_bytes() + b"z")
    assert len({before, other, quick_hash(files)}) == 3


async def test_the_full_hash_reads_every_byte(files: tuple[Path, ...]) -> None:
    content = b"".join(file.read_bytes() for file in files)
    assert await full_hash(files) == hashlib.sha256(content).hexdigest()


async def test_a_file_that_went_away_has_no_hash(tmp_path: Path) -> None:
    assert await full_hash([tmp_path / "gone"]) is None


def test_a_hash_is_known_until_the_file_changes(files: tuple[Path, ...], tmp_path: Path) -> None:
    hashes = Hashes(tmp_path / "cache")
    assert hashes.known(files) is None
    hashes.remember(files, "abc")
    assert Hashes(tmp_path / "cache").known(files) == "abc"
    os.utime(files[0], ns=(0, 0))
    assert hashes.known(files) is None


def test_the_cache_does_not_grow_for_ever_and_survives_nonsense(files: tuple[Path, ...], tmp_path: Path) -> None:
    hashes = Hashes(tmp_path)
    (tmp_path / "models.json").write_text("[")
    for number in range(KEEP + 1):
        os.utime(files[0], ns=(0, number))
        hashes.remember(files, str(number))
    assert hashes.known(files) == str(KEEP)
    os.utime(files[0], ns=(0, 0))
    assert hashes.known(files) is None
