"""The connection that the hub's own client speaks over, in place of its usual one. Only `client` imports this.

Invariants (`tests/models/test_client.py`): an answer without end, or one that comes compressed, is not read; a redirect is
followed only where `hop` lets it pass, without the token where that leads to another host (httpx2 sees to it); this machine
is asked by no proxy.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Final

import httpx2

from mecum.models.client import CONNECT, HOPS, Hop, TooLong

LARGEST: Final = 8 * 1024 * 1024  # bytes of an answer
_LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")


class Limited(httpx2.SyncByteStream):
    """An answer's bytes, as many as one may have."""

    def __init__(self, stream: httpx2.SyncByteStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        """Yield them.

        Raises:
            TooLong: there are more.
        """
        left = LARGEST
        for piece in self._stream:
            left -= len(piece)
            if left < 0:
                raise TooLong
            yield piece

    def close(self) -> None:
        """Close the answer."""
        self._stream.close()


def session(hop: Hop) -> httpx2.Client:
    """Return a fresh connection. `hop` raises where a redirect may not lead."""

    def answered(response: httpx2.Response) -> None:
        if response.has_redirect_location:
            hop(str(response.url), response.headers["Location"])
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise TooLong
        if isinstance(response.stream, httpx2.SyncByteStream):
            response.stream = Limited(response.stream)

    return httpx2.Client(
        headers={"Accept-Encoding": "identity"},
        event_hooks={"request": [_connecting], "response": [answered]},
        follow_redirects=True,
        max_redirects=HOPS,
        verify=ssl.create_default_context(),  # as everything else here
        mounts={f"all://{host}": None for host in _LOOPBACK},
    )


def _connecting(request: httpx2.Request) -> None:
    request.extensions["timeout"] = {**request.extensions.get("timeout", {}), "connect": CONNECT}
