"""Requests byte by byte, for what no HTTP client would send."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass

from tests.clients.wire import Answer


@dataclass
class Connection:
    """An open connection to a server."""

    sock: socket.socket

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def read_until(self, mark: bytes) -> bytes:
        """Return what comes, up to a mark."""
        data = b""
        while mark not in data:
            piece = self.sock.recv(65536)
            assert piece, f"the connection ended before {mark!r} came: {data!r}"
            data += piece
        return data

    def read_to_end(self) -> bytes:
        """Return what comes until the server closes."""
        data = b""
        while piece := self.sock.recv(65536):
            data += piece
        return data

    def close(self) -> None:
        self.sock.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect(port: int, *, timeout: float = 10) -> Connection:
    """Open a connection; `timeout` seconds bound each read."""
    return Connection(socket.create_connection(("127.0.0.1", port), timeout=timeout))


def head(method: str, path: str, headers: Mapping[str, str] | list[tuple[str, str]], *, version: str = "1.1") -> bytes:
    """Return a request's head with exactly these headers."""
    pairs = headers if isinstance(headers, list) else list(headers.items())
    lines = [f"{method} {path} HTTP/{version}", *(f"{name}: {value}" for name, value in pairs)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def exchange(port: int, request: bytes) -> Answer:
    """Send a request that asks for the connection's end, and return the answer."""
    with connect(port) as connection:
        connection.send(request)
        return answer_of(connection.read_to_end())


def answer_of(data: bytes) -> Answer:
    """Return a whole response (not a chunked one) as it came."""
    top, _, body = data.partition(b"\r\n\r\n")
    status, *lines = top.decode("latin-1").split("\r\n")
    headers = [line.split(": ", 1) for line in lines]
    return Answer(int(status.split()[1]), {name.lower(): value for name, value in headers}, body)
