"""Copies, checks, and the end of everything."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from tests.api.raw import connect, head
from tests.api.server import wait_until
from tests.api.uploads import DOCUMENTS, add, call, data, file, paths
from tests.api.whole import Whole
from tests.clients.wire import has_both_shapes, request

from mecum.store.sqlite import Sqlite
from mecum.store.values import Filter

BACKUP, FORGET = "/api/backup", "/api/forget"


@contextmanager
def _unpacked(archive: bytes, folder: Path) -> Iterator[list[str]]:
    """The names in an archive, unpacked into a folder."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        assert all(member.isreg() and member.mode == 0o600 for member in tar)
        tar.extractall(folder, filter="data")
        yield tar.getnames()


async def test_a_copy_opens_as_a_store(library: Whole, tmp_path: Path) -> None:
    one, _ = add(library, file("a.txt", "some words"), file("b.txt", b"x" * 5000))
    answer = request(library.url, "GET", BACKUP)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/x-tar"
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert answer.headers["content-disposition"].startswith('attachment; filename="mecum-20')
    with _unpacked(answer.body, tmp_path) as names:
        assert set(names) == {"mecum.db"} | {
            f"files/{digest[:2]}/{digest}"
            for digest in (found["sha256"] for found in data(call(library, "GET", DOCUMENTS))["items"])
        }
    store = Sqlite(tmp_path)
    await store.start()
    assert await store.check() == ()
    assert [document.path for document in (await store.documents.list(Filter("local"))).items] == ["a.txt", "b.txt"]
    assert (await store.documents.original("local", one["id"])).read_bytes() == b"some words"
    await store.aclose()


def test_copies_while_documents_come_and_go(library: Whole, tmp_path: Path) -> None:
    for number in range(5):
        add(library, *(file(f"{number}-{n}.txt", f"words {n}") for n in range(10)), wait="searchable")
        archive = request(library.url, "GET", BACKUP).body
        with _unpacked(archive, tmp_path / str(number)) as names:
            assert "mecum.db" in names


@pytest.mark.parametrize("read", [0, 1000])
def test_a_client_that_leaves(library: Whole, read: int) -> None:
    add(library, *(file(f"{n}.bin", os.urandom(1_000_000)) for n in range(5)), wait="searchable")
    for _ in range(5):
        with connect(library.port) as connection:
            connection.send(head("GET", BACKUP, {"Host": "localhost"}))
            if read:
                connection.sock.recv(read)
    wait_until(lambda: library.leftovers() == [], 10)


def test_few_copies_at_a_time(library: Whole) -> None:
    """Who reads nothing holds a copy on our disk, so there are few of them."""
    add(library, *(file(f"{n}.bin", os.urandom(1_000_000)) for n in range(8)), wait="searchable")
    with ExitStack() as held:
        for _ in range(2):
            connection = held.enter_context(connect(library.port))
            connection.send(head("GET", BACKUP, {"Host": "localhost"}))
            connection.read_until(b"\r\n\r\n")
        answer = request(library.url, "GET", BACKUP)
        assert has_both_shapes(answer, 503)["code"] == "busy"
        assert answer.headers["retry-after"] == "10"
    wait_until(lambda: request(library.url, "GET", BACKUP).status == 200, 10)


def test_only_its_head(library: Whole) -> None:
    answer = request(library.url, "HEAD", BACKUP)
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"", "application/x-tar")


def test_what_a_kill_left_goes_with_the_next(library: Whole) -> None:
    left = library.home / "files" / "backup-1-x"
    for ask in (lambda: request(library.url, "GET", BACKUP), lambda: call(library, "POST", FORGET, {"all": True})):
        left.mkdir()
        (left / "mecum.db").write_bytes(b"x")
        assert ask().status == 200
        assert not left.exists()


def test_verify(library: Whole) -> None:
    (document,) = add(library, file("a.txt", "some words"))
    assert data(call(library, "GET", "/api/verify")) == {"faults": []}
    stray = library.home / "files" / document["sha256"][:2] / (document["sha256"][:2] + "0" * 62)
    stray.write_bytes(b"nobody's")
    assert data(call(library, "GET", "/api/verify")) == {"faults": ["1 originals without a document"]}
    stray.unlink()
    kept = stray.with_name(document["sha256"])
    kept.rename(stray.with_name("away"))
    (fault,) = data(call(library, "GET", "/api/verify"))["faults"]
    assert "original" in fault
    stray.with_name("away").rename(kept)


def test_forget(library: Whole) -> None:
    add(library, file("a.txt", "unforgettable xylophone"), file("b.txt", "more"))
    assert data(call(library, "POST", FORGET, {"all": True})) == {"removed": 2}
    assert paths(library) == []
    assert not any(path.is_file() for path in (library.home / "files").rglob("*"))
    for path in library.home.glob("mecum.db*"):
        assert b"xylophone" not in path.read_bytes()
    assert data(call(library, "POST", FORGET, {"all": True})) == {"removed": 0}


@pytest.mark.parametrize("body", [{}, {"all": False}, {"all": "true"}, {"all": 1}, {"al": True}, {"all": None}])
def test_forgetting_needs_the_word(library: Whole, body: dict[str, object]) -> None:
    add(library, file("a.txt", "some words"))
    assert has_both_shapes(call(library, "POST", FORGET, body), 400)["param"] == "all"
    assert paths(library) == ["a.txt"]
