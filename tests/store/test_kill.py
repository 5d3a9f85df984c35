"""`kill -9` at random points of adding, replacing, deleting, embedding and rebuilding (promises 1, 3 and 7).

Ten points here; 200 with MECUM_SOAK=1.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

from tests.store.library import OWNER, texts_of

from mecum.store.sqlite import Sqlite

KILLS = 200 if os.environ.get("MECUM_SOAK") else 10
ROOT = Path(__file__).parents[2]


def kill_at_work(home: Path, seed: int, seconds: float, program: str = "tests.store.worker") -> list[str]:
    """Start the worker, kill it after so many seconds of work, and return its lines."""
    command = [sys.executable, "-m", program, str(home), str(seed)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(seconds)
        process.kill()
        rest = process.stdout.read()
    return [line for line in (first + rest).splitlines(keepends=True) if line.endswith("\n")]


def acknowledged(lines: list[str], before: dict[str, str]) -> tuple[dict[str, str], str | None]:
    """The version of each document that was acknowledged last ("-": deleted), and the one that was being changed."""
    known, unsure = dict(before), None
    for line in lines[1:]:
        sign, path, *version = line.split()
        unsure = path if sign == "?" else None
        if sign == "!":
            known[path] = version[0]
    return known, unsure


async def test_no_kill_loses_an_acknowledged_write_or_leaves_half_a_document(tmp_path: Path) -> None:
    dice = random.Random(20261123)
    known: dict[str, str] = {}
    for seed in range(KILLS):
        lines = kill_at_work(tmp_path, seed, dice.uniform(0.0, 0.5))
        assert lines[0] == "started\n"
        known, unsure = acknowledged(lines, known)
        begin = time.monotonic()
        store = Sqlite(tmp_path)
        await store.start()
        assert time.monotonic() - begin < 5
        assert await store.check() == ()
        known = await compare(store, known, unsure)
        await store.aclose()
    assert len(known) > 3  # the test did test something


async def compare(store: Sqlite, known: dict[str, str], unsure: str | None) -> dict[str, str]:
    """Return what is there, which is what was acknowledged; of the document that was being changed, old or new."""
    there: dict[str, str] = {}
    for path in known.keys() | ({unsure} if unsure else set()):
        document = await store.documents.find(OWNER, "default", path)
        passages = await store.documents.passages(OWNER, document.id, limit=1000) if document else ()
        version = passages[-1].text.removeprefix("version ") if passages else "-"
        assert version == known.get(path, "-") or path == unsure
        assert version == "-" or f"version {version}" in await texts_of(store, version)
        there[path] = version
    return there
