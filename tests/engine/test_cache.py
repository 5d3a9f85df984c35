"""A file of the cache is whole or not there, and one that cannot be written is no fault."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from mecum.engine import cache


def test_what_was_kept_is_loaded_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    file = tmp_path / "cache" / "a.graph"
    cache.keep(file, b"one")
    cache.keep(file, b"two")
    assert cache.load(file) == b"two"
    assert list(file.parent.iterdir()) == [file]
    assert (stat.S_IMODE(file.parent.stat().st_mode), stat.S_IMODE(file.stat().st_mode)) == (0o700, 0o600)


@pytest.mark.parametrize("held", [b"", b"x" * 32, b"x" * 40])
def test_what_is_not_whole_counts_as_not_there(tmp_path: Path, held: bytes) -> None:
    file = tmp_path / "a"
    assert cache.load(file) is None
    file.write_bytes(held)
    assert cache.load(file) is None


def test_what_cannot_be_put_in_place_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "folder" / "inside").mkdir(parents=True)
    cache.keep(tmp_path / "folder", b"one")  # its name is a folder's, which is not empty
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
