"""Runs commands on a network of their own, with a server on its default port, `localhost:8002`.

    python -m tests.clients.alone HOME [serve's options] -- COMMAND [ARGUMENT ...]

Started by `unshare -rn` (Linux), the process has a network with nothing but a loopback interface: port 8002 is free there
whatever else the machine runs, and nothing can be sent outside. The sample clients name that port, so they run here.
"""

from __future__ import annotations

import fcntl
import socket
import struct
import subprocess
import sys
from pathlib import Path

from tests.clients.server import clean_environment, serving

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1  # linux/sockios.h, linux/if.h
LIMIT = 200.0  # seconds for the command: a real answer on a busy machine
UNSHARE = ("unshare", "--map-root-user", "--net")


def raise_loopback() -> None:
    """Switch the loopback interface on, as `ip link set lo up` does, unless it is."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        name, flags, *_ = struct.unpack(
            "16sH22s", fcntl.ioctl(control, _SIOCGIFFLAGS, struct.pack("16sH22s", b"lo", 0, b""))
        )
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH22s", name, flags | _IFF_UP, b""))


def main() -> int:
    """Serve, run the command, and return its exit code."""
    arguments, command = sys.argv[1 : sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1 :]
    raise_loopback()
    home, *options = arguments
    with serving(Path(home), *options, port=None):
        return subprocess.run(command, env=clean_environment(), timeout=LIMIT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
