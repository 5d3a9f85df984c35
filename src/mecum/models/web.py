"""Requests to the hub and to other servers of files, and what their answers mean.

Invariants (`tests/models/test_web.py`): every hop is https, or loopback from loopback; the hub's token goes to the hub's own
origin and is left out on the way to any other; no cookie is kept, no compressed body is taken; an answer that is of no use
becomes one of two errors, `Again` (worth another try) or `PullFailed` (it is not), whose words hold no address's query.
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
from mecum.errors import EngineStartError, InvalidRequest
from mecum.models.hub import Hub, sha256_in
from mecum.models.source import FromUrl, check_address
from mecum.settings.reach import this_machine_only

HOPS: Final = 5
SILENCE: Final = 60.0  # seconds without a byte, after which a connection is given up
CONNECT: Final = 30.0  # seconds for name, connection and TLS
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_PATIENCE: Final = 300.0  # seconds; a server that wants more is told of instead of waited for
_GOOD: Final = frozenset({200, 206, 416})


class PullFailed(EngineStartError):
    """A model could not be fetched; trying the same again is of no use."""


class Again(Exception):
    """It broke off, or the server is busy: another try may go on. `wait` is what the server asks for, in seconds."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.wait = wait


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
        self._origin = _origin(hub.endpoint)
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
            raise PullFailed("HF_HUB_OFFLINE is set, so nothing is fetched. Unset it, or pull a file.")
        sha256, size = "", None
        try:
            for _ in range(HOPS + 1):
                async with self._request(url, headers or {}) as response:
                    if _origin(url) == self._origin:
                        sha256 = sha256_in(response.headers.get("X-Linked-Etag", "")) or sha256
                        size = _number(response.headers.get("X-Linked-Size")) or size
                    if response.status not in _REDIRECTS:
                        self._check(url, response)
                        yield Answer(response, sha256, size)
                        return
                    url = _next(url, response.headers.get("Location", ""))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _broken(url, error) from None
        raise PullFailed(f"{_host(url)} sends from one address to the next, more than {HOPS} times.")

    @asynccontextmanager
    async def _request(self, url: str, headers: Mapping[str, str]) -> AsyncIterator[aiohttp.ClientResponse]:
        sent = dict(headers)
        address = URL(url, encoded=True)  # a signed one must go out as it came
        if self._hub.token and _origin(url) == self._origin and not address.user:
            sent["Authorization"] = f"Bearer {self._hub.token}"
        async with self._session.get(address, headers=sent, proxy=_proxy(url), allow_redirects=False) as response:
            yield response

    def _check(self, url: str, response: aiohttp.ClientResponse) -> None:
        status = response.status
        if status in _GOOD:
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise PullFailed(f"{_host(url)} sends the file compressed, which was not asked for.")
            return
        if status in (408, 425, 429) or status >= 500:
            wait = _number(response.headers.get("Retry-After"))
            if wait is not None and wait > _PATIENCE:
                raise PullFailed(f"{_host(url)} asks to come back in {wait} seconds (status {status}).")
            raise Again(f"{_host(url)} answers with status {status}", float(wait) if wait else None)
        raise PullFailed(self._refusal(url, response))

    def _refusal(self, url: str, response: aiohttp.ClientResponse) -> str:
        shown, code = FromUrl(url).shown, response.headers.get("X-Error-Code", "")
        if _origin(url) != self._origin:
            return f"{shown} is refused with status {response.status}."
        if code == "GatedRepo" or response.status == 403:
            return (
                f"{shown} is for those whom its owner let in: accept the terms on its page, and set HF_TOKEN to your token."
            )
        if response.status == 401:
            token = "the token is not good for it" if self._hub.token else "or it wants a token: HF_TOKEN"
            return f"The hub lets nobody see {shown} (status 401): there is no such repository, {token}."
        if response.status == 404:
            return f"The hub has no {shown}."
        return f"{shown} is refused with status {response.status}."


def _next(url: str, location: str) -> str:
    """Return the address that a redirect leads to, if one may go there."""
    try:
        target = str(URL(url, encoded=True).join(URL(location, encoded=True)).with_fragment(None))
        check_address(target)
    except InvalidRequest as error:
        raise PullFailed(f"{_host(url)} sends to an address that is not safe: {error.message}") from None
    except ValueError:
        raise PullFailed(f"{_host(url)} sends to something that is no address.") from None
    if this_machine_only(_host(target)) and not this_machine_only(_host(url)):
        raise PullFailed(f"{_host(url)} sends to this very machine, where nothing of its own can be.")
    return target


def _broken(url: str, error: Exception) -> Again | PullFailed:
    if isinstance(error, ssl.SSLCertVerificationError | aiohttp.ClientConnectorCertificateError):
        return PullFailed(f"The certificate of {_host(url)} is not trusted.")
    if isinstance(error, aiohttp.InvalidURL):
        return PullFailed(f"{_host(url)} sends to something that is no address.")
    if isinstance(error, TimeoutError):
        return Again(f"{_host(url)} is silent")
    if isinstance(error, aiohttp.ClientConnectorError):
        return Again(f"{_host(url)} cannot be reached ({error.os_error.strerror or 'no connection'})")
    if isinstance(error, OSError) and not isinstance(error, aiohttp.ClientError | ConnectionError):
        raise error  # of our own disk
    return Again(f"{_host(url)} broke off")


def _proxy(url: str) -> str | None:
    """Return the proxy that the environment names for an address; never one for this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if this_machine_only(host) or proxy_bypass(host):
        return None
    found = getproxies()
    return found.get(parts.scheme) or found.get("all")


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").lower(), parts.port or (443 if scheme == "https" else 80)


def _host(url: str) -> str:
    return urlsplit(url).hostname or "it"


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 19 else None
