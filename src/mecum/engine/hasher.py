"""A program: prints the SHA-256 of files taken as one, in the time that nobody else wants the processor.

A process and not a thread, because a thread at this priority that holds Python's lock could keep the server waiting. Only
the standard library is imported: the file is run as it stands.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from pathlib import Path

CHUNK = 4 * 1024 * 1024  # bytes


def main(files: list[str]) -> None:
    """Print the hash as hex digits."""
    with contextlib.suppress(OSError):  # Linux shares time between sessions first (`frames.be_idle` has the measurement)
        Path("/proc/self/autogroup").write_text("19")
    with contextlib.suppress(OSError, AttributeError):  # where there is no such priority, the usual one
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    digest = hashlib.sha256()
    for file in files:
        with Path(file).open("rb", buffering=0) as stream:
            while data := stream.read(CHUNK):
                digest.update(data)
    sys.stdout.write(f"sha256 {digest.hexdigest()}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
