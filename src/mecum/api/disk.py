"""Files of ours on the store's disk, written and removed off the event loop.

Invariant (`tests/api/test_disk.py`): what the disk refuses is a StoreError; who cancels work finds it at its end, so that
nothing happens behind their back.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

from mecum.api.leaving import uncancelled
from mecum.errors import StoreError, StoreFull

T = TypeVar("T")
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


async def in_thread(work: Callable[..., T], *arguments: Any) -> T:
    """Run work that blocks; a cancellation waits for its end."""
    return await uncancelled(asyncio.to_thread(work, *arguments))


def create(path: Path) -> int:
    """Open a new file that only its owner may read, and return its descriptor.

    Raises:
        StoreError: the disk is at fault.
    """
    with translated():
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def open_file(path: Path) -> BinaryIO:
    """Open a file to read its bytes."""
    return path.open("rb")


def write(handle: int, data: bytes) -> None:
    """Write all of it.

    Raises:
        StoreError: the disk is at fault.
    """
    rest = memoryview(data)
    with translated():
        while rest:
            rest = rest[os.write(handle, rest) :]


@contextmanager
def translated() -> Iterator[None]:
    """Turn the disk's errors into ours."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StoreFull("The disk is full: nothing of this was stored. Free some room, and try again.") from error
        raise StoreError(f"The data directory could not be read or written ({error.strerror}).") from error
