"""Files that could be made again: one is whole, as the SHA-256 in front of it says, or it counts as not there.

Proved by `tests/engine/test_cache.py`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import Final

_HASH: Final = 32  # bytes


def load(file: Path) -> bytes | None:
    """Return what the file holds, if it is whole."""
    try:
        content = file.read_bytes()
    except OSError:
        return None
    held = content[_HASH:]
    return held if held and hashlib.sha256(held).digest() == content[:_HASH] else None


def keep(file: Path, held: bytes) -> None:
    """Put the file there, whole. A cache that cannot be written costs the next start its time, and nothing else."""
    fresh = file.with_name(f"{file.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            fresh.touch(mode=0o600)
            fresh.write_bytes(hashlib.sha256(held).digest() + held)
            fresh.replace(file)
        finally:
            fresh.unlink(missing_ok=True)
