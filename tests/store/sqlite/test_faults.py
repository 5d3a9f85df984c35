"""A disk that is full or broken: a clean error, nothing half written, and a store that opens afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import apsw
import pytest
from tests.store.library import ALL, OWNER, add, embed, new, texts_of

from mecum.errors import MecumError, StoreError, StoreFull, StoreStartError
from mecum.store.sqlite import Sqlite
from mecum.store.sqlite.faults import translated


class Disk(apsw.VFS):
    """A file system whose writes begin to fail, with `fault`, after `left` more of them."""

    def __init__(self) -> None:
        self.fault: type[Exception] | None = None
        self.left = 0
        super().__init__("faulty", base="")

    def xOpen(self, name: object, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 # SQLite's name
        return DiskFile(self, name, flags)

    def wear(self) -> None:
        if self.fault is not None:
            self.left -= 1
            if self.left < 0:
                raise self.fault


class DiskFile(apsw.VFSFile):
    def __init__(self, disk: Disk, name: object, flags: list[int]) -> None:
        self.disk = disk
        super().__init__("", name, flags)  # type: ignore[arg-type]

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self.disk.wear()
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self.disk.wear()
        super().xSync(flags)


@pytest.fixture
def disk() -> Iterator[Disk]:
    made = Disk()
    yield made
    made.unregister()


async def test_a_full_database_is_store_full_and_room_mends_it(store: Sqlite, tmp_path: Path) -> None:
    await add(store, "a.txt", "words")
    pages = await store._database.alone(lambda db: db.pragma("page_count"))
    await store._database.alone(lambda db: db.pragma("max_page_count", pages + 10))
    (tmp_path / "upload").write_text("large")
    with pytest.raises(StoreFull):
        await add(store, "large.txt", *(f"{word} " * 2000 for word in range(100)))
    with pytest.raises(StoreFull):
        await store.documents.put(new("x", "large", title="t" * 200_000), tmp_path / "upload")
    assert list(store.files.all()) == []
    assert await texts_of(store, "words") == ["words"]
    await store._database.alone(lambda db: db.pragma("max_page_count", pages + 1000))
    await add(store, "b.txt", "more words")
    assert len(await texts_of(store, "words")) == 2


@pytest.mark.parametrize("fault", [apsw.FullError, apsw.IOError])
async def test_a_fault_at_any_write_loses_nothing_that_was_acknowledged(
    tmp_path: Path, disk: Disk, fault: type[Exception]
) -> None:
    for after in range(0, 40, 3):
        store = Sqlite(tmp_path, vfs="faulty")
        await store.start()
        kept = await add(store, f"kept{after}.txt", f"kept words {after}", "shared")
        await embed(store)
        disk.fault, disk.left = fault, after
        try:
            await add(store, f"lost{after}.txt", *(f"other text {number}" for number in range(30)))
            await embed(store)
            await store.documents.delete(OWNER, [kept.id])
            deleted = True
        except StoreError as error:
            assert isinstance(error, StoreFull) == (fault is apsw.FullError)  # noqa: PT017 # the disk may also have lasted
            deleted = False
        disk.fault = None
        with suppress(StoreError):  # what is closed may be the faulty disk's still
            await store.aclose()
        store = Sqlite(tmp_path)
        await store.start()
        assert await store.check() == ()
        assert (await store.documents.get(OWNER, kept.id) is None) == deleted
        await store.aclose()


async def test_a_disk_that_is_full_at_the_start_is_a_start_error(tmp_path: Path, disk: Disk) -> None:
    disk.fault = apsw.FullError
    with pytest.raises(StoreStartError):
        await Sqlite(tmp_path, vfs="faulty").start()
    disk.fault = None
    store = Sqlite(tmp_path)
    await store.start()
    assert (await store.documents.list(ALL)).total == 0
    await store.aclose()


@pytest.mark.parametrize(
    ("foreign", "ours"),
    [
        (apsw.FullError("x"), StoreFull),
        (apsw.CorruptError("x"), StoreError),
        (OSError(28, "No space left on device"), StoreFull),
        (PermissionError(13, "Permission denied"), StoreError),
    ],
)
def test_the_disks_errors_become_ours(foreign: Exception, ours: type[MecumError]) -> None:
    with pytest.raises(ours) as caught, translated():
        raise foreign
    assert type(caught.value) is ours


def test_a_mistake_of_ours_stays_a_crash() -> None:
    with pytest.raises(apsw.ConstraintError), translated():
        raise apsw.ConstraintError("x")
