"""A port of this machine that nobody has any business at: whoever connects was made to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Trap:
    """Where it is, and what each visitor sent first, b"" if nothing."""

    port: int
    visits: list[bytes] = field(default_factory=list)

    def urls(self) -> list[str]:
        """What would lead there."""
        here = f"127.0.0.1:{self.port}"
        return [
            f"http://{here}/x",
            f"//{here}/x",
            f"http://localhost:{self.port}/x.png",
            f"ftp://{here}/x",
            f"gopher://{here}/_x",
        ]


@contextmanager
def trap() -> Iterator[Trap]:
    """Listen, in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = Trap(listener.getsockname()[1])

        def listen() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(0.5)
                    made.visits.append(b"")
                    with suppress(OSError):
                        made.visits[-1] = connection.recv(1000)

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield made
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
