"""`mecum add`: files, folders, patterns and stdin into the library.

Invariants (`tests/cli/test_add.py`): what was added stays, whenever and however the command ends, and the same command again
sends only what is missing; one bad file fails alone; what is held of a large folder is names and numbers, not contents.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO, Final

from rich.console import Console

from mecum.cli import added
from mecum.cli.adding import Adding, Wish
from mecum.cli.gather import Gathered, gather
from mecum.cli.served import prepared, run
from mecum.cli.terminal import note
from mecum.errors import InvalidRequest, MecumError

STDIN: Final = "-"


def add(wish: Wish, flags: Mapping[str, Any], config: Path | None) -> int:
    """Add, and tell what came of it. Return the exit code: 1 where something failed.

    Raises:
        MecumError: the library cannot be reached, or is at fault.
    """
    settings = prepared(flags, config)
    largest = int(settings.library.max_upload_mb * 2**20)
    with _stdin(wish, largest) if STDIN in wish.names else nullcontext() as piped:
        adding = Adding(wish, _gathered(wish, largest), piped)
        try:
            outcome = run(settings, adding.work)
        except KeyboardInterrupt:
            note(adding.stopped())
            raise
        except MecumError:
            if said := adding.broken():
                note(said)
            raise
    added.tell(outcome, as_json=wish.as_json)
    return 1 if outcome.failed else 0


def _gathered(wish: Wish, largest: int) -> Gathered:
    names = [name for name in wish.names if name != STDIN]
    with Console(stderr=True).status("looking for files", refresh_per_second=4) as shown:

        def told(number: int) -> None:
            shown.update(f"looking for files: {number:,}")

        return gather(names, everything=wish.everything, largest=largest, told=told)


@contextmanager
def _stdin(wish: Wish, largest: int) -> Iterator[BinaryIO]:
    """Yield what is piped in as a file that nobody else sees: Ctrl-C ends the reading, and its size is known.

    Raises:
        InvalidRequest: it has no name, or is too large.
    """
    if not wish.name:
        raise InvalidRequest("What comes from stdin needs a name: mecum add - --name NOTE.md.")
    with tempfile.TemporaryFile() as file:
        while piece := sys.stdin.buffer.read(1024 * 1024):
            if file.tell() + len(piece) > largest:
                raise InvalidRequest(f"What comes from stdin is larger than {largest} bytes (library.max_upload_mb).")
            file.write(piece)
        file.seek(0)
        yield file
