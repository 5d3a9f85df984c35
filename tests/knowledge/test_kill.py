"""`kill -9` at random points of adding, reading, splitting, embedding, replacing and deleting (promises 1, 3 and 7).

Six points here; 200 with MECUM_SOAK=1. `tests/store/test_kill.py` does the same to the store alone.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

from tests.knowledge.libraries import ANN, opened
from tests.store.test_kill import acknowledged, kill_at_work

from mecum.knowledge.library import Library
from mecum.store.values import Filter
from mecum.types import Query

KILLS = 200 if os.environ.get("MECUM_SOAK") else 6


async def test_no_kill_loses_repeats_or_halves_a_document(tmp_path: Path) -> None:
    dice = random.Random(20261127)
    known: dict[str, str] = {}
    for seed in range(KILLS):
        lines = kill_at_work(tmp_path, seed, dice.uniform(0.1, 1.5), program="tests.knowledge.adder")
        known, unsure = acknowledged(lines, known)
        async with opened(tmp_path) as library:
            await library.settled()
            assert await library.verify() == ()
            known = await compare(library, known, unsure)
    assert len(known) > 3  # the test did test something


async def compare(library: Library, known: dict[str, str], unsure: str | None) -> dict[str, str]:
    """Return what is there: what was acknowledged, whole and searchable; of what was being changed, old or new."""
    there: dict[str, str] = {}
    for path in known.keys() | ({unsure} if unsure else set()):
        document = await library.find(path, "default", ANN)
        if document is None:
            assert known.get(path, "-") == "-" or path == unsure
            assert (await library.list(Filter(ANN.owner, path_prefix=path))).total == 0  # no part is left behind
            there[path] = "-"
            continue
        assert document.state == "ready"
        version = await version_of(library, path)
        assert version == known.get(path) or path == unsure
        there[path] = version
    return there


async def version_of(library: Library, path: str) -> str:
    found = await library.search(Query(text="version", path_prefix=path, min_score=0.0, k=50), ANN)
    versions = {word for hit in found.hits for word in hit.text.split() if word.startswith("v") and word[1:].isdigit()}
    assert len(versions) == 1, versions  # the old one is gone, the new one is there
    return versions.pop()
