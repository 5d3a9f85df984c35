"""What happens to the documents, as it happens."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.api.raw import Connection, connect, head
from tests.api.server import wait_until
from tests.api.uploads import DOCUMENTS, add, call, data, file
from tests.api.whole import Whole, whole
from tests.clients.wire import request

EVENTS = f"{DOCUMENTS}/events"


class Stream:
    """A stream of events, read as they come."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        top, _, self._rest = connection.read_until(b"\r\n\r\n").partition(b"\r\n\r\n")
        self.head = top.decode().lower()
        self.comments = 0

    def next(self) -> dict[str, Any]:
        """The next event; chunked transfer's own lines are passed over."""
        while True:
            while b"\n\n" not in self._rest:
                self._rest += self._connection.sock.recv(65536)
            event, _, self._rest = self._rest.partition(b"\n\n")
            line = event.rpartition(b"\r\n")[2]
            if line.startswith(b"data: "):
                return dict(json.loads(line.removeprefix(b"data: ")))
            assert line == b": keep-alive"
            self.comments += 1

    def until(self, kind: str, state: str | None = None) -> dict[str, Any]:
        """The next event of a kind, of a document in that state."""
        while True:
            event = self.next()
            if event["type"] == kind and (state is None or event["document"]["state"] == state):
                return event


@contextmanager
def following(server: Whole) -> Iterator[Stream]:
    with connect(server.port) as connection:
        connection.send(head("GET", EVENTS, {"Host": "localhost"}))
        yield Stream(connection)


def test_from_the_counts_on(library: Whole) -> None:
    with following(library) as stream:
        assert "content-type: text/event-stream; charset=utf-8" in stream.head
        assert "cache-control: no-cache, no-transform" in stream.head
        first = stream.next()
        assert first == {"type": "counts", "counts": data(call(library, "GET", f"{DOCUMENTS}/counts"))}
        (document,) = add(library, file("a.txt", "some words"))
        event = stream.until("changed", "ready")
        assert event == {"type": "changed", "document_id": document["id"], "document": document}
        call(library, "PATCH", f"{DOCUMENTS}/{document['id']}", {"path": "b.txt"})
        assert stream.next()["document"]["path"] == "b.txt"
        call(library, "DELETE", f"{DOCUMENTS}/{document['id']}")
        assert stream.next() == {"type": "removed", "document_id": document["id"], "document": None}


def test_an_event_is_one_line_to_every_reader(library: Whole) -> None:
    """Python's `splitlines` ends lines at U+2028, U+0085 and others, too, which a document's metadata may hold."""
    with following(library) as stream:
        stream.next()
        document = {"path": "é.txt", "text": "x", "metadata": {"a": "one\u2028two\x85three\x1cfour"}}
        call(library, "POST", f"{DOCUMENTS}?wait=ready", {"documents": [document]})
        stream._connection.sock.settimeout(5)
        raw = stream._rest + stream._connection.read_until(b'"ready"')
        event = raw[raw.index(b"data: ") :].partition(b"\n\n")[0]
        assert event.isascii()
        assert len(event.decode().splitlines()) == 1
        assert json.loads(event.removeprefix(b"data: "))["document"]["metadata"] == document["metadata"]


def test_it_is_never_silent_for_long(library: Whole) -> None:
    with following(library) as stream:
        stream.next()
        began = time.monotonic()
        time.sleep(1.5)
        call(library, "POST", DOCUMENTS, {"documents": [{"path": "a", "text": "x"}]})
        stream.next()
        assert 2 <= stream.comments <= 1 + (time.monotonic() - began) / 0.3


def test_a_client_that_leaves(library: Whole) -> None:
    process = psutil.Process(library.process.pid)
    request(library.url, "GET", "/livez")
    descriptors = process.num_fds()
    for _ in range(30):
        with following(library) as stream:
            stream.next()
    wait_until(lambda: process.num_fds() <= descriptors, 5)


def test_only_its_head(library: Whole) -> None:
    answer = request(library.url, "HEAD", EVENTS)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")


@pytest.mark.parametrize("waiting", [False, True])
def test_it_ends_when_the_server_does(tmp_path: Path, waiting: bool) -> None:
    with whole(tmp_path / "home") as server:
        with following(server) as stream:
            stream.next()
            if waiting:
                with connect(server.port) as other:
                    body = json.dumps({"documents": [{"path": "a", "text": "x"}]}).encode()
                    fields = {"Host": "localhost", "Content-Type": "application/json", "Content-Length": str(len(body))}
                    other.send(head("POST", f"{DOCUMENTS}?wait=ready", fields) + body)
                    stream.until("changed")
                    server.process.terminate()
                    assert b" 202 " in other.read_until(b"\r\n")
            else:
                server.process.terminate()
            began = time.monotonic()
            assert stream._connection.read_to_end().endswith(b"0\r\n\r\n")
            assert time.monotonic() - began < 5
        server.process.wait(20)
    assert "cancel" not in server.log.read_text().lower()
