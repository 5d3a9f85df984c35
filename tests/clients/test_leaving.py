"""Clients leave as they please: nothing of what they held stays behind.

openai-python closes its connection when it has read `[DONE]`, often before the response's last byte: the server must take
that for what it is, the end.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator

import pytest
from tests.clients.server import Server, is_idle, serving
from tests.clients.wire import KERNEL2, asks

ROUNDS = 200


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of its own: one that leaks its slots answers nobody any more."""
    with serving(tmp_path_factory.mktemp("leaving"), "--demo", env={"MECUM_SERVER_DRAIN_TIMEOUT": "1"}) as made:
        yield made


def leave_after(server: Server, text: str, last: bytes) -> None:
    """Ask, read until `last` has come, and hang up."""
    body = json.dumps(asks(text, stream=True)).encode()
    lines = [f"POST {KERNEL2} HTTP/1.1", "Host: localhost", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    head = "\r\n".join([*lines, "", ""])
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(head.encode() + body)
        read = b""
        while last not in read:
            piece = connection.recv(65536)
            assert piece, read
            read += piece


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("hi", b"data: [DONE]"),  # at the very end
        ("hi", b"200 OK"),  # at the headers
        ("!pause 0.001\n!words 999", b"word7"),  # in the middle
        ("!wait 0.001\n!break", b"engine_error"),  # at an error
    ],
)
def test_nothing_stays_behind(server: Server, text: str, last: bytes) -> None:
    began = time.monotonic()
    for _ in range(ROUNDS):
        leave_after(server, text, last)
        assert time.monotonic() - began < 20, "slots are held for clients that have left"
    assert is_idle(server), "slots are held for clients that have left"
