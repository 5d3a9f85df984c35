"""The connection that the hub's own client speaks over, in place of its usual one. Only `client` imports this.

Invariants (`tests/models/test_client.py`): an answer without end, or one that comes compressed, is not read; a redirect is
followed only where `Way.hop` lets it pass, without the token where that leads to another host (httpx2 sees to it).
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Final

import httpx2

from mecum.models.client import CONNECT, HOPS, TooLong, Way

LARGEST: Final = 8 * 1024 * 1024  # bytes of an answer


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


def session(way: Way) -> httpx2.Client:
    """Return a fresh connection."""

    def answered(response: httpx2.Response) -> None:
        if response.has_redirect_location:
            way.hop(str(response.url), response.headers["Location"])
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
        proxy=way.proxy,
        trust_env=False,  # the environment's proxies are looked at by `web`
    )


def _connecting(request: httpx2.Request) -> None:
    request.extensions["timeout"] = {**request.extensions.get("timeout", {}), "connect": CONNECT}
