"""From where a server can be reached, by the address that it listens on. Pure."""

from __future__ import annotations

import ipaddress


def this_machine_only(host: str) -> bool:
    """Return whether nobody but this machine itself reaches an address: `localhost`, or one of the loopback's."""
    name = bare(host)
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def bare(host: str) -> str:
    """Return a host as one writes it outside of a URL: in lower case, an IPv6 address without its brackets."""
    return host.lower().removeprefix("[").removesuffix("]")
