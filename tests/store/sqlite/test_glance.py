import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from mecum.errors import StoreStartError
from mecum.store.people import NewKey
from mecum.store.sqlite import Sqlite
from mecum.store.sqlite.database import Database, migrations
from mecum.store.sqlite.glance import glance, key_owners
from mecum.store.sqlite.store import FILE
from mecum.store.values import NewDocument

OWNER = "local"


async def make(home: Path) -> None:
    store = Sqlite(home)
    await store.start()
    await store.documents.put(NewDocument(OWNER, "a.txt", hashlib.sha256(b"a").hexdigest(), "text"))
    await store.aclose()


def files(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in home.iterdir() if path.is_file()}


async def test_it_counts_and_changes_nothing(tmp_path):
    assert glance(tmp_path, OWNER) is None
    await make(tmp_path)
    before = files(tmp_path)
    counts = glance(tmp_path, OWNER)
    assert counts
    assert (dict(counts.documents), counts.passages, counts.without_vector) == ({"queued": 1}, 0, 0)
    assert files(tmp_path) == before
    counts = glance(tmp_path, "somebody else")
    assert counts
    assert dict(counts.documents) == {}


def test_what_a_kill_left_in_the_wal_counts(tmp_path):
    program = (
        "import asyncio, os, signal, sys\nfrom pathlib import Path\nfrom mecum.store.sqlite import Sqlite\n"
        "from mecum.store.values import NewDocument\n"
        "async def main():\n    store = Sqlite(Path(sys.argv[1]))\n    await store.start()\n"
        "    await store.documents.put(NewDocument('local', 'b.txt', 'b' * 64, 'text'))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\nasyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False, timeout=60, env=os.environ)
    assert done.returncode == -signal.SIGKILL
    counts = glance(tmp_path, OWNER)
    assert counts
    assert dict(counts.documents) == {"queued": 1}


async def test_what_cannot_be_read_is_told_and_left_as_it_is(tmp_path):
    (tmp_path / FILE).write_bytes(b"SQLite format 3\0" + bytes(200))
    with pytest.raises(StoreStartError, match=r"cannot be read|not a database of mecum"):
        glance(tmp_path, OWNER)
    (tmp_path / FILE).unlink()
    with apsw.Connection(str(tmp_path / FILE)) as db:
        db.execute("CREATE TABLE x (y)")
    with pytest.raises(StoreStartError, match="not a database of mecum"):
        glance(tmp_path, OWNER)


async def test_a_newer_schema_is_told(tmp_path):
    await make(tmp_path)
    with apsw.Connection(str(tmp_path / FILE)) as db:
        db.pragma("user_version", 999)
    with pytest.raises(StoreStartError, match="newer mecum"):
        glance(tmp_path, OWNER)


async def test_whose_keys_are_good(tmp_path):
    assert key_owners(tmp_path) == frozenset()
    store = Sqlite(tmp_path)
    await store.start()
    for number, (owner, expires) in enumerate([("ann", None), ("ann", None), ("eve", None), ("bob", 1.0)]):
        name = str(number)
        await store.keys.add(
            NewKey(id=name, name=name, owner=owner, hash=name.encode(), hint="", scopes=frozenset({"chat"}), expires=expires)
        )
    await store.keys.revoke("2")
    await store.aclose()
    before = files(tmp_path)
    assert key_owners(tmp_path) == {"ann"}
    assert files(tmp_path) == before


def test_a_store_from_before_there_were_keys_has_none(tmp_path):
    old = Database(tmp_path / FILE, steps=migrations()[:3])
    old.open()
    old.close()
    assert key_owners(tmp_path) == frozenset()
