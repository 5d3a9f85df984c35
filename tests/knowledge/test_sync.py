"""One scan: afterwards the library holds what the folder holds, and nothing was given up that may still be there."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.knowledge.extract import files
from tests.knowledge.folders import LARGEST, Shelf, anybody, write
from tests.knowledge.libraries import ANN, answers, opened, paths
from tests.knowledge.test_library import Counting

from mecum.errors import InvalidRequest, StoreFull
from mecum.knowledge.compare import Mounts, Stopped, Unsettled, read
from mecum.knowledge.folder import Entered, FoundFile, walk
from mecum.knowledge.watch import LibraryTarget, Report, sync

BORDER = b"From ada@example.org Tue Feb  3 09:12:00 2026\n"


@pytest.fixture
def root(tmp_path):
    return (tmp_path / "root").resolve()


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def shelf():
    return Shelf()


async def scan(root: Path, shelf: Shelf, **options) -> Report:
    return await sync(root, shelf, **{"largest": LARGEST, **options})


def numbers(report: Report) -> tuple[int, ...]:
    return (report.added, report.changed, report.renamed, report.removed, report.unchanged)


async def test_what_is_new_changed_and_gone(root, shelf):
    write(root, {"a.md": "a", "b.md": "b", "sub/c.md": "c"})
    assert numbers(await scan(root, shelf)) == (3, 0, 0, 0, 0)
    ids = shelf.contents(root)
    assert numbers(await scan(root, shelf)) == (0, 0, 0, 0, 3)
    write(root, {"a.md": "other", "d.md": "d"})
    (root / "b.md").unlink()
    shutil.rmtree(root / "sub")
    assert numbers(await scan(root, shelf)) == (1, 1, 0, 2, 0)
    assert set(shelf.contents(root)) == {"a.md", "d.md"}
    assert shelf.contents(root)["a.md"] == ids["a.md"]


async def test_what_is_unchanged_is_not_read(root, shelf):
    write(root, {"a.md": "abc"})
    await scan(root, shelf)
    before = (root / "a.md").stat()
    (root / "a.md").write_text("xyz")
    os.utime(root / "a.md", ns=(before.st_mtime_ns, before.st_mtime_ns))
    assert numbers(await scan(root, shelf)) == (0, 0, 0, 0, 1)


async def test_a_renamed_file_keeps_its_document(root, shelf):
    write(root, {"a.md": "alpha", "b.md": "beta", "c.md": "gamma", "old/1.md": "one", "old/2.md": "two"})
    await scan(root, shelf)
    ids = shelf.contents(root)
    (root / "a.md").rename(root / "z.md")
    (root / "old").rename(root / "new")
    (root / "b.md").unlink()
    write(root, {"b2.md": "other"})
    assert numbers(await scan(root, shelf)) == (1, 0, 3, 1, 1)
    now = shelf.contents(root)
    assert (now["z.md"], now["new/1.md"], now["new/2.md"]) == (ids["a.md"], ids["old/1.md"], ids["old/2.md"])
    assert numbers(await scan(root, shelf)) == (0, 0, 0, 0, 5)


async def test_of_equal_files_the_one_of_the_same_name_is_it(root, shelf):
    write(root, {"1/a.md": "same", "1/b.md": "same", "1/c.md": "same"})
    await scan(root, shelf)
    ids = shelf.contents(root)
    (root / "1").rename(root / "2")
    (root / "2/c.md").unlink()
    assert numbers(await scan(root, shelf)) == (0, 0, 2, 1, 0)
    assert shelf.contents(root) == {"2/a.md": ids["1/a.md"], "2/b.md": ids["1/b.md"]}


async def test_a_document_stays_with_its_name_where_both_are_there(root, shelf):
    write(root, {"a.md": "old"})
    await scan(root, shelf)
    ids = shelf.contents(root)
    (root / "a.md").rename(root / "a.bak.md")  # as some editors save
    write(root, {"a.md": "new"})
    assert numbers(await scan(root, shelf)) == (1, 1, 0, 0, 0)
    assert shelf.contents(root)["a.md"] == ids["a.md"]
    assert shelf.calls[-2:] == ["add a.bak.md", "add a.md"]  # in this order the old text is never without its vector


async def test_a_file_that_is_written_waits_for_the_next_scan(root, shelf):
    write(root, {"a.md": "half", "b.md": "b"}, settled=False)
    report = await scan(root, shelf)
    assert (numbers(report), report.later) == ((0, 0, 0, 0, 0), 2)
    write(root, {"a.md": "whole", "b.md": "b"})
    assert numbers(await scan(root, shelf)) == (2, 0, 0, 0, 0)
    write(root, {"b.md": "more"}, settled=False)
    report = await scan(root, shelf)
    assert (numbers(report), report.later) == ((0, 0, 0, 0, 1), 1)
    assert set(shelf.contents(root)) == {"a.md", "b.md"}


async def test_a_file_that_was_written_and_renamed_at_once_keeps_its_document(root, shelf):
    write(root, {"a.md": "text", "other.md": "long enough"})
    await scan(root, shelf)
    ids = shelf.contents(root)
    (root / "a.md").rename(root / "b.md")
    os.utime(root / "b.md")
    (root / "other.md").unlink()
    report = await scan(root, shelf)
    assert (report.removed, report.later) == (1, 1)
    write(root, {"b.md": "text"})
    assert (await scan(root, shelf)).renamed == 1
    assert shelf.contents(root) == {"b.md": ids["a.md"]}


async def test_a_folder_that_is_missing_gives_nothing_up(root, shelf):
    write(root, {"a.md": "a", "sub/b.md": "b"})
    await scan(root, shelf)
    root.rename(root.with_name("away"))
    assert (await scan(root, shelf)).missing
    root.symlink_to(root.with_name("nowhere"))
    assert (await scan(root, shelf)).missing
    root.unlink()
    root.symlink_to(root)
    assert not (await scan(root, shelf)).did
    root.unlink()
    root.mkdir()  # the place where a disk was
    assert (await scan(root, shelf)).missing
    assert len(shelf.documents) == 2
    root.rmdir()
    root.with_name("away").rename(root)
    assert numbers(await scan(root, shelf)) == (0, 0, 0, 0, 2)


async def test_a_folder_that_was_seen_full_may_be_emptied(root, shelf):
    write(root, {"a.md": "a"})
    mounts = Mounts()
    await scan(root, shelf, mounts=mounts)
    (root / "a.md").unlink()
    assert (await scan(root, shelf, mounts=mounts)).removed == 1
    assert not (await scan(root, shelf, mounts=mounts)).missing


async def test_an_empty_folder_is_not_missing(root, shelf):
    root.mkdir()
    report = await scan(root, shelf)
    assert (report.missing, report.folders) == (False, (root,))


def test_a_disk_that_is_taken_out_of_a_folder(root):
    disk, mounts = root / "disk", Mounts()
    full = [Entered(root, 1, 2), Entered(disk, 2, 5), Entered(disk / "sub", 2, 1)]
    assert mounts.look(root, full) == []
    assert mounts.look(root, [Entered(root, 1, 2), Entered(disk, 1, 0)]) == [disk]  # its place is left
    assert mounts.look(root, [Entered(root, 1, 2)]) == [disk]  # its place is gone
    assert mounts.look(root, [Entered(root, 3, 0)]) == [root, disk]  # another disk, and nothing on it
    assert mounts.look(root, [Entered(root, 1, 2), Entered(disk, 4, 5)]) == []  # the same disk under another number
    assert mounts.look(root, [Entered(root, 1, 2), Entered(disk, 4, 0)]) == []  # somebody emptied it


async def test_what_cannot_be_read_is_not_given_up(shelf):
    with anybody() as root:
        write(root, {"a.md": "a", "sub/b.md": "b", "sub/deep/c.md": "c", "d.md": "d"})
        await scan(root, shelf)
        (root / "sub").chmod(0)
        (root / "d.md").unlink()
        report = await scan(root, shelf)
        assert (report.removed, report.unreadable) == (1, 1)
        assert set(shelf.contents(root)) == {"a.md", "sub/b.md", "sub/deep/c.md"}
        root.chmod(0)
        assert (await scan(root, shelf)).removed == 0
        root.chmod(0o700)
        (root / "sub").chmod(0o700)
        shutil.rmtree(root / "sub")
        write(root, {"e.md": "e"})
        (root / "e.md").chmod(0)
        report = await scan(root, shelf)
        assert (report.removed, report.unreadable, report.added) == (2, 1, 0)


async def test_ignoring_a_file_later_takes_it_out(root, shelf):
    write(root, {"a.md": "a", "drafts/b.md": "b", "c.md": "c"})
    await scan(root, shelf)
    write(root, {".mecumignore": "drafts/\nc.md\n"})
    assert (await scan(root, shelf)).removed == 2
    assert set(shelf.contents(root)) == {"a.md"}


async def test_what_somebody_named_is_kept_up_although_a_walk_passes_it_over(root, shelf):
    write(root, {"a.md": "a", ".hidden.md": "h", "node_modules/readme.md": "r"})
    for name in (".hidden.md", "node_modules/readme.md"):
        (found,) = walk(root / name, largest=LARGEST)
        await shelf.add(found)
    await scan(root, shelf)
    assert set(shelf.contents(root)) == {"a.md", ".hidden.md", "node_modules/readme.md"}
    write(root, {".hidden.md": "other"})
    shutil.rmtree(root / "node_modules")
    assert numbers(await scan(root, shelf)) == (0, 1, 0, 1, 1)
    assert set(shelf.contents(root)) == {"a.md", ".hidden.md"}


async def test_a_file_that_becomes_what_is_not_taken_goes(root, shelf):
    write(root, dict.fromkeys(["pipe.md", "link.md", "large.md", "folder.md", "kept.md"], "x"))
    await scan(root, shelf)
    for name in ("pipe.md", "link.md", "folder.md"):
        (root / name).unlink()
    os.mkfifo(root / "pipe.md")
    (root / "link.md").symlink_to("/etc/hostname")
    write(root, {"large.md": "x" * (LARGEST + 1), "folder.md/inside.md": "y"})
    report = await scan(root, shelf)
    assert (report.removed, report.added) == (4, 1)
    assert set(shelf.contents(root)) == {"kept.md", "folder.md/inside.md"}
    assert (await scan(root, shelf, largest=0)).removed == 0  # the limit changed, not the file


async def test_another_case_is_another_name(root, shelf):
    write(root, {"A.md": "a"})
    await scan(root, shelf)
    (root / "A.md").rename(root / "a.md")
    assert (await scan(root, shelf)).renamed == 1


async def test_one_bad_file_does_not_stop_the_others(root, shelf):
    write(root, dict.fromkeys(["a.md", "b.md", "c.md", "d.md", "e.md"], "x"))
    shelf.refuse = {
        "a.md": Unsettled(),
        "b.md": PermissionError(13, "Permission denied"),
        "c.md": InvalidRequest("Not this one."),
        "d.md": FileNotFoundError(2, "gone"),
    }
    report = await scan(root, shelf)
    assert (report.added, report.later, report.skipped, report.unreadable) == (1, 1, 2, 1)
    assert set(shelf.contents(root)) == {"e.md"}


async def test_a_document_that_somebody_removes_meanwhile(root, shelf):
    write(root, {"a.md": "x", "b.md": "y"})
    await scan(root, shelf)
    (root / "a.md").rename(root / "c.md")

    class Late(Shelf):
        async def rename(self, document_id, path):
            self.documents.pop(document_id, None)
            await super().rename(document_id, path)

    late = Late()
    late.documents = shelf.documents
    assert (await scan(root, late)).later == 1
    assert (await scan(root, late)).added == 1


async def test_a_target_at_fault_ends_the_scan_and_the_next_goes_on(root, shelf):
    write(root, {"a.md": "x", "b.md": "y", "c.md": "z"})
    shelf.refuse = {"b.md": StoreFull("The disk is full.")}
    with pytest.raises(StoreFull):
        await scan(root, shelf)
    shelf.refuse = {}
    assert numbers(await scan(root, shelf)) == (2, 0, 0, 0, 1)


async def test_patience_ends_and_deletions_do_not_wait_for_it(root, shelf):
    write(root, {"gone.md": "x", "other.md": "o"})
    await scan(root, shelf)
    (root / "gone.md").unlink()
    write(root, {f"{number}.md": str(number) for number in range(10)})
    shelf.slow = 0.02
    report = await scan(root, shelf, patience=0.05)
    assert 0 < report.added < 10
    assert (report.added + report.more, report.removed) == (10, 1)
    assert (await scan(root, shelf)).added == report.more


async def test_a_cancelled_scan_leaves_no_thread_behind(root, shelf):
    write(root, {f"{number}.md": "x" for number in range(50)})
    shelf.slow = 0.01
    task = asyncio.create_task(scan(root, shelf))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not [one for one in threading.enumerate() if one.name == "mecum-folder"]
    done = len(shelf.documents)
    assert (await scan(root, shelf)).added == 50 - done


def test_a_file_that_is_not_the_one_that_was_found(root):
    write(root, {"a.md": "12345"})
    (found,) = walk(root / "a.md", largest=LARGEST)
    assert isinstance(found, FoundFile)
    assert read(found, threading.Event()) == "5994471abb01112afcc18159f6cc74b4f511b99806da59b3caf5a9c173cacfc5"
    stopped = threading.Event()
    stopped.set()
    with pytest.raises(Stopped):
        read(found, stopped)
    write(root, {"a.md": "54321"})
    with pytest.raises(Unsettled):
        read(found, threading.Event())


async def test_a_real_library_follows_a_folder_and_a_rename_embeds_nothing(root, home):
    write(
        root,
        {
            "harvest.md": "# Harvest\n\nThe apples were sweet.",
            "winter.pdf": files.pdf(["The winter was long."]),
            "box.mbox": BORDER + files.eml(number=1) + b"\n" + BORDER + files.eml("Bring bread.", number=2),
        },
    )
    embedder = Counting()
    async with opened(home, embedder) as library:
        target = LibraryTarget(library, ANN)
        assert (await scan(root, target)).added == 3
        await library.settled()
        assert await answers(library, "sweet apples") != []
        assert numbers(await scan(root, target)) == (0, 0, 0, 0, 3)
        document = await library.find(str(root / "harvest.md"), "default", ANN)
        assert document is not None
        file = (root / "harvest.md").stat()
        assert document.metadata["file"] == {"modified_ns": file.st_mtime_ns, "size": file.st_size}
        assert document.date == pytest.approx(file.st_mtime)

        ids = {known.path.name: known.id for known in await target.known(root)}
        passages = await library.passages(document.id, ANN)
        embedder.texts.clear()
        for name in ids:
            (root / name).rename(root / f"new {name}")
        assert numbers(await scan(root, target)) == (0, 0, 3, 0, 0)
        await library.settled()
        assert embedder.texts == []
        assert {known.path.name: known.id for known in await target.known(root)} == {f"new {n}": i for n, i in ids.items()}
        assert await library.passages(document.id, ANN) == passages
        assert str(root / "new winter.pdf") in await answers(library, "long winter")

        assert str(root / "new box.mbox#2@example.org") in await answers(library, "bring bread")
        (root / "new box.mbox").unlink()
        assert numbers(await scan(root, target)) == (0, 0, 0, 1, 2)
        assert await paths(library) == [str(root / "new harvest.md"), str(root / "new winter.pdf")]
        assert list(home.rglob("new-*")) == []


async def test_a_library_that_cannot_be_written_is_not_the_file_s_fault(root, home):
    write(root, {"a.md": "x"})
    async with opened(home) as library:
        shutil.move(library.temporary().parent, home / "moved")
        target = LibraryTarget(library, ANN)
        with pytest.raises(Exception, match="library cannot be written"):
            await scan(root, target)
        shutil.move(home / "moved", library.temporary().parent)
        assert (await scan(root, target)).added == 1


async def test_collections_and_neighbours_are_left_alone(root, home):
    write(root, {"a.md": "x"})
    write(root.with_name("root2"), {"b.md": "y"})
    async with opened(home) as library:
        other = LibraryTarget(library, ANN, "other")
        await scan(root, other)
        await scan(root.with_name("root2"), LibraryTarget(library, ANN))
        (root / "a.md").unlink()
        write(root, {"c.md": "z"})
        assert numbers(await scan(root, LibraryTarget(library, ANN))) == (1, 0, 0, 0, 0)
        assert len(await paths(library)) == 3


NAMES = st.sampled_from(["a.md", "b.md", "d/a.md", "d/e/c.md", "f.md", ".hidden.md", "d/g.tmp"])
TEXTS = st.sampled_from(["one", "two", "three", "a fourth text"])
STEPS = st.one_of(
    st.tuples(st.just("write"), NAMES, TEXTS),
    st.tuples(st.just("delete"), NAMES, NAMES),
    st.tuples(st.just("rename"), NAMES, NAMES),
    st.tuples(st.just("ignore"), st.sampled_from(["a.md", "d/", "e", "!c.md", "*.md"]), NAMES),
    st.tuples(st.just("scan"), NAMES, NAMES),
)


def step(root: Path, kind: str, name: str, other: str) -> None:
    file = root / name
    if kind == "write":
        write(root, {name: other})
    elif kind == "ignore":
        write(root, {".mecumignore": name})
    elif file.exists() and kind == "delete":
        file.unlink()
    elif file.exists() and kind == "rename":
        (root / other).parent.mkdir(parents=True, exist_ok=True)
        file.replace(root / other)


@given(st.lists(STEPS, max_size=25))
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_after_any_changes_the_library_is_as_the_folder(steps):
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_follows(steps, Shelf(), Path(folder).resolve()))


async def _follows(steps, target, folder: Path) -> None:
    mounts = Mounts()
    write(folder, {"first.md": "always there"})
    for kind, name, other in [*steps, ("scan", "", "")]:
        step(folder, kind, name, other)
        if kind == "scan":
            report = await sync(folder, target, largest=LARGEST, mounts=mounts)
            wanted = {one.path: one.size for one in walk(folder, largest=LARGEST) if isinstance(one, FoundFile)}
            assert {known.path: known.size for known in await target.known(folder)} == wanted
            assert numbers(await sync(folder, target, largest=LARGEST, mounts=mounts))[:4] == (0, 0, 0, 0)
            assert report.later == 0


@given(st.lists(STEPS, min_size=5, max_size=15))
@settings(max_examples=4, suppress_health_check=[HealthCheck.too_slow])
def test_a_real_library_is_as_the_folder(steps):
    async def run() -> None:
        async with opened(home) as library:
            await _follows(steps, LibraryTarget(library, ANN), folder)

    with tempfile.TemporaryDirectory() as outer:
        home, folder = (Path(outer).resolve() / name for name in ("home", "folder"))
        home.mkdir()
        asyncio.run(run())
