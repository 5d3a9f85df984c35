"""The SQLite file: who may read it, which schemas are taken, how readers, writers and copies get along."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

import apsw
import pytest
from tests.store.library import ALL, OWNER, add, embed, new, texts_of, with_vectors

from mecum.errors import StoreError, StoreStartError
from mecum.store.sqlite import Sqlite
from mecum.store.sqlite.database import APPLICATION, Database, migrations
from mecum.store.values import Document, NewDocument


async def test_the_file_its_wal_and_the_originals_are_private(tmp_path: Path) -> None:
    store = Sqlite(tmp_path)
    await store.start()
    await add(store, "a.txt", "words")
    modes = _modes(tmp_path)
    await store.aclose()
    assert modes == {"mecum.db": 0o600, "mecum.db-wal": 0o600, "mecum.db-shm": 0o600, "files": 0o700}
    assert not (tmp_path / "mecum.db-wal").exists()


async def test_a_newer_schema_is_refused_and_untouched(tmp_path: Path) -> None:
    newer = Database(tmp_path / "mecum.db", steps=(*migrations(), "CREATE TABLE later (x)"))
    newer.open()
    newer.close()
    before = (tmp_path / "mecum.db").read_bytes()
    with pytest.raises(StoreStartError, match="newer mecum") as caught:
        await Sqlite(tmp_path).start()
    assert caught.value.exit_code == 6
    assert (tmp_path / "mecum.db").read_bytes() == before


async def test_another_programs_database_is_refused_and_untouched(tmp_path: Path) -> None:
    with closing(apsw.Connection(str(tmp_path / "mecum.db"))) as other:
        other.execute("CREATE TABLE theirs (x)")
    before = (tmp_path / "mecum.db").read_bytes()
    with pytest.raises(StoreStartError, match="not a database of mecum"):
        await Sqlite(tmp_path).start()
    assert (tmp_path / "mecum.db").read_bytes() == before


@pytest.mark.parametrize("content", [b"this is no database at all" * 100, b"SQLite format 3\x00" + b"\xff" * 4096])
async def test_a_damaged_file_is_an_error_with_its_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mecum.db").write_bytes(content)
    with pytest.raises(StoreStartError, match=r"mecum\.db"):
        await Sqlite(tmp_path).start()


async def test_a_home_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "mecum.db").mkdir()
    with pytest.raises(StoreStartError):
        await Sqlite(tmp_path).start()


@pytest.mark.parametrize("version", range(1, len(migrations()) + 1))
async def test_every_released_schema_upgrades_with_its_data(tmp_path: Path, version: int) -> None:
    old = Database(tmp_path / "mecum.db", steps=migrations()[:version])
    old.open()
    await old.write(
        lambda db: db.execute(
            "INSERT INTO documents (id, owner, collection, path, title, kind, size, state, content_hash, created, updated) "
            "VALUES ('kept', 'local', 'default', 'a', '', 'txt', 0, 'failed', 'x', 0, 0)"
        )
    )
    old.close()
    store = Sqlite(tmp_path, steps=(*migrations(), "CREATE TABLE later (x); INSERT INTO later VALUES (1)"))
    await store.start()
    assert await store.documents.get(OWNER, "kept") is not None
    await store.aclose()
    with closing(apsw.Connection(str(tmp_path / "mecum.db"))) as db:
        assert (db.pragma("user_version"), db.pragma("application_id")) == (len(migrations()) + 1, APPLICATION)


async def test_a_step_that_fails_leaves_the_schema_before_it(tmp_path: Path) -> None:
    broken = Database(tmp_path / "mecum.db", steps=(*migrations(), "CREATE TABLE half (x); nonsense"))
    with pytest.raises(apsw.SQLError):
        broken.open()
    store = Sqlite(tmp_path)
    await store.start()
    assert await store.check() == ()
    await store.aclose()


async def test_many_writers_and_readers_never_meet_a_lock(store: Sqlite) -> None:
    async def write(name: int) -> None:
        for number in range(25):
            document = await add(store, f"{name}/{number}.txt", f"words of {name}")
            if number % 5 == 0:
                await store.documents.delete(OWNER, [document.id])

    async def read() -> None:
        while not done.is_set():
            assert len(await texts_of(store, "words")) <= 10
            await asyncio.sleep(0)

    done = asyncio.Event()
    readers = [asyncio.create_task(read()) for _ in range(2)]
    await asyncio.gather(*(write(name) for name in range(8)))
    done.set()
    await asyncio.gather(*readers)
    assert (await store.documents.list(ALL)).total == 8 * 20


async def test_one_failure_among_writes_that_share_a_commit_fails_alone(store: Sqlite) -> None:
    good = [store.documents.put(new(f"{number}.txt", str(number))) for number in range(10)]
    bad = store.documents.put(NewDocument(OWNER, "bad.txt", None, "txt"))  # type: ignore[arg-type]
    *fine, failed = await asyncio.gather(*good, bad, return_exceptions=True)
    assert isinstance(failed, apsw.ConstraintError)
    assert not [one for one in fine if isinstance(one, BaseException)]
    assert (await store.documents.list(ALL)).total == 10


async def test_a_backup_under_load_opens_and_answers_the_same(store: Sqlite, tmp_path: Path) -> None:
    (tmp_path / "upload").write_text("bytes")
    kept = await store.documents.put(new("kept.txt", "bytes"), tmp_path / "upload")
    for number in range(50):
        await add(store, f"{number}.txt", f"words number {number}", "shared words")
    await embed(store)

    async def load() -> None:
        for number in range(100):
            document = await add(store, f"more/{number}.txt", "later text")
            await store.documents.delete(OWNER, [document.id])

    (tmp_path / "copy").mkdir()
    busy = asyncio.create_task(load())
    await asyncio.sleep(0.05)
    await store.backup(tmp_path / "copy")
    await busy
    copy = Sqlite(tmp_path / "copy")
    await copy.start()
    assert await copy.check() == ()
    assert sorted(await texts_of(copy, "number")) == sorted(await texts_of(store, "number"))
    assert set(await with_vectors(store)) <= set(await with_vectors(copy))
    original = await copy.documents.original(OWNER, kept.id)
    assert original is not None
    assert original.read_text() == "bytes"
    assert original.is_relative_to(tmp_path / "copy")
    await copy.aclose()


async def test_a_backup_holds_the_originals_of_documents_that_go_meanwhile(store: Sqlite, tmp_path: Path) -> None:
    documents = [await _original(store, f"{number}.txt", str(number)) for number in range(100)]

    async def load() -> None:
        for number, document in enumerate(documents):
            await store.documents.delete(OWNER, [document.id])
            await _original(store, f"{number}.txt", "again" if number % 2 else str(number))

    (tmp_path / "copy").mkdir()
    busy = asyncio.create_task(load())
    await store.backup(tmp_path / "copy")
    under_way = not busy.done()
    await busy
    assert under_way
    copy = Sqlite(tmp_path / "copy")
    await copy.start()
    assert await copy.check(originals=True) == ()
    assert await store.check(originals=True) == ()  # and what was kept for the copy went with it
    await copy.aclose()


async def _original(store: Sqlite, path: str, text: str) -> Document:
    content = store.documents.temporary()
    content.write_text(text)
    return await store.documents.put(new(path, text), content)


def _modes(home: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in home.iterdir()}


def _traces(home: Path, canary: bytes) -> list[str]:
    return [path.name for path in home.rglob("*") if path.is_file() and canary in path.read_bytes()]


async def _traces_left(home: Path, canary: bytes) -> list[str]:
    """What still holds the canary when it is gone, or after five seconds."""
    for _ in range(250):
        if not _traces(home, canary):
            break
        await asyncio.sleep(0.02)
    return _traces(home, canary)


async def test_what_was_deleted_leaves_the_file_and_its_wal(store: Sqlite, tmp_path: Path) -> None:
    await add(store, "other.txt", *(f"some other text {number}" for number in range(50)))
    document = await add(store, "secret.txt", "qzxcanary in a sentence")
    assert "mecum.db-wal" in _traces(tmp_path, b"qzxcanary")
    await store.documents.delete(OWNER, [document.id])
    assert await _traces_left(tmp_path, b"qzxcanary in a sentence") == []
    await store.compact()  # and with it, sooner than the upkeep would, the word in the keyword index
    assert _traces(tmp_path, b"qzxcanary") == []
    assert len(await texts_of(store, "some")) == 10


async def test_upkeep_takes_deleted_words_out_of_the_keyword_index(
    store: Sqlite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mecum.store.sqlite.database.MERGE_AFTER", 0.05)
    await add(store, "other.txt", *(f"some other text {number}" for number in range(50)))
    document = await add(store, "secret.txt", "qzxcanary in a sentence")
    await store.documents.delete(OWNER, [document.id])
    assert await _traces_left(tmp_path, b"qzxcanary") == []


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = Sqlite(tmp_path)
    await store.start()
    await store.aclose()
    await store.aclose()
    with pytest.raises(StoreError, match="closed"):
        await store.documents.put(new("a.txt"))
    with pytest.raises(StoreError, match="closed"):
        await store.documents.get(OWNER, "x")
