"""A client that leaves, at whatever point: all that its request held is given back within a second."""

from __future__ import annotations

import json
import logging
import socket
import struct
import time
from collections.abc import Callable, Iterator

import psutil
import pytest
from tests.api.raw import Connection, connect, head
from tests.api.server import Running, serving, wait_until
from tests.clients.wire import KERNEL2, V1, asks, post

FREED = 1.0  # seconds (`promises.md` 8)
WORKING = "!say a\n!wait 60\n!say b"
SILENT = "!silent 60"


@pytest.fixture(scope="module")
def eager() -> Iterator[Running]:
    """A server that sends a stream's headers early, with one slot."""
    with serving(slots=1, waiting=300, header_wait=0.1, keepalive=0.05, send_buffer=16 * 1024) as running:
        yield running


def _open(server: Running, script: str, *, stream: bool = True, path: str = KERNEL2) -> Connection:
    body = json.dumps(asks(script, stream=stream)).encode()
    connection = connect(server.port)
    fields = {"Host": "localhost", "Content-Type": "application/json", "Content-Length": str(len(body))}
    connection.send(head("POST", path, fields) + body)
    return connection


def _reset(connection: Connection) -> None:
    """Leave without a farewell: the server gets a reset."""
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def _say_goodbye(connection: Connection) -> None:
    """Close our half only: clients that are gone for good often look like this."""
    connection.sock.shutdown(socket.SHUT_WR)


WAYS: list[Callable[[Connection], None]] = [Connection.close, _reset, _say_goodbye]


@pytest.mark.parametrize("leave", WAYS)
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("script", [WORKING, SILENT])
def test_at_work(eager: Running, leave: Callable[[Connection], None], stream: bool, script: str) -> None:
    eager.engine.prompts.clear()
    with _open(eager, script, stream=stream) as connection:
        wait_until(lambda: len(eager.engine.prompts) == 1, 5)
        if stream:
            connection.read_until(b'"a"' if script == WORKING else b"keep-alive")
        elif script == WORKING:
            wait_until(lambda: eager.engine.open_replies == 1, 5)
        leave(connection)
        wait_until(lambda: eager.idle, FREED)


@pytest.mark.parametrize("leave", WAYS)
@pytest.mark.parametrize("stream", [True, False])
def test_in_the_queue(eager: Running, leave: Callable[[Connection], None], stream: bool) -> None:
    eager.engine.prompts.clear()
    with _open(eager, WORKING) as first:
        first.read_until(b'"a"')
        with _open(eager, "hi", stream=stream) as second:
            wait_until(lambda: eager.queue.waiting == 1, 5)
            leave(second)
            wait_until(lambda: eager.queue.waiting == 0, FREED)
        assert eager.gate.inside == 1
        assert len(eager.engine.prompts) == 1
    wait_until(lambda: eager.idle, FREED)


@pytest.mark.parametrize("mark", [b'"last"', b'"finish_reason":"stop"', b"[DONE]"])
def test_at_the_very_end(eager: Running, mark: bytes) -> None:
    """While the server puts away what is done, a client's leaving must not make it drop the rest."""
    for _ in range(20):
        with _open(eager, "!say last") as connection:
            connection.read_until(mark)
    wait_until(lambda: eager.idle, FREED)


def test_who_has_seen_the_end_finds_the_slot_free() -> None:
    with serving(slots=1, waiting=0) as server:
        for number in range(60):
            assert post(server.url, KERNEL2, asks("hi", stream=number % 2 == 0)).text() == "You said: hi"


def test_the_next_one_gets_the_slot(eager: Running) -> None:
    with _open(eager, WORKING) as first:
        first.read_until(b'"a"')
        with _open(eager, "!say next") as second:
            wait_until(lambda: eager.queue.waiting == 1, 5)
            _reset(first)
            second.read_until(b'"next"')
    wait_until(lambda: eager.idle, FREED)


@pytest.mark.parametrize("leave", [Connection.close, _reset])
def test_who_does_not_read_holds_up_the_engine_and_nothing_more(eager: Running, leave: Callable[[Connection], None]) -> None:
    """The engine's text is not piled up for a client that takes none: it stays where it is, until the client leaves."""
    with _open(eager, "!words 8000", path=V1) as connection:
        connection.read_until(b'"word1"')
        time.sleep(1)  # ample: one who reads has it all in half of that
        assert eager.engine.open_replies == 1
        leave(connection)
        wait_until(lambda: eager.idle, FREED)


def test_two_hundred_leave_nothing_behind(eager: Running, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    post(eager.url, V1, asks("hi"))
    process, tasks = psutil.Process(), eager.tasks()
    descriptors = process.num_fds()
    for number in range(200):
        script = (WORKING, SILENT, "!words 50", "hi")[number % 4]
        with _open(eager, script, stream=number % 3 > 0) as connection:
            if number % 5 == 0 and script == WORKING and number % 3:
                connection.read_until(b'"role"')
            WAYS[number % 2](connection)
    wait_until(lambda: eager.idle, FREED)
    wait_until(lambda: eager.tasks() <= tasks, FREED)
    wait_until(lambda: process.num_fds() <= descriptors, FREED)
    assert caplog.records == []
    assert post(eager.url, V1, asks("hi")).text() == "You said: hi"


def test_the_log_says_who_left(eager: Running, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with _open(eager, WORKING) as connection:
        connection.read_until(b'"a"')
    wait_until(lambda: "client left" in caplog.text, FREED)
    assert "Traceback" not in caplog.text
