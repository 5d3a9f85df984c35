"""`mecum backup`: a copy of the whole library in one file, also while the server works.

Invariant (`tests/cli/test_backup.py`): the file has its name only when it is whole and on the disk; what had that name
before stays until then. Only its owner can read it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

from rich.console import Console

from mecum.cli import words
from mecum.cli.remote import Api
from mecum.cli.served import prepared, run
from mecum.cli.terminal import one_line, say
from mecum.errors import InvalidRequest
from mecum.store.sqlite.files import sync

_LONG: Final = 3600.0  # seconds until the first byte: the copy is made before


def backup(file: Path, flags: Mapping[str, Any], config: Path | None) -> None:
    """Write a backup.

    Raises:
        InvalidRequest: the file cannot be written.
        MecumError: the library cannot be reached, or is at fault.
    """
    settings = prepared(flags, config)
    target = file.expanduser().absolute()

    async def work(api: Api) -> None:
        async with api.stream("/api/backup", patience=_LONG) as pieces:
            await _copy(pieces, out)

    with _whole(target) as out, Console(stderr=True).status("copying the library", refresh_per_second=4):
        run(settings, work)
    say(f"The library is in {one_line(str(target))}, {words.size(target.stat().st_size)}. Put it back: mecum restore.")


async def _copy(pieces: AsyncIterator[bytes], out: BinaryIO) -> None:
    async for piece in pieces:
        out.write(piece)


@contextmanager
def _whole(target: Path) -> Iterator[BinaryIO]:
    """Yield a file that gets its name at the end of the block, once it is on the disk; after a failure none is left.

    Raises:
        InvalidRequest: it cannot be written.
    """
    if target.is_dir():
        raise InvalidRequest(f"{target} is a folder. Name a file: mecum backup {target / 'mecum.tar'}")
    new = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        new.replace(target)
        sync(target.parent)
    except OSError as error:
        raise InvalidRequest(f"{target} cannot be written: {error.strerror or error}. Name another file.") from None
    finally:
        new.unlink(missing_ok=True)
