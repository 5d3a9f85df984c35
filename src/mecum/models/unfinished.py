"""What was begun and is not whole yet: listed, dropped, and kept from two pulls at once.

Invariant (`tests/models/test_pull.py`): what a pull is bringing right now is neither brought by another one nor dropped.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from mecum.errors import SettingsError
from mecum.models.package import WHOLE
from mecum.models.part import ENDING
from mecum.models.refusal import PullFailed
from mecum.models.shelf import PARTIAL, Shelf


def unfinished(shelf: Shelf) -> dict[str, int]:
    """Return what was begun and did not end, by name, with the bytes that are there."""
    found: dict[str, int] = {}
    for one in sorted((shelf.folder / PARTIAL).glob("*")):
        if one.is_dir():
            name = one.name.removesuffix(WHOLE)
            found[name] = found.get(name, 0) + _size(one)
        elif one.name.endswith(ENDING):
            found[one.name.removesuffix(ENDING)] = one.stat().st_size
    return found


def drop(shelf: Shelf, name: str) -> None:
    """Remove what was begun of a model.

    Raises:
        PullFailed: a pull is bringing it right now.
    """
    folder = shelf.folder / PARTIAL
    with held(folder, name):
        for file in (f"{name}{ENDING}", f"{name}{ENDING}.json"):
            (folder / file).unlink(missing_ok=True)
        for one in (name, f"{name}{WHOLE}"):
            shutil.rmtree(folder / one, ignore_errors=True)


@contextmanager
def held(folder: Path, name: str) -> Iterator[None]:
    """Keep others from the same model.

    Raises:
        PullFailed: another one has it.
        SettingsError: the folder cannot be used.
    """
    lock = FileLock(folder / f"{name}.lock", timeout=0, mode=0o600)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise PullFailed(f"A mecum pull is bringing {name}. Wait for it, or stop it.") from None
    except OSError as error:
        raise SettingsError(f"{folder} cannot be used: {error.strerror}.") from None
    try:
        yield
    finally:
        lock.release()


def _size(folder: Path) -> int:
    files = [file for file in folder.rglob("*") if file.is_file() and not file.name.endswith(f"{ENDING}.json")]
    return sum(file.stat().st_size for file in files)
