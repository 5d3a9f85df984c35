"""The disk's errors are ours, and nothing goes on behind the back of who cancels."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from mecum.api.disk import create, in_thread, translated, write
from mecum.errors import StoreError, StoreFull


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "new"
    handle = create(path)
    write(handle, b"x" * 3_000_000)
    os.close(handle)
    assert path.stat().st_size == 3_000_000
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(StoreError, match="exists"):
        create(path)
    assert path.stat().st_size == 3_000_000


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk(number: int) -> None:
    with pytest.raises(StoreFull, match="full"), translated():
        raise OSError(number, "no room")


def test_a_real_full_disk() -> None:
    handle = os.open("/dev/full", os.O_WRONLY)
    try:
        with pytest.raises(StoreFull):
            write(handle, b"x")
    finally:
        os.close(handle)


async def test_who_cancels_waits_for_the_end() -> None:
    go, ended = threading.Event(), threading.Event()

    def work() -> None:
        go.wait(10)
        ended.set()

    task = asyncio.create_task(in_thread(work))
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.sleep(0.05)
    assert not task.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
