"""Uploads as they arrive: bounded in size and time, and whatever goes wrong leaves nothing behind."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from tests.api.raw import Connection, answer_of, connect, head
from tests.api.server import wait_until
from tests.api.uploads import BOUNDARY, DOCUMENTS, KIND, Part, add, data, field, file, form, paths, upload
from tests.api.whole import Whole, whole
from tests.clients.wire import has_both_shapes, request

MIB = 1024 * 1024
WORDS = file("a.txt", "some words")


def _open(server: Whole, *, length: int | None, kind: str = KIND, **headers: str) -> Connection:
    """Send the head of an upload; its body is chunked where it has no length."""
    fields = {"Host": "localhost", "Content-Type": kind, **headers}
    fields |= {"Transfer-Encoding": "chunked"} if length is None else {"Content-Length": str(length)}
    connection = connect(server.port)
    connection.send(head("POST", DOCUMENTS, fields))
    return connection


def _chunk(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


def _start(label: str = "a.txt") -> bytes:
    """The beginning of a body, up to the first byte of a file."""
    return form(file(label, ""), end=False).removesuffix(b"\r\n")


# ---- while it arrives


def test_it_is_written_while_it_arrives(library: Whole) -> None:
    with _open(library, length=None) as connection:
        connection.send(_chunk(_start() + b"x" * 300_000))
        wait_until(lambda: [(library.home / "files" / name).stat().st_size for name in library.leftovers()] == [300_000], 5)
        (name,) = library.leftovers()
        assert (library.home / "files" / name).stat().st_mode & 0o777 == 0o600
        connection.send(_chunk(f"\r\n--{BOUNDARY}--\r\n".encode()) + _chunk(b""))
        assert b" 202 " in connection.read_until(b"\r\n")
    assert paths(library) == ["a.txt"]


def test_it_may_take_long_as_long_as_it_comes(library: Whole) -> None:
    """The pause that ends a body is 2 s here; this one takes 4."""
    with _open(library, length=None) as connection:
        connection.send(_chunk(_start()))
        for _ in range(8):
            connection.send(_chunk(b"x" * 20_000))
            time.sleep(0.5)
        connection.send(_chunk(f"\r\n--{BOUNDARY}--\r\n".encode()) + _chunk(b""))
        assert b" 202 " in connection.read_until(b"\r\n")


@pytest.mark.parametrize("drip", [b"", b"x"])
def test_one_that_stops_or_drips_is_ended(library: Whole, drip: bytes) -> None:
    with _open(library, length=None) as connection:
        connection.send(_chunk(_start() + b"x" * 50_000))
        began = time.monotonic()
        while not (found := _there(connection)) and time.monotonic() - began < 8:
            if drip:
                connection.send(_chunk(drip))
        with suppress(ConnectionResetError):  # a drop that came after the server had closed
            found += connection.read_to_end()
        answer = answer_of(found)
        assert time.monotonic() - began < 8
    error = has_both_shapes(answer, 400)
    assert error["code"] == "body_too_slow"
    assert answer.headers["connection"] == "close"
    assert paths(library) == []


def _there(connection: Connection) -> bytes:
    """What has come within half a second."""
    connection.sock.settimeout(0.5)
    try:
        return connection.sock.recv(65536)
    except TimeoutError:
        return b""
    finally:
        connection.sock.settimeout(10)


@pytest.mark.parametrize(
    "sent", [_start(), _start() + b"x" * 200_000, form(field("path", "a"), end=False), form(WORDS, WORDS)[:-8]]
)
def test_a_client_that_leaves(library: Whole, sent: bytes) -> None:
    with _open(library, length=900_000) as connection:
        connection.send(sent)
        if len(sent) > 100_000:
            wait_until(lambda: len(library.leftovers()) == 1, 5)
        else:
            time.sleep(0.1)
    wait_until(lambda: library.leftovers() == [], 5)
    assert paths(library) == []


def test_many_that_leave_leave_nothing(library: Whole) -> None:
    add(library, WORDS)
    process = psutil.Process(library.process.pid)
    descriptors = process.num_fds()
    for number in range(40):
        with _open(library, length=None if number % 2 else 900_000) as connection:
            connection.send(_chunk(_start()) if number % 2 else form(WORDS, file("b", b"y" * 5000 * number), end=False))
    wait_until(lambda: library.leftovers() == [] and process.num_fds() <= descriptors, 10)
    assert paths(library) == ["a.txt"]


# ---- bounds


def test_a_file_that_is_too_large_is_an_item(library: Whole) -> None:
    large, small = data(upload(library, file("large.txt", b"x" * (MIB + 1)), file("just.txt", b"x" * MIB)), 202)
    assert (large["id"], large["error"]["code"]) == (None, "body_too_large")
    assert large["error"]["message"] == "The file is larger than 1 MiB (library.max_upload_mb). Split it."
    assert small["size"] == MIB


@pytest.mark.parametrize("length", [None, 9 * MIB])
def test_a_request_that_is_too_large_is_not_read_to_its_end(library: Whole, length: int | None) -> None:
    with _open(library, length=length) as connection:
        if length is None:
            connection.send(_chunk(_start()))
            for _ in range(8):
                connection.send(_chunk(b"x" * MIB))
        answer = answer_of(connection.read_to_end())
    error = has_both_shapes(answer, 413)
    assert error["message"] == "The request is larger than 8 MiB. Send the files in several requests."
    assert answer.headers["connection"] == "close"


def test_who_asks_first_is_told_at_once(library: Whole) -> None:
    with _open(library, length=99 * MIB, Expect="100-continue") as connection:
        assert b" 413 " in connection.read_until(b"\r\n")


def test_memory_holds_no_file(tmp_path: Path) -> None:
    with whole(tmp_path / "home", library={"max_upload_mb": 200}) as server:
        add(server, WORDS)
        before = psutil.Process(server.process.pid).memory_info().rss
        with _open(server, length=None) as connection:
            connection.send(_chunk(_start("x.bin")))
            piece = _chunk(b"\0" * MIB)
            for _ in range(150):
                connection.send(piece)
            grown = psutil.Process(server.process.pid).memory_info().rss - before
            connection.send(_chunk(f"\r\n--{BOUNDARY}--\r\n".encode()) + _chunk(b""))
            assert b" 202 " in connection.read_until(b"\r\n")
    assert grown < 50 * MIB


def test_a_thousand_files_and_no_more(library: Whole) -> None:
    files = [file(f"{number:04}.txt", f"text number {number}") for number in range(1001)]
    error = has_both_shapes(upload(library, *files), 400)
    assert error["message"] == "The body has more than 1000 files. Send them in several requests."
    assert paths(library) == []
    added = data(upload(library, *files[:100]), 202)
    assert [one["path"] for one in added] == [f"{number:04}.txt" for number in range(100)]


# ---- what is refused as a whole


@pytest.mark.parametrize(
    ("parts", "param", "message"),
    [
        ([], None, "There is no file in the body."),
        ([field("collection", "x")], None, "There is no file in the body."),
        ([WORDS, field("colection", "x")], None, "A field is of no use here."),
        ([field("collection", "x"), WORDS, field("collection", "y")], "collection", "collection must be given once."),
        ([field("path", "a"), field("path", "b"), WORDS], "path", "path must be given once."),
        ([WORDS, field("path", "a")], "path", "path must stand before the file"),
        ([WORDS, field("date", "1")], "date", "date must stand before the file"),
        ([field("date", "yesterday"), WORDS], "date", "date must be a number of seconds"),
        ([field("date", "nan"), WORDS], "date", "date must be a number of seconds"),
        ([field("date", "1e300"), WORDS], "date", "date must be a number of seconds"),
        ([field("modified_ns", "1.5"), WORDS], "modified_ns", "modified_ns must be a whole number"),
        ([WORDS, field("metadata", "{")], "metadata", "metadata must be a JSON object."),
        ([WORDS, field("metadata", "[]")], "metadata", "metadata must be a JSON object."),
        ([WORDS, field("metadata", '{"a":' * 100 + "1" + "}" * 100)], "metadata", "metadata must be a JSON object."),
        ([WORDS, field("metadata", b'{"a": "' + b"x" * 70_000)], "metadata", "metadata must not be larger than 64 KiB."),
        ([WORDS, field("collection", b"\xff")], "collection", "collection must be text in UTF-8."),
        ([WORDS, field("collection", "")], "collection", "collection must not be empty."),
        ([WORDS, field("title", "a\nb")], "title", "title must not hold control characters"),
    ],
)  # fmt: skip
def test_fields_that_are_wrong(library: Whole, parts: list[Part], param: str | None, message: str) -> None:
    error = has_both_shapes(upload(library, *parts), 400)
    assert error["param"] == param
    assert message in error["message"]
    assert paths(library) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (b"", "path must not be empty."),
        (b" ", "path must not be empty."),
        (b"a\0b", "control characters"),
        (b"a\tb", "control characters"),
        (b"a\x7f", "control characters"),
        ("a\u2028b".encode(), "line breaks"),
        (b"\xff\xfe.txt", "path must be text in UTF-8."),
        (b"\xed\xa0\x80.txt", "path must be text in UTF-8."),
        (b"x" * 1025, "1 to 1024 characters"),
    ],
)
def test_names_that_are_none(library: Whole, name: bytes, message: str) -> None:
    part = 'form-data; name="file"; filename="' + name.decode("utf-8", "surrogateescape") + '"', b"x"
    for parts in ([part], [field("path", name), WORDS]):
        error = has_both_shapes(upload(library, *parts), 400)
        assert error["param"] == "path"
        assert message in error["message"]
    bad, _ = data(upload(library, part, WORDS), 202)
    assert bad["state"] == "failed"
    assert len(bad["path"]) <= 1024
    assert paths(library) == ["a.txt"]


def test_the_longest_name(library: Whole) -> None:
    name = "日" * 1024
    assert add(library, file(name, "words"))[0]["path"] == name


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", {}),
        (b"nothing of the kind", {}),
        (form(WORDS)[:-6], {}),
        (form(WORDS).replace(BOUNDARY.encode(), b"other"), {}),
        (form(WORDS), {"Content-Type": "multipart/form-data"}),
        (form(WORDS).replace(b"form-data; ", b""), {}),
        (form(WORDS).replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n"), {}),
    ],
)
def test_bodies_that_are_none(library: Whole, body: bytes, headers: dict[str, str]) -> None:
    has_both_shapes(request(library.url, "POST", DOCUMENTS, body, {"Content-Type": KIND, **headers}), 400)
    assert paths(library) == []


def test_compressed_bodies_are_not_taken(library: Whole) -> None:
    error = has_both_shapes(upload(library, WORDS, headers={"Content-Encoding": "gzip"}), 415)
    assert "Content-Encoding" in error["message"]


def test_a_fault_at_the_end_takes_all_back(library: Whole) -> None:
    many = [file(f"{number}.txt", b"x" * 20_000) for number in range(20)]
    has_both_shapes(upload(library, *many, field("nonsense", "x")), 400)
    assert paths(library) == []


def test_a_full_disk(tmp_path: Path) -> None:
    """The process may write no file larger than 2 MiB here, which to the program is a full disk."""
    with whole(tmp_path / "home", file_limit=2 * MIB) as server:
        error = has_both_shapes(upload(server, WORDS, file("b.bin", b"x" * (2 * MIB + 1))), 507)
        assert error["code"] == "store_full"
        assert (paths(server), server.leftovers()) == ([], [])
        (document,) = add(server, WORDS)
        assert document["state"] == "ready"


def test_the_type_is_not_believed(library: Whole) -> None:
    """What a client says of a part's type changes nothing: the bytes tell."""
    head_of = 'form-data; name="f"; filename="a.html"\r\nContent-Type: application/pdf'
    (document,) = add(library, (head_of, b"plain words"))
    assert document["kind"] in ("html", "text")
    assert re.fullmatch(r"[0-9a-f]{32}", document["id"])
