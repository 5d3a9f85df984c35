"""Takes a file of this machine into a folder: by a hard link where that is possible, else by a copy.

Invariant (`tests/models/test_pull.py`): the file itself is not touched, and what is returned has the hash that was computed
of every byte. A link costs no room, but what is written into the file later is then written into both.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from pathlib import Path
from typing import BinaryIO, Final

from mecum.errors import InvalidRequest
from mecum.models.fetch import Brought, Item, check_git, check_room
from mecum.models.meter import Meter
from mecum.models.part import ENDING
from mecum.models.refusal import PullFailed

_STEP: Final = 16 * 1024 * 1024  # bytes between two looks at whether we are to stop


async def take(item: Item, file: Path, folder: Path, meter: Meter) -> Brought:
    """Return the item in the folder, with its hash: the file, which is here.

    Raises:
        InvalidRequest: it cannot be read.
        PullFailed: it has another hash than promised, or finds no room.
    """
    target, promised = folder / f"{item.name}{ENDING}", item.sha256
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    (folder / f"{item.name}{ENDING}.json").unlink(missing_ok=True)
    try:
        linked = _link(file, target)
        if not linked:
            check_room(folder, _size(file))
        sha256 = await _read(file, None if linked else target, meter)
    except OSError as error:
        target.unlink(missing_ok=True)
        raise InvalidRequest(f"{file} cannot be taken: {error.strerror or error}.") from None
    except asyncio.CancelledError:
        target.unlink(missing_ok=True)  # a copy is quickly begun anew
        raise
    if promised and sha256 != promised:
        target.unlink()
        raise PullFailed(f"{file} is not what was promised: its SHA-256 is {sha256}, and should be {promised}.")
    check_git(target, item)
    return Brought(target, sha256, promised=bool(promised or item.git))


async def hash_of(file: Path, meter: Meter) -> str:
    """Return the SHA-256 of a file.

    Raises:
        OSError: it cannot be read.
    """
    return await _read(file, None, meter)


def _link(file: Path, target: Path) -> bool:
    try:
        os.link(file.resolve(), target)
    except OSError:
        return False
    return True


async def _read(file: Path, target: Path | None, meter: Meter) -> str:
    """Read all of the file, into the target if there is one, and return its hash."""
    digest = hashlib.sha256()
    with file.open("rb") as source, _opened(target) as out:

        def step() -> int:
            piece = source.read(_STEP)
            digest.update(piece)
            if target:
                out.write(piece)
            return len(piece)

        while size := await asyncio.to_thread(step):
            meter.add(size, time.monotonic())
        if target:
            out.flush()
            await asyncio.to_thread(os.fsync, out.fileno())
    return digest.hexdigest()


def _size(file: Path) -> int:
    return file.stat().st_size


def _opened(target: Path | None) -> BinaryIO:
    if target is None:
        return Path(os.devnull).open("wb")
    return os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
