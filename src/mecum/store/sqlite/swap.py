"""Puts one closed store in the place of another.

Originals are named by their content, so those of the new store go among those of the old one without taking a place; then
the new database takes the old one's name. Invariant (`tests/store/sqlite/test_swap.py`): killed at any point, the folder
holds the old store or the new one, whole; what belongs to neither goes at the next start (`Sqlite.start`).
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Final

from mecum.store.sqlite.files import Files, sync
from mecum.store.sqlite.store import FILE, ORIGINALS

_BESIDE: Final = ("-wal", "-shm", "-journal")  # what SQLite keeps beside a database that was not closed in order


def swap(new: Path, home: Path) -> Path | None:
    """Move the store in the folder `new` into the folder `home`, on the same disk. Nobody has either of them open.

    What was there is gone afterwards, unless it was not closed in order, so that it may be damaged: then its database is
    kept under a name of its own, which is returned.

    Raises:
        OSError: the disk is at fault; the old store is as it was.
    """
    theirs, ours = Files(new / ORIGINALS), Files(home / ORIGINALS)
    ours.open()
    for content in theirs.all():
        ours.take(theirs.path(content), content)
    kept = _set_aside(home)
    sync(new / FILE)
    (new / FILE).replace(home / FILE)
    sync(home)
    return kept


def _set_aside(home: Path) -> Path | None:
    """Keep a database that has something beside it, which the new one must not find there."""
    beside = [name for name in _BESIDE if (home / f"{FILE}{name}").exists()]
    if not beside:
        return None
    kept = home / f"{FILE}.{time.strftime('%Y%m%d-%H%M%S')}"
    if (home / FILE).exists():
        try:
            os.link(home / FILE, kept)  # the old name stays until the new database takes it
        except OSError:  # a file system without links
            shutil.copyfile(home / FILE, kept)
    for name in beside:
        (home / f"{FILE}{name}").replace(f"{kept}{name}")
    sync(home)
    return kept
