"""Rows 11, 22 and 24: archives that burst, types that lie, files that hang or crash what reads them.

`tests/knowledge/test_hostile.py` has some forty such files in the library, `tests/knowledge/reading/test_extractor.py` the
limits one by one, `tests/knowledge/extract/` what each reader makes of them, `tests/api/test_download.py` what is sent back.
Here they come over HTTP, by each route that takes files, to a server that goes on answering.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import psutil
import pytest
from tests.api.people import ANN, People, settled
from tests.api.uploads import BOUNDARY, KIND, file, form
from tests.clients.wire import Answer
from tests.knowledge import hostile
from tests.knowledge.extract import files
from tests.security.routes import JSON, Routes

MIB: Final = 1024 * 1024
linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


def upload(known: People, path: str, *parts: tuple[str, bytes]) -> Answer:
    return known.ask(ANN, "POST", path, form(*(file(label, data) for label, data in parts)), {"Content-Type": KIND})


def added(answer: Answer) -> list[dict[str, Any]]:
    assert answer.status in (200, 202), answer.body
    data: Any = answer.json()["data"]
    return data if isinstance(data, list) else [data]


def family(known: People) -> list[psutil.Process]:
    server = psutil.Process(known.server.process.pid)
    return [server, *server.children(recursive=True)]


@pytest.fixture(autouse=True)
def the_server_lives(known: People) -> Iterator[None]:
    before = known.server.process.pid
    yield
    assert known.server.process.poll() is None
    assert known.server.process.pid == before
    assert known.ask(ANN, "GET", "/v1/models").status == 200


# ---- row 11

BOMBS: Final[dict[str, Callable[[], bytes]]] = {
    "bomb.docx": hostile.docx_bomb,
    "entries.xlsx": hostile.many_entries,
    "nested.epub": hostile.nested_zip,
    "text.odt": hostile.text_bomb,
    "laughs.docx": hostile.laughing_docx,
    "laughs.epub": hostile.laughing_epub,
    "laughs.xlsx": hostile.laughing_xlsx,
    "meddling.pptx": hostile.meddling_docx,
}


def test_bombs_fail_by_either_route_and_the_others_go_in(known: People, routes: Routes) -> None:
    taking = [route.path for route in routes.taking("multipart/form-data")]
    assert set(taking) == {"/api/documents", "/api/memories/file"}  # a new one belongs into this test
    ids = {}
    for name, make in BOMBS.items():
        path = taking[len(ids) % 2]
        (one,) = added(upload(known, path, (f"bombs/{name}", make())))
        ids[path, name] = one["id"]
        (good,) = added(upload(known, path, (f"bombs/{name}.md", b"The good harvest.")))
    assert settled(known, ANN, good["id"])["state"] == "ready"
    for (path, name), ident in ids.items():
        found = settled(known, ANN, ident)
        assert found["state"] == "failed", (path, name)
        assert found["error"]["code"] in ("archive_bomb", "damaged", "unsupported", "unsafe"), (path, name)
        assert found["passages"] == 0
    assert sum(one.memory_info().rss for one in family(known)) < 1536 * MIB


# ---- row 22

LIES: Final = [  # name, content, the Content-Type that its part claims, what it is
    ("invoice.pdf", b"<script>alert(1)</script> just a text", "application/pdf", "text"),
    ("notes.txt", files.pdf(["A report."]), "text/plain", "pdf"),
    ("image.png", b"plain words in a file that says it is a picture", "image/png", "text"),
    ("page.html", b"\x89PNG\r\n\x1a\n" + bytes(500), "text/html", ""),
    ("words.docx", b"MZ" + bytes(range(256)) * 4, "application/msword", ""),
    ("notes.md", files.docx(files.paragraph("A letter.")), "text/markdown", "docx"),
]


def test_a_type_is_what_the_bytes_are(known: People) -> None:
    """The same document whatever Content-Type its part came with, and stored, never shown, when it goes out."""
    for name, data, lie, kind in LIES:
        for claimed in (lie, "application/octet-stream", "text/html; charset=utf-7", ""):
            head = f'form-data; name="file"; filename="lies/{name}"'
            body = form((f"{head}\r\nContent-Type: {claimed}" if claimed else head, data))
            (one,) = added(known.ask(ANN, "POST", "/api/documents?wait=ready", body, {"Content-Type": KIND}))
            assert (name, one["kind"], one["state"]) == (name, kind, "ready" if kind else "failed")
            sent = known.ask(ANN, "GET", f"/api/documents/{one['id']}/file")
            assert sent.body == data
            assert sent.headers["content-type"] == "application/octet-stream"


def test_every_route_that_sends_bytes_sends_them_to_the_disk(known: People, routes: Routes) -> None:
    """And every other one says what it sends, which no browser may guess anew."""
    (one,) = added(upload(known, "/api/documents?wait=ready", ("page.html", b"<script>alert(1)</script>")))
    sends = [route for route in routes.all() if route.method == "GET" and route.path != "/api/documents/events"]
    binary = {route.path for route in sends if route.answers - {JSON, "text/event-stream"}}
    assert binary == {"/api/documents/{document_id}/file", "/api/backup"}  # a new one belongs into this test
    for route in sends:
        answer = known.ask(ANN, "GET", route.at(lambda _: one["id"]))
        assert answer.headers["x-content-type-options"] == "nosniff", route
        if route.path in binary:
            assert answer.headers["content-disposition"].startswith("attachment; filename="), route
            assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
            assert answer.headers["cache-control"] == "no-store"
        else:
            kind = answer.headers["content-type"].partition(";")[0]
            assert kind == JSON or route.path in ("/", "/docs", "/static/app.js"), (route, kind)


def test_a_request_is_what_its_header_says_and_no_more(known: People) -> None:
    """A boundary inside a boundary, a second type behind a comma: one reading, or none."""
    body = form(file("a.txt", "x"))
    for kind in (
        f"multipart/form-data; boundary={BOUNDARY}; boundary=other",
        f"multipart/mixed; boundary={BOUNDARY}",
        f"application/json, multipart/form-data; boundary={BOUNDARY}",
        f"text/plain; multipart/form-data; boundary={BOUNDARY}",
        "multipart/form-data",
        f"MULTIPART/FORM-DATA ; BOUNDARY={BOUNDARY}",
    ):
        assert known.ask(ANN, "POST", "/api/documents", body, {"Content-Type": kind}).status in (202, 400, 415), kind


# ---- row 24


@linux
def test_the_limits_that_a_reader_really_has(known: People) -> None:
    added(upload(known, "/api/documents?wait=ready", ("warm.md", b"words")))
    readers = [one for one in family(known) if "mecum.knowledge.reading.program" in one.cmdline()]
    assert readers
    for reader in readers:
        limits = {
            line[:26].strip(): line[26:].split()[:2] for line in Path(f"/proc/{reader.pid}/limits").read_text().splitlines()
        }
        assert limits["Max address space"] == [str(1024 * MIB)] * 2
        assert limits["Max file size"] == ["0", "0"]
        assert limits["Max core file size"] == ["0", "0"]
        assert int(limits["Max cpu time"][0]) <= 61 + sum(reader.cpu_times()[:2])
        assert reader.nice() == 10 or os.sched_getscheduler(reader.pid) == os.SCHED_IDLE
        environ = reader.environ()
        assert not [name for name in environ if name.startswith("MECUM") or "KEY" in name or "TOKEN" in name]
        assert {one.path for one in reader.open_files()} <= {os.devnull}


@linux
def test_a_reader_that_dies_takes_one_file_with_it(known: People) -> None:
    """Killed at work on it, as by a fault of native code; the next file finds another reader."""
    before = {one.pid for one in family(known)}
    names = ["slow/far-cell.xlsx", *(f"slow/{number}.md" for number in range(3))]
    contents = [hostile.far_cell_xlsx(), *(f"number {number}".encode() for number in range(3))]
    ids = [one["id"] for one in added(upload(known, "/api/documents", *zip(names, contents, strict=True)))]
    deadline = time.monotonic() + 30
    for ident in ids[1:]:
        while known.data(ANN, "GET", f"/api/documents/{ident}")["state"] != "ready":
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert settled(known, ANN, ids[0])["state"] in ("failed", "ready")
    assert known.server.process.pid in before
    assert known.data(known.token, "GET", "/api/verify") == {"faults": []}
