"""The store in one SQLite file, with the originals in a folder beside it.

Invariant: what `check` looks for never happens, whatever was killed and whenever (`tests/store/test_kill.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import apsw

from mecum.errors import StoreError, StoreStartError
from mecum.store.sqlite.audit import SqliteAudit
from mecum.store.sqlite.check import faults
from mecum.store.sqlite.database import Database, merge, truncate
from mecum.store.sqlite.documents import SqliteDocuments
from mecum.store.sqlite.faults import translated
from mecum.store.sqlite.files import Files
from mecum.store.sqlite.keys import SqliteKeys
from mecum.store.sqlite.keywords import SqliteKeywords
from mecum.store.sqlite.roles import SqliteRoles
from mecum.store.sqlite.vectors import SqliteVectors

FILE = "mecum.db"
ORIGINALS = "files"


class Sqlite:
    """The built-in store. `home` is a folder of its own, which exists; `steps` and `vfs` as `Database`."""

    def __init__(self, home: Path, *, steps: Sequence[str] | None = None, vfs: str | None = None) -> None:
        self._database = Database(home / FILE, steps=steps, vfs=vfs)
        self.files = Files(home / ORIGINALS)
        self.documents = SqliteDocuments(self._database, self.files)
        self.keywords = SqliteKeywords(self._database)
        self.vectors = SqliteVectors(self._database)
        self.roles = SqliteRoles(self._database)
        self.keys = SqliteKeys(self._database)
        self.audit = SqliteAudit(self._database)

    async def start(self) -> None:
        """Open, bring the schema up to date, and clear away what a kill left behind.

        Raises:
            StoreStartError: it cannot be opened; it was not touched.
        """
        await asyncio.to_thread(self._database.open)
        try:
            await self._database.alone(self._tidy)
        except StoreError as error:
            await self.aclose()
            raise StoreStartError(f"The data directory cannot be used. {error.message}") from error

    async def aclose(self) -> None:
        """Finish what was begun, and close."""
        await asyncio.to_thread(self._database.close)

    async def check(self, *, originals: bool = False) -> tuple[str, ...]:
        """Return what is wrong with the store, a sentence each."""
        return await self._database.read(lambda db: faults(db, self.files, originals=originals))

    async def backup(self, folder: Path) -> None:
        """Write a copy that opens as a store into a folder that exists, while others read and write."""
        target = folder / FILE
        await self._database.alone(lambda _: self.files.hold())
        try:
            await self._database.read(lambda db: _copy(db, target))
            await self._database.alone(lambda _: self.files.copy_to(folder / ORIGINALS, iter(_contents(target))))
        finally:
            later = await self._database.alone(lambda _: self.files.let_go())
            await self.documents.forget_files(later)

    async def compact(self) -> None:
        """Give room that is no longer needed back to the disk, and leave no trace of what was deleted."""

        def work(db: apsw.Connection) -> None:
            while merge(db):
                pass
            db.execute("VACUUM")
            truncate(db)

        await self._database.alone(work)

    def _tidy(self, db: apsw.Connection) -> None:
        """Remove originals without a row, half-written ones, and notes of changes to documents that are gone."""
        self.files.open()
        self.files.clear_temporary()
        db.execute("DELETE FROM changes WHERE document NOT IN (SELECT key FROM documents)")
        named = {content for (content,) in db.execute("SELECT DISTINCT content_hash FROM documents")}
        for content in set(self.files.all()) - named:
            self.files.remove(content)


def _copy(db: apsw.Connection, target: Path) -> None:
    """Copy the database as this reader sees it: one step, so that no writer can make it begin again."""
    target.touch(mode=0o600)
    with closing(apsw.Connection(str(target))) as copy:
        with copy.backup("main", db, "main") as backup:
            backup.step()
        copy.pragma("journal_mode", "wal")


def _contents(database: Path) -> list[str]:
    with translated(), closing(apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)) as db:
        return [content for (content,) in db.execute("SELECT DISTINCT content_hash FROM documents")]
