"""The originals: whole or not there, named by their content, and gone with their last row."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.store.library import OWNER, new, sha

from mecum.store.sqlite import Sqlite
from mecum.store.sqlite.files import Files


@pytest.fixture
def files(tmp_path: Path) -> Files:
    made = Files(tmp_path / "files")
    made.open()
    return made


def test_a_file_is_taken_once(files: Files) -> None:
    for _ in range(2):
        near = files.temporary()
        near.write_text("x")
        files.take(near, sha("x"))
        assert not near.exists()
    assert list(files.all()) == [sha("x")]
    assert files.path(sha("x")).read_text() == "x"
    assert (files.folder.stat().st_mode & 0o777, files.path(sha("x")).stat().st_mode & 0o777) == (0o700, 0o600)


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "", "A" * 64, f"{'a' * 63}/", "a" * 65, f"{'a' * 64}\n"]
)
def test_nothing_but_a_hash_is_a_name(files: Files, name: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        files.path(name)


async def test_a_start_clears_away_what_a_kill_left(tmp_path: Path) -> None:
    store = Sqlite(tmp_path)
    await store.start()
    (tmp_path / "upload").write_text("kept")
    document = await store.documents.put(new("a.txt", "kept"), tmp_path / "upload")
    await store.aclose()
    orphan = store.files.temporary()
    orphan.write_text("orphan")
    store.files.take(orphan, sha("orphan"))
    store.files.temporary().write_text("half a file")
    await store.start()
    assert list(store.files.all()) == [sha("kept")]
    assert list(store.files.folder.glob("new-*")) == []
    assert await store.documents.original(OWNER, document.id) is not None
    await store.aclose()
