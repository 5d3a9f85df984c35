"""Requests to the hub and to other servers of files, and what their answers mean.

Invariants (`tests/models/test_web.py`): every hop is https, or loopback from loopback; the hub's token goes to the hub's own
origin and is left out on the way to any other; no cookie is kept, no compressed body is taken; an answer that is of no use
is an error (`refusal`).
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from mecum import __version__
from mecum.errors import InvalidRequest
from mecum.models.client import CONNECT, HOPS, Way
from mecum.models.hub import Hub, sha256_in
from mecum.models.refusal import OFFLINE, Again, PullFailed, host, number, origin, refused
from mecum.models.source import check_address
from mecum.settings.reach import this_machine_only

SILENCE: Final = 60.0  # seconds without a byte, after which a connection is given up
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_GOOD: Final = frozenset({200, 206, 416})


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: 200, 206 or 416. `sha256` and `linked_size` are what the hub said before it sent us elsewhere."""

    response: aiohttp.ClientResponse
    sha256: str
    linked_size: int | None


class Web:
    """The way out, as a context manager."""

    def __init__(self, hub: Hub, *, silence: float = SILENCE) -> None:
        self._hub = hub
        self._origin = origin(hub.endpoint)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT, sock_read=silence)
        self._session = aiohttp.ClientSession(
            timeout=timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers={"User-Agent": f"mecum/{__version__}", "Accept-Encoding": "identity"},
        )

    async def __aenter__(self) -> Web:
        """Return itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all connections."""
        await self._session.close()

    @asynccontextmanager
    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> AsyncIterator[Answer]:
        """Ask for `url`, following it where it leads, and yield the answer.

        Raises:
            Again, PullFailed: there is none, or one that is of no use.
        """
        if self._hub.offline:
            raise PullFailed(OFFLINE)
        sha256, size = "", None
        try:
            for _ in range(HOPS + 1):
                async with self._request(url, headers or {}) as response:
                    if origin(url) == self._origin:
                        sha256 = sha256_in(response.headers.get("X-Linked-Etag", "")) or sha256
                        size = number(response.headers.get("X-Linked-Size")) or size
                    if response.status not in _REDIRECTS:
                        self._check(url, response)
                        yield Answer(response, sha256, size)
                        return
                    url = next_address(url, response.headers.get("Location", ""))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _broken(url, error) from None
        raise PullFailed(f"{host(url)} sends from one address to the next, more than {HOPS} times.")

    @asynccontextmanager
    async def _request(self, url: str, headers: Mapping[str, str]) -> AsyncIterator[aiohttp.ClientResponse]:
        sent = dict(headers)
        address = URL(url, encoded=True)  # a signed one must go out as it came
        if self._hub.token and origin(url) == self._origin and not address.user:
            sent["Authorization"] = f"Bearer {self._hub.token}"
        async with self._session.get(address, headers=sent, proxy=_proxy(url), allow_redirects=False) as response:
            yield response

    def _check(self, url: str, response: aiohttp.ClientResponse) -> None:
        if response.status not in _GOOD:
            raise refused(self._hub, url, response.status, response.headers)
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise PullFailed(f"{host(url)} sends the file compressed, which was not asked for.")


def next_address(url: str, location: str) -> str:
    """Return the address that a redirect leads to, if one may go there.

    Raises:
        PullFailed: one may not.
    """
    try:
        target = str(URL(url, encoded=True).join(URL(location, encoded=True)).with_fragment(None))
        check_address(target)
    except InvalidRequest as error:
        raise PullFailed(f"{host(url)} sends to an address that is not safe: {error.message}") from None
    except ValueError:
        raise PullFailed(f"{host(url)} sends to something that is no address.") from None
    if this_machine_only(host(target)) and not this_machine_only(host(url)):
        raise PullFailed(f"{host(url)} sends to this very machine, where nothing of its own can be.")
    return target


def way_to(url: str) -> Way:
    """Return how the hub's own client goes to an address: as everything here does."""
    return Way(next_address, _proxy(url))


def _broken(url: str, error: Exception) -> Again | PullFailed:
    if isinstance(error, ssl.SSLCertVerificationError | aiohttp.ClientConnectorCertificateError):
        return PullFailed(f"The certificate of {host(url)} is not trusted.")
    if isinstance(error, aiohttp.InvalidURL):
        return PullFailed(f"{host(url)} sends to something that is no address.")
    if isinstance(error, TimeoutError):
        return Again(f"{host(url)} is silent")
    if isinstance(error, aiohttp.ClientConnectorError):
        return Again(f"{host(url)} cannot be reached ({error.os_error.strerror or 'no connection'})")
    if isinstance(error, OSError) and not isinstance(error, aiohttp.ClientError | ConnectionError):
        raise error  # of our own disk
    return Again(f"{host(url)} broke off")


def _proxy(url: str) -> str | None:
    """Return the proxy that the environment names for an address; never one for this machine."""
    name, scheme = urlsplit(url).hostname or "", urlsplit(url).scheme
    if this_machine_only(name) or proxy_bypass(name):
        return None
    found = getproxies()
    proxy = found.get(scheme) or found.get("all")
    if proxy and not proxy.lower().startswith(("http://", "https://")):
        raise PullFailed(
            f"The proxy that the environment names for {name} does not begin with http:// or https://, and no other kind is "
            "known here: set HTTPS_PROXY, or NO_PROXY."
        )
    return proxy
