"""The sockets: bound and listening before anything slow starts, so that a port in use is known at once.

Which addresses may be bound is `exposure`'s to say, before. Invariant: a name is never looked up, but for `localhost`, so no
name server decides who reaches us (`tests/app/test_listen.py`).
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from mecum.errors import AddressInUse, SettingsError
from mecum.settings.reach import bare

_LOOPBACK = ("127.0.0.1", "::1")
_EVERY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 # all addresses of this machine, and which one it uses itself
_BACKLOG = 2048  # connections that wait for the program, also while it starts
_TRIES = 20  # with port 0: the port that is free on 127.0.0.1 may be taken on ::1


@dataclass(frozen=True, slots=True)
class Listening:
    """Open sockets, all with the same port. `url` is what people write, `local` what commands on this machine use."""

    sockets: tuple[socket.socket, ...]
    url: str
    local: str


@contextmanager
def listening(host: str, port: int) -> Iterator[Listening]:
    """Listen for the block. `localhost` is 127.0.0.1 and, where there is one, ::1; port 0 takes a free one.

    Raises:
        SettingsError: the host is no address of this machine, or the port may not be used.
        AddressInUse: another program listens there.
    """
    addresses = _addresses(host)
    with ExitStack() as held:
        sockets = _bound(held, addresses, port)
        taken = sockets[0].getsockname()[1]
        local = _bracketed(_EVERY.get(addresses[0], addresses[0]))
        name = "localhost" if len(addresses) > 1 else local
        yield Listening(tuple(sockets), f"http://{name}:{taken}", f"http://{local}:{taken}")


def _addresses(host: str) -> list[str]:
    name = bare(host)
    if name == "localhost":
        return list(_LOOPBACK)
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        address = None
    if address is None or "%" in name:
        raise SettingsError(
            f"server.host is {host!r}, but must be localhost or an address of this machine, such as 192.168.1.5; "
            "0.0.0.0 and :: are all of them. Names by which others know it: server.allowed_hosts."
        )
    return [str(address)]


def _bound(held: ExitStack, addresses: list[str], port: int) -> list[socket.socket]:
    for left in reversed(range(_TRIES)):
        with ExitStack() as attempt:
            try:
                sockets = _bind_all(attempt, addresses, port)
            except OSError as error:
                if error.errno == errno.EADDRINUSE and port == 0 and left:
                    continue
                raise _refused(error, addresses, port) from None
            held.push(attempt.pop_all())
            return sockets
    raise AssertionError("the last try returns or raises")


def _bind_all(held: ExitStack, addresses: list[str], port: int) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    for address in addresses:
        try:
            sockets.append(held.enter_context(_listen(address, port)))
        except OSError as error:
            if sockets and error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                continue  # no IPv6 here
            raise
        port = sockets[0].getsockname()[1]
    return sockets


def _listen(address: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    sock.settimeout(0)  # the loop asks the kernel whether it may
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port of which old connections remain is free
        if ":" in address:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
        sock.listen(_BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def _refused(error: OSError, addresses: list[str], port: int) -> AddressInUse | SettingsError:
    where = "localhost" if len(addresses) > 1 else addresses[0]
    other = port + 1 if 1024 <= port < 65535 else 8003
    if error.errno == errno.EADDRINUSE:
        return AddressInUse(
            f"Port {port} on {where} is in use by another program. Stop it, or choose another port: --port {other}."
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return SettingsError(f"mecum cannot listen on {where}: this machine has no such address. Choose another: --host.")
    reason = "this user may not use it" if error.errno == errno.EACCES else error.strerror
    return SettingsError(f"mecum cannot listen on port {port} of {where}: {reason}. Choose another one: --port {other}.")


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address
