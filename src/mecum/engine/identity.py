"""What the text of an answer depends on, as one short fingerprint: the engine's version, the model's bytes, the plan.

Invariant: the same request can give another text only where the fingerprint differs (ruling 9). Hashing a large model takes
minutes, so its SHA-256 is kept beside its path, size and time in `models.json`, and until it is known a hash of the file's
beginning and size stands in (`tests/engine/test_identity.py`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from mecum.engine.plan import Plan
from mecum.engine.process import Process
from mecum.types import Sampling

HEAD: Final = 1024 * 1024  # bytes
KEEP: Final = 200  # models remembered
_TEXT: Final = ("slots", "context", "threads", "batch", "gpu_layers", "chat_template")  # of the plan: these change the text
_HASHER: Final = Path(__file__).with_name("hasher.py")


def fingerprint(version: str, weights: str, plan: Plan, defaults: Sampling) -> str:
    """Return `fp_` and ten hex digits. `weights` is the model's hash; `defaults` hold where a request leaves them open."""
    settings = {name: value for name, value in dataclasses.asdict(plan).items() if name in _TEXT}
    told = orjson.dumps([version, weights, settings, dataclasses.asdict(defaults)], option=orjson.OPT_SORT_KEYS)
    return "fp_" + hashlib.sha256(told).hexdigest()[:10]


def quick_hash(files: Sequence[Path]) -> str:
    """Return a hash of the files' beginnings and sizes."""
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            digest.update(stream.read(HEAD))
        digest.update(str(file.stat().st_size).encode())
    return "quick:" + digest.hexdigest()


async def full_hash(files: Sequence[Path]) -> str | None:
    """Return the SHA-256 of the files' bytes, one after the other, computed in a process of idle priority."""
    process = Process.spawn([sys.executable, "-I", "-S", str(_HASHER), *map(str, files)])
    try:
        await process.wait()
    finally:
        await process.stop()
    last = process.lines[-1] if process.lines else ""
    return last.removeprefix("sha256 ") if last.startswith("sha256 ") else None


class Hashes:
    """The models' SHA-256 as far as they were computed, in the file `models.json` of the folder `cache`."""

    def __init__(self, cache: Path) -> None:
        self._file = cache / "models.json"

    def known(self, files: Sequence[Path]) -> str | None:
        """Return the hash of these files, if they are as they were when it was computed."""
        found = self._read().get(_key(files))
        return found if isinstance(found, str) else None

    def remember(self, files: Sequence[Path], value: str) -> None:
        """Keep a hash. A cache that cannot be written costs the next start its time, and nothing else."""
        hashes = {**self._read(), _key(files): value}
        newest = dict(list(hashes.items())[-KEEP:])
        with contextlib.suppress(OSError, orjson.JSONEncodeError):  # the latter over a path that is no text
            content = orjson.dumps(newest, option=orjson.OPT_INDENT_2)
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = self._file.with_suffix(f".{os.getpid()}")
            fresh.touch(mode=0o600)
            fresh.write_bytes(content)
            fresh.replace(self._file)

    def _read(self) -> dict[str, Any]:
        try:
            content = orjson.loads(self._file.read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return {}
        return content if isinstance(content, dict) else {}


def _key(files: Sequence[Path]) -> str:
    return "|".join(f"{file}:{(stat := file.stat()).st_size}:{stat.st_mtime_ns}" for file in files)
