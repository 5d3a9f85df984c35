"""Folders that are kept in the library while others work in them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import time
from pathlib import Path

import pytest
from tests.knowledge.folders import LARGEST, Shelf, write
from tests.knowledge.libraries import ANN, opened, paths
from tests.knowledge.test_library import Counting

from mecum.errors import StoreFull
from mecum.knowledge import notice as noticing
from mecum.knowledge.watch import LibraryTarget, Report, Watcher
from mecum.types import Query


@pytest.fixture
def root(tmp_path):
    return (tmp_path / "root").resolve()


@pytest.fixture
def shelf():
    return Shelf()


@contextlib.asynccontextmanager
async def watched(*roots: Path, target, full: float = 600, **options):
    """Watch folders. By default the regular look comes never, so that a test sees what the others do."""
    watcher = Watcher(roots, target, largest=LARGEST, full=full, **options)
    await watcher.start()
    try:
        yield watcher
    finally:
        began = time.monotonic()
        await watcher.aclose()
        assert time.monotonic() - began < 5


async def until(condition, within: float = 10) -> None:
    """Wait until it is so; promise 24 gives it ten seconds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        await asyncio.sleep(0.02)


async def found(library, **expected: str) -> None:
    """Wait until a search finds these texts in these files, and no others."""
    deadline = time.monotonic() + 10
    while await _texts(library) != expected:
        assert time.monotonic() < deadline, "it took too long"
        await asyncio.sleep(0.05)


async def _texts(library) -> dict[str, str]:
    hits = (await library.search(Query(text="harvest", k=50, min_score=0.0), ANN)).hits
    return {Path(hit.path).stem: hit.text for hit in hits}


async def test_changes_deletions_and_renames_show_in_search_within_ten_seconds(root, tmp_path):
    (tmp_path / "home").mkdir()
    apples, pears, plums = "The harvest of apples was sweet.", "A harvest of hard pears.", "No harvest of plums this year."
    write(root, {"apples.md": apples, "plums.md": plums})
    embedder = Counting()
    async with opened(tmp_path / "home", embedder) as library, watched(root, target=LibraryTarget(library, ANN)):
        await found(library, apples=apples, plums=plums)
        write(root, {"new/pears.md": pears}, settled=False)
        await found(library, apples=apples, plums=plums, pears=pears)
        plums = "A late harvest of plums."
        write(root, {"plums.md": plums}, settled=False)
        await found(library, apples=apples, plums=plums, pears=pears)
        (root / "apples.md").unlink()
        await found(library, plums=plums, pears=pears)
        await library.settled()
        embedder.texts.clear()
        (root / "new").rename(root / "old")
        (root / "plums.md").rename(root / "old/late.md")
        await found(library, late=plums, pears=pears)
        assert set(await paths(library)) == {str(root / "old/late.md"), str(root / "old/pears.md")}
        await library.settled()
        assert embedder.texts == []


async def test_folders_that_come_later_are_watched_too(root, shelf):
    write(root, {"a.md": "x"})
    async with watched(root, target=shelf):
        await until(lambda: len(shelf.documents) == 1)
        (root / "one/two").mkdir(parents=True)
        await asyncio.sleep(1)
        write(root, {"one/two/b.md": "x"})
        await until(lambda: len(shelf.documents) == 2)
        shutil.rmtree(root / "one")
        write(root, {"one/two/c.md": "x"})
        await until(lambda: set(shelf.contents(root)) == {"a.md", "one/two/c.md"})
        await asyncio.sleep(1)
        write(root, {"one/two/c.md": "other", "one/two/d.md": "x"})
        await until(lambda: "one/two/d.md" in shelf.contents(root))


async def test_a_folder_that_is_missing_is_waited_for_and_deletes_nothing(root, shelf, caplog):
    caplog.set_level(logging.WARNING)
    told: list[Report | Exception] = []
    async with watched(root, target=shelf, poll=0.2, told=lambda _, what: told.append(what)):
        await until(lambda: told)
        assert told == [Report(missing=True)]
        write(root, {"a.md": "x", "b.md": "x"})
        await until(lambda: len(shelf.documents) == 2)
        root.rename(root.with_name("away"))
        await until(lambda: told[-1] == Report(missing=True, unchanged=2))
        assert len(shelf.documents) == 2
        root.with_name("away").rename(root)
        (root / "a.md").unlink()
        await until(lambda: len(shelf.documents) == 1)
        write(root, {"c.md": "x"})
        await until(lambda: len(shelf.documents) == 2)
    assert caplog.text.count("a folder is not there") == 2


async def test_a_folder_that_is_replaced_is_watched_again(root, shelf):
    write(root, {"a.md": "x"})
    async with watched(root, target=shelf):
        await until(lambda: len(shelf.documents) == 1)
        shutil.rmtree(root)
        write(root, {"b.md": "y"})
        await until(lambda: set(shelf.contents(root)) == {"b.md"})
        await asyncio.sleep(1)
        write(root, {"b.md": "z", "c.md": "x"})
        await until(lambda: set(shelf.contents(root)) == {"b.md", "c.md"})


async def test_where_the_system_tells_nothing_it_looks_by_itself(root, shelf, monkeypatch, caplog):
    monkeypatch.setattr(noticing, "_MOST", 0)
    write(root, {"a.md": "x"})
    async with watched(root, target=shelf, poll=0.3):
        await until(lambda: "looked at again and again" in caplog.text)
        write(root, {"new/b.md": "x"})
        await until(lambda: len(shelf.documents) == 2)
        await asyncio.sleep(1)
    assert caplog.text.count("looked at again and again") == 1


async def test_a_regular_look_finds_what_the_system_did_not_tell(root, shelf):
    write(root, {"a.md": "x"})
    async with watched(root, target=shelf, full=0.3):
        await until(lambda: len(shelf.documents) == 1)
        shelf.documents.clear()
        await until(lambda: len(shelf.documents) == 1)


async def test_a_file_that_is_written_is_taken_when_it_is_whole(root, shelf):
    write(root, {"a.md": "x"})
    async with watched(root, target=shelf):
        await until(lambda: len(shelf.documents) == 1)
        for number in range(8):
            write(root, {"b.md": "x" * (number + 1)}, settled=False)
            await asyncio.sleep(0.3)
        await until(lambda: len(shelf.documents) == 2)
        assert shelf.calls == ["add a.md", "add b.md"]
        assert [known.size for known in shelf.documents.values()] == [1, 8]


async def test_a_target_that_fails_is_tried_again(root, shelf, caplog):
    write(root, {"canary.md": "x"})
    shelf.fault = StoreFull("The disk is full.")
    told: list[Report | Exception] = []
    async with watched(root, target=shelf, told=lambda _, what: told.append(what)):
        await until(lambda: told)
        shelf.fault = ValueError("canary of contents")
        await until(lambda: len(told) > 1)
        shelf.fault = None
        await until(lambda: len(shelf.documents) == 1)
    assert [type(one) for one in told] == [StoreFull, ValueError, Report]
    assert "could not be kept up: The disk is full." in caplog.text


async def test_several_folders_do_not_wait_for_each_other(root, tmp_path, shelf):
    write(root, {"a.md": "x"})
    write(tmp_path, {"other/b.md": "x"})

    class Slow(Shelf):
        async def add(self, file):
            if file.path.name == "a.md":
                await asyncio.sleep(60)
            await super().add(file)

    slow = Slow()
    async with watched(root, tmp_path / "other", tmp_path / "other", target=slow):
        await until(lambda: slow.calls)
        assert slow.calls == ["add b.md"]


async def test_what_was_not_done_is_done_after_the_next_start(root, shelf):
    write(root, {f"{number}.md": str(number) for number in range(30)})
    shelf.slow = 0.02
    async with watched(root, target=shelf):
        await until(lambda: len(shelf.documents) > 3)
    assert len(shelf.documents) < 30
    shelf.slow = 0
    async with watched(root, target=shelf):
        await until(lambda: len(shelf.documents) == 30)
    assert len(shelf.calls) == 30
