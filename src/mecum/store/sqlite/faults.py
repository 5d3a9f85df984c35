"""The one place where SQLite's and the disk's errors become ours.

Invariant: what is the disk's fault is a StoreError; what is ours (a constraint, wrong SQL) stays as it is, a crash with a
traceback (`tests/store/sqlite/test_faults.py`).
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import apsw

from mecum.errors import StoreError, StoreFull

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_DISK: Final = (
    apsw.BusyError,
    apsw.CantOpenError,
    apsw.CorruptError,
    apsw.IOError,
    apsw.LockedError,
    apsw.NoMemError,
    apsw.NotADBError,
    apsw.PermissionsError,
    apsw.ProtocolError,
    apsw.ReadOnlyError,
)


@contextmanager
def translated() -> Iterator[None]:
    """Turn the disk's errors into StoreError and StoreFull."""
    try:
        yield
    except apsw.FullError as error:
        raise full() from error
    except _DISK as error:
        raise StoreError(
            f"The database could not be read or written ({_reason(error)}). Look at the disk, and try again."
        ) from error
    except OSError as error:
        if error.errno in _FULL:
            raise full() from error
        raise StoreError(f"The data directory could not be read or written ({error.strerror}).") from error


def full() -> StoreFull:
    """Return what a full disk is answered with."""
    return StoreFull("The disk is full: nothing of this was stored. Free some room, and try again.")


def _reason(error: Exception) -> str:
    return str(error).removeprefix("BusyError: ").strip() or type(error).__name__
