"""Where a server is, and how a connection to it is opened: TCP, TLS, or a Unix socket.

Invariants (`tests/engine/test_address.py`): only `base_url` and `unix_socket` decide where to, no variable of the
environment and no answer; what is no address is refused in words when it is first used.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote, unquote, urlsplit

from mecum.errors import EngineDown, EngineRefused

P = TypeVar("P", bound=asyncio.Protocol)
CONNECT_TIMEOUT: Final = 5  # seconds, names and TLS included
PATIENCE: Final = 1  # seconds for an address while there are others of that name: IPv6 that leads nowhere is common
KNOWN: Final = 10  # seconds that the addresses of a name are taken for still right
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,253}")


@dataclass(frozen=True, slots=True)
class Address:
    """A server's address. `host` is what is connected to, `header` what the Host header says, `path` goes before every path.

    `login` is the Authorization that a user and password in the URL ask for.
    """

    host: str
    port: int
    tls: bool
    header: str
    path: str
    login: str | None

    @classmethod
    def parse(cls, url: str) -> Address:
        """Return the address that a URL is.

        Raises:
            EngineRefused: it is none.
        """
        try:
            parts = urlsplit(url)
            tls = {"http": False, "https": True}[parts.scheme]
            host = _host(parts.hostname or "")
            port = parts.port
        except (KeyError, ValueError):
            raise EngineRefused("The engine's address cannot be understood. Check engine.base_url.") from None
        usual = 443 if tls else 80
        shown = f"[{host}]" if ":" in host else host
        return cls(
            host=host,
            port=usual if port is None else port,
            tls=tls,
            header=shown if port in (None, usual) else f"{shown}:{port}",
            path=quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~"),
            login=_login(parts.username, parts.password),
        )


def _host(name: str) -> str:
    if ":" in name:
        return str(ipaddress.IPv6Address(name))
    name = name.encode("idna").decode()
    if not _NAME.fullmatch(name):
        raise ValueError(name)
    return name


def _login(user: str | None, password: str | None) -> str | None:
    if not user:
        return None
    return "Basic " + base64.b64encode(f"{unquote(user)}:{unquote(password or '')}".encode()).decode()


class Dialer:
    """Opens connections to one address. Over a Unix socket the address only gives the Host header and the path."""

    def __init__(self, address: Address, unix_socket: Path | None = None) -> None:
        self._address = address
        self._socket = unix_socket
        self._places: list[str] = []
        self._known_until = 0.0
        self._tls: ssl.SSLContext | None = None

    async def dial(self, protocol: Callable[[], P]) -> P:
        """Open a connection and return its protocol.

        Raises:
            EngineDown: nobody is there, or not within `CONNECT_TIMEOUT`.
        """
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                if self._socket:
                    return (await asyncio.get_running_loop().create_unix_connection(protocol, str(self._socket)))[1]
                return await self._tcp(protocol)
        except TimeoutError:
            raise EngineDown("The engine does not answer.") from None
        except OSError as error:
            raise EngineDown(f"The engine cannot be reached ({_reason(error)}).") from None

    async def _tcp(self, protocol: Callable[[], P]) -> P:
        """Try the addresses of the name in turn; the one that answered is the first next time."""
        *others, last = await self._lookup()
        for place in others:
            with contextlib.suppress(OSError):  # TimeoutError is one
                async with asyncio.timeout(PATIENCE):
                    return self._preferred(place, await self._open(protocol, place))
        return self._preferred(last, await self._open(protocol, last))

    def _preferred(self, place: str, opened: P) -> P:
        self._places = sorted(self._places, key=place.__ne__)
        return opened

    async def _lookup(self) -> list[str]:
        address = self._address
        if time.monotonic() >= self._known_until:
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
            self._places = list(dict.fromkeys(_place(where) for *_, where in found))
            self._known_until = time.monotonic() + KNOWN
        return self._places

    async def _open(self, protocol: Callable[[], P], place: str) -> P:
        address = self._address
        loop = asyncio.get_running_loop()
        if not address.tls:
            return (await loop.create_connection(protocol, place, address.port))[1]
        if self._tls is None:
            self._tls = await asyncio.to_thread(_context)  # it reads the machine's certificates
        name = address.host.partition("%")[0]
        return (await loop.create_connection(protocol, place, address.port, ssl=self._tls, server_hostname=name))[1]


def _place(where: tuple[Any, ...]) -> str:
    """Return an address that a name was resolved to, with the interface that a link-local one needs."""
    return f"{where[0]}%{where[3]}" if len(where) == 4 and where[3] and "%" not in where[0] else str(where[0])


def _context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    return error.strerror or "no connection"
