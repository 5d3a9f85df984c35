"""What the operating system tells of changes."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import shutil
import sys
import threading
import time

import pytest
from tests.knowledge.folders import anybody, write

from mecum.knowledge import notice as noticing
from mecum.knowledge.notice import Notice

linux = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")


class Bell:
    """Counts how often something changed."""

    def __init__(self) -> None:
        self.rung = asyncio.Event()

    async def rings(self, within: float = 10) -> bool:
        try:
            async with asyncio.timeout(within):
                await self.rung.wait()
        except TimeoutError:
            return False
        self.rung.clear()
        return True


@pytest.fixture
async def watching():
    """Begins to watch folders; ends it after the test."""
    async with contextlib.AsyncExitStack() as stack:

        async def begin(*folders):
            bell = Bell()
            notice = Notice(folders, bell.rung.set)
            stack.push_async_callback(notice.aclose)
            await notice.begin()
            return notice, bell

        yield begin


async def test_changes_deletions_and_renames_are_told(tmp_path, watching):
    write(tmp_path, {"a.md": "x", "sub/b.md": "x"})
    notice, bell = await watching(tmp_path, tmp_path / "sub")
    for change in (
        lambda: write(tmp_path, {"a.md": "y"}),
        lambda: write(tmp_path, {"sub/new.md": "y"}),
        (tmp_path / "sub/b.md").unlink,
        lambda: (tmp_path / "a.md").rename(tmp_path / "c.md"),
    ):
        change()
        assert await bell.rings()
        while await bell.rings(0.5):  # what belongs to the same change
            pass
    assert (notice.refused, notice.stale) == (None, False)
    assert notice.watches([tmp_path / "sub", tmp_path])
    assert not notice.watches([tmp_path])


async def test_reading_is_no_change(tmp_path, watching):
    write(tmp_path, {"a.md": "x"})
    _, bell = await watching(tmp_path)
    (tmp_path / "a.md").read_bytes()
    list(tmp_path.iterdir())
    assert not await bell.rings(0.5)


@linux
async def test_links_lead_to_no_further_folders(tmp_path, watching):
    write(tmp_path, {"outside/a.md": "x", "root/b.md": "x"})
    (tmp_path / "root/out").symlink_to(tmp_path / "outside")
    _, bell = await watching(tmp_path / "root")
    write(tmp_path, {"outside/a.md": "y"})
    assert not await bell.rings(0.5)


@linux
async def test_a_folder_that_is_replaced_is_not_watched_any_more(tmp_path, watching):
    write(tmp_path, {"root/sub/a.md": "x"})
    root = tmp_path / "root"
    for folder in (root / "sub", root):
        notice, bell = await watching(root, root / "sub")
        shutil.rmtree(folder)
        write(tmp_path, {"root/sub/a.md": "x"})
        assert await bell.rings()
        assert notice.stale
        assert not notice.watches([root, root / "sub"])
    notice, bell = await watching(root, root / "none")
    assert await bell.rings()
    assert (notice.refused, notice.stale) == (None, True)


async def test_more_folders_than_can_be_watched(tmp_path, watching, monkeypatch):
    monkeypatch.setattr(noticing, "_MOST", 0)
    notice, bell = await watching(tmp_path)
    assert notice.refused
    assert await bell.rings()


async def test_many_folders_in_groups(tmp_path, watching, monkeypatch):
    monkeypatch.setattr(noticing, "_GROUP", 2)
    folders = [tmp_path / str(number) for number in range(5)]
    for folder in folders:
        folder.mkdir()
    _, bell = await watching(*folders)
    write(tmp_path, {"4/a.md": "x"})
    assert await bell.rings()


@linux
@pytest.mark.skipif(os.geteuid() != 0, reason="it would take the watches of this user's other programs")
async def test_a_system_that_refuses(watching):
    libc = ctypes.CDLL(None)
    taken = []
    with anybody() as root:
        try:
            while (handle := libc.inotify_init1(0)) >= 0:
                taken.append(handle)
            notice, bell = await watching(root)
        finally:
            for handle in taken:
                os.close(handle)
        assert notice.refused
        assert await bell.rings()


async def test_closing_ends_the_threads_at_once(tmp_path):
    notice = Notice([tmp_path], lambda: None)
    await notice.begin()
    began = time.monotonic()
    await notice.aclose()
    assert time.monotonic() - began < 0.9
    for thread in threading.enumerate():
        if thread.name == "mecum-notice":
            thread.join(1)
            assert not thread.is_alive()
