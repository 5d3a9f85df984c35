"""The SQLite file: opened with care, written by one thread, read by a few.

Invariants, proved by `tests/store/sqlite/test_database.py`:
  - a file with a newer schema, or of another program, is refused and not touched;
  - the file and its WAL are readable by their owner alone;
  - readers see the last commit and never wait for the writer, nor it for them.
"""

from __future__ import annotations

import asyncio
import os
import queue
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from importlib import resources
from pathlib import Path
from typing import Final, TypeVar

import apsw

from mecum.errors import StoreError, StoreStartError
from mecum.store.sqlite.faults import translated
from mecum.store.sqlite.rows import teach, value
from mecum.store.sqlite.writer import Work, Writer

T = TypeVar("T")
APPLICATION: Final = 0x6D65636D  # "mecm", in the file's header
READERS: Final = 4
MERGE_AFTER: Final = 600.0  # seconds; it rewrites the index (45 MB at 100,000 passages), so deletions share it
_BUSY: Final = 5000  # milliseconds; only a checkpoint, or a backup's end, ever waits
_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA cache_size = -32768",
    "PRAGMA temp_store = MEMORY",  # nothing of a document may lie in /tmp
)


class Database:
    """One file. `steps` are the migrations, `vfs` SQLite's name for the file system (tests have one that fails)."""

    def __init__(self, file: Path, *, steps: Sequence[str] | None = None, vfs: str | None = None) -> None:
        self.file = file
        self._steps = tuple(steps) if steps is not None else migrations()
        self._vfs = vfs
        self._connection: apsw.Connection | None = None
        self._writer: Writer | None = None
        self._readers: queue.SimpleQueue[apsw.Connection] = queue.SimpleQueue()
        self._pool: ThreadPoolExecutor | None = None
        self._merge_at: float | None = None  # on the monotonic clock

    def open(self) -> None:
        """Open the file, made where it is missing, and migrate it.

        Raises:
            StoreStartError: it is damaged, another program's or of a newer mecum, or the disk is at fault.
        """
        try:
            with translated():
                self._connection = self._open()
                for _ in range(READERS):
                    self._readers.put(self._connect(readonly=True))
        except StoreStartError:
            raise
        except StoreError as error:
            raise StoreStartError(f"{self.file} cannot be opened. {error.message}") from error
        self._writer = Writer(self._connection, self._upkeep)
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")

    def close(self) -> None:
        """Finish what was begun, and close. Blocks."""
        if self._writer is None or self._pool is None or self._connection is None:
            return
        self._writer.close()
        self._pool.shutdown()
        while not self._readers.empty():
            self._readers.get().close()
        with translated():
            truncate(self._connection)
            self._connection.close()
        self._connection = self._writer = self._pool = None

    async def write(self, work: Work[T]) -> T:
        """Run work in a transaction of its own; what it returns is durable."""
        return await asyncio.wrap_future(self._at_work().submit(work))

    async def alone(self, work: Work[T]) -> T:
        """Run work on the writer's connection outside of a transaction."""
        return await asyncio.wrap_future(self._at_work().submit(work, alone=True))

    async def read(self, work: Work[T]) -> T:
        """Run work that only reads, on one state of the database."""
        if self._pool is None:
            raise StoreError("The store is closed.")
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._read, work)

    def erased(self) -> None:
        """Say that something was deleted: soon the WAL, and later the keyword index, hold no trace of it. For work."""
        if self._merge_at is None:
            self._merge_at = time.monotonic() + MERGE_AFTER
        self._at_work().ask_upkeep()

    def _at_work(self) -> Writer:
        if self._writer is None:
            raise StoreError("The store is closed.")
        return self._writer

    def _read(self, work: Callable[[apsw.Connection], T]) -> T:
        connection = self._readers.get()
        try:
            with translated():
                connection.execute("BEGIN")
                try:
                    return work(connection)
                finally:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
        finally:
            self._readers.put(connection)

    def _upkeep(self, db: apsw.Connection) -> float | None:
        """Truncate the WAL; when it is time, also rewrite a part of the keyword index, so that deleted words leave it."""
        if self._merge_at is not None and time.monotonic() >= self._merge_at:
            if merge(db):
                return 0.0
            self._merge_at = None
        db.set_busy_timeout(200)  # a reader at work: the next upkeep does it
        done = truncate(db)
        db.set_busy_timeout(_BUSY)
        if not done:
            return 1.0
        return None if self._merge_at is None else self._merge_at - time.monotonic()

    def _open(self) -> apsw.Connection:
        version = self._version_on_disk()
        if version > len(self._steps):
            raise StoreStartError(
                f"{self.file} was written by a newer mecum (schema {version}; this one knows {len(self._steps)}). "
                "Install that version, or name another data directory."
            )
        if not self.file.exists():
            os.close(os.open(self.file, os.O_CREAT | os.O_RDWR, 0o600))
        db = self._connect(readonly=False)
        self._migrate(db, version)
        return db

    def _version_on_disk(self) -> int:
        """Return the schema's number without changing the file; 0 where there is none yet."""
        if not self.file.exists() or self.file.stat().st_size == 0:
            return 0
        with closing(apsw.Connection(str(self.file), flags=apsw.SQLITE_OPEN_READONLY)) as db:
            version, application, used = (db.pragma(name) for name in ("user_version", "application_id", "schema_version"))
        if used and application != APPLICATION:
            raise StoreStartError(f"{self.file} is not a database of mecum. Move it away, or name another data directory.")
        return int(version)

    def _connect(self, *, readonly: bool) -> apsw.Connection:
        flags = apsw.SQLITE_OPEN_READONLY if readonly else apsw.SQLITE_OPEN_READWRITE
        db = apsw.Connection(str(self.file), flags=flags, vfs=self._vfs)
        db.set_busy_timeout(_BUSY)
        teach(db)
        for pragma in _PRAGMAS[2:] if readonly else _PRAGMAS:
            db.execute(pragma)
        return db

    def _migrate(self, db: apsw.Connection, version: int) -> None:
        for number, step in enumerate(self._steps[version:], version + 1):
            db.execute("BEGIN IMMEDIATE")
            try:
                list(db.execute(step))  # all of its statements, also those after one that returns rows
                db.execute(f"PRAGMA user_version = {number}")
                db.execute(f"PRAGMA application_id = {APPLICATION}")
                db.execute("COMMIT")
            except BaseException:  # whatever it was, a schema is never left half upgraded
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise


def truncate(db: apsw.Connection) -> bool:
    """Bring the WAL into the database and empty it; False while a reader needs it."""
    return not value(db, "PRAGMA wal_checkpoint(TRUNCATE)")


def merge(db: apsw.Connection) -> bool:
    """Do a part of merging the keyword index into one segment without deleted rows, and say whether more is left."""
    before = db.total_changes()
    db.execute(
        "INSERT INTO keywords (keywords, rank) VALUES ('merge', -256)"
    )  # pages; negative: whatever the segments' sizes
    return db.total_changes() - before >= 2  # FTS5's sign that there was something to merge


def migrations() -> tuple[str, ...]:
    """Return the schema's steps, oldest first."""
    folder = resources.files("mecum.store.sqlite.migrations")
    steps = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return tuple(folder.joinpath(name).read_text(encoding="utf-8") for name in steps)
