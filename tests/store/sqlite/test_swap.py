"""One store in the place of another, stopped at every step that the file system sees."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mecum.store.sqlite import Sqlite, swap
from mecum.store.sqlite.store import FILE
from mecum.store.values import Filter, NewDocument

OWNER = "local"


class Killed(Exception):
    pass


async def make(folder: Path, *texts: str) -> Path:
    """Make a store with a document of each text."""
    os.mkdir(folder)  # noqa: PTH102 # before anything waits
    store = Sqlite(folder)
    await store.start()
    for text in texts:
        content = store.documents.temporary()
        content.write_text(text)
        new = NewDocument(OWNER, f"{text}.txt", hashlib.sha256(text.encode()).hexdigest(), "text", size=len(text))
        await store.documents.put(new, content)
    await store.aclose()
    return folder


async def texts(folder: Path) -> set[str]:
    """Open a store, and return the texts of its documents, each with its original."""
    store = Sqlite(folder)
    await store.start()
    try:
        assert await store.check(originals=True) == ()
        page = await store.documents.list(Filter(OWNER))
        originals = [await store.documents.original(OWNER, document.id) for document in page.items]
        return {original.read_text() for original in originals if original}
    finally:
        await store.aclose()


async def test_the_new_store_is_there_with_its_originals_and_nothing_of_the_old_one(tmp_path):
    home = await make(tmp_path / "home", "old", "both")
    assert swap.swap(await make(tmp_path / "new", "new", "both"), home) is None
    assert await texts(home) == {"new", "both"}
    assert len(list(home.glob("files/??/*"))) == 2


async def test_where_there_was_none_there_is_one(tmp_path):
    (tmp_path / "home").mkdir()
    swap.swap(await make(tmp_path / "new", "new"), tmp_path / "home")
    assert await texts(tmp_path / "home") == {"new"}


async def test_stopped_at_any_step_it_is_the_old_store_or_the_new_one(tmp_path, monkeypatch):
    home, new = await make(tmp_path / "home", "old", "both"), await make(tmp_path / "new", "new", "both")
    seen = []
    for step in range(100):
        shutil.rmtree(tmp_path / "home-now", ignore_errors=True)
        shutil.rmtree(tmp_path / "new-now", ignore_errors=True)
        shutil.copytree(home, tmp_path / "home-now")
        shutil.copytree(new, tmp_path / "new-now")
        with monkeypatch.context() as patched:
            whole = not stopped(patched, step, lambda: swap.swap(tmp_path / "new-now", tmp_path / "home-now"))
        seen.append(await texts(tmp_path / "home-now"))
        if whole:
            break
    assert seen[0] == {"old", "both"}
    assert seen[-1] == {"new", "both"}
    assert len(seen) > 4
    turn = seen.index({"new", "both"})
    assert all(found == seen[0] for found in seen[:turn])
    assert all(found == seen[-1] for found in seen[turn:])


def stopped(patched: pytest.MonkeyPatch, step: int, work: Callable[[], object]) -> bool:
    """Do some work, and stop it before the step of that number: renames, copies, removals. Return whether it was."""
    left = step

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            return real(*arguments, **options)

        return call

    for owner, name in ((Path, "replace"), (Path, "unlink"), (Path, "mkdir"), (os, "fsync")):
        patched.setattr(owner, name, counted(getattr(owner, name)))
    try:
        work()
    except Killed:
        return True
    return False


@pytest.mark.parametrize("links", [True, False])
async def test_a_database_that_was_not_closed_in_order_is_kept(tmp_path, monkeypatch, links):
    home = await make(tmp_path / "home", "old")
    (home / f"{FILE}-wal").write_bytes(b"damaged")
    before = (home / FILE).read_bytes()
    if not links:
        monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError("none here")))
    kept = swap.swap(await make(tmp_path / "new", "new"), home)
    assert kept
    assert kept.read_bytes() == before
    assert kept.with_name(f"{kept.name}-wal").read_bytes() == b"damaged"
    assert await texts(home) == {"new"}
