"""The documents' originals, each content once: `files/ab/abcdef…`, named by the SHA-256 of its bytes.

Invariants, proved by `tests/store/sqlite/test_files.py`:
  - a file under its final name is whole and on the disk: it gets that name, by a rename, after its bytes were synced;
  - a file goes when no row names its content, and never before, nor while a copy is made that may name it; what a kill
    leaves behind goes at the next start.
Names come from a hash and never from a client, so no name can lead out of the folder.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_HASH: Final = re.compile(r"[0-9a-f]{64}")


class Files:
    """The folder of originals. All methods block; those that change it are called by the writer's thread alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._copies = 0  # that are being made
        self._later: set[str] = set()  # what was removed meanwhile

    def open(self) -> None:
        """Make the folder where it is missing."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def temporary(self) -> Path:
        """Return a name on the same disk for a file that `take` is to take over."""
        return self.folder / f"new-{secrets.token_hex(8)}"

    def take(self, content: Path, content_hash: str) -> None:
        """Give a file its final name. The caller made sure that its bytes have that hash."""
        home = self.path(content_hash)
        if home.exists():
            content.unlink()
            return
        home.parent.mkdir(mode=0o700, exist_ok=True)
        content.chmod(0o600)
        sync(content)
        try:
            content.replace(home)
        except OSError:  # it is on another disk
            near = self.temporary()
            shutil.copyfile(content, near)
            near.chmod(0o600)
            sync(near)
            near.replace(home)
            content.unlink()
        sync(home.parent)

    def path(self, content_hash: str) -> Path:
        """Return where the content of that hash lies, or would."""
        if not _HASH.fullmatch(content_hash):
            raise ValueError("a content hash is a SHA-256 in hex")
        return self.folder / content_hash[:2] / content_hash

    def has(self, content_hash: str) -> bool:
        """Return whether the content is here."""
        return self.path(content_hash).exists()

    def remove(self, content_hash: str) -> None:
        """Remove a content that no row names; not while there is a `hold`."""
        if self._copies:
            self._later.add(content_hash)
        else:
            self.path(content_hash).unlink(missing_ok=True)

    def hold(self) -> None:
        """Keep all contents until `let_go`, for a copy of the rows that is about to be taken."""
        self._copies += 1

    def let_go(self) -> set[str]:
        """End a `hold`. Returns what is to be removed now, unless a row names it again."""
        self._copies -= 1
        if self._copies:
            return set()
        later, self._later = self._later, set()
        return later

    def all(self) -> Iterator[str]:
        """Return the hashes of all contents."""
        return (file.name for file in self.folder.glob("??/*") if _HASH.fullmatch(file.name))

    def clear_temporary(self) -> None:
        """Remove what never got its final name, and copies of the store that were being made."""
        for file in self.folder.glob("new-*"):
            file.unlink(missing_ok=True)
        for folder in self.folder.glob("backup-*"):
            shutil.rmtree(folder, ignore_errors=True)

    def copy_to(self, folder: Path, hashes: Iterator[str]) -> None:
        """Copy contents into another folder of originals."""
        other = Files(folder)
        other.open()
        for content_hash in hashes:
            if self.has(content_hash):
                near = other.temporary()
                try:
                    os.link(self.path(content_hash), near)  # it never changes, so one on the same disk takes no time
                except OSError:
                    shutil.copyfile(self.path(content_hash), near)
                other.take(near, content_hash)


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows cannot open folders, and its renames are durable without
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
