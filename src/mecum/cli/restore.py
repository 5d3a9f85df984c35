"""`mecum restore`: puts a backup in the library's place, while no server runs.

Invariant (`tests/cli/test_backup.py`): the backup is unpacked beside the library, opened and checked before anything of it
is touched, and killed at any point the library is the old one or the new one, whole (`store/sqlite/swap`).
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from rich.console import Console

from mecum.app.home import Running, find
from mecum.cli.served import prepared
from mecum.cli.terminal import one_line, plain, say
from mecum.cli.words import many
from mecum.errors import HomeInUse, InvalidRequest, StoreError, StoreFull
from mecum.roles.first import FIRST
from mecum.store.sqlite import Sqlite
from mecum.store.sqlite.store import FILE, ORIGINALS
from mecum.store.sqlite.swap import swap
from mecum.types import Principal

_ORIGINAL: Final = re.compile(rf"{ORIGINALS}/([0-9a-f]{{2}})/(\1[0-9a-f]{{62}})")
_FOLDERS: Final = re.compile(rf"\.?|{ORIGINALS}(/[0-9a-f]{{2}})?")
_PREFIX: Final = ".restore-"
_CHUNK: Final = 1024 * 1024  # bytes


class _Odd(Exception):
    """Something in the archive is not as it is in a backup."""


@dataclass(frozen=True, slots=True)
class Restored:
    """How many documents there are now, and where a library that could not be opened is kept."""

    documents: int
    kept: Path | None


def restore(file: Path, flags: Mapping[str, Any], config: Path | None, *, replace: bool) -> None:
    """Put a backup back.

    Raises:
        HomeInUse: a server runs.
        InvalidRequest: it is no backup; or something is there, and nobody said that it may go.
        StoreError: the backup is damaged, or the disk is full; the library is as it was.
    """
    settings = prepared(flags, config)
    source = file.expanduser().absolute()
    if not source.is_file():
        raise InvalidRequest(f"There is no file {one_line(str(source))}.")
    where = find(settings.home)
    if isinstance(where, Running):
        raise HomeInUse(f"The mecum server with process id {where.pid} works on the library. Stop it first: mecum stop.")
    with ExitStack() as held:
        held.callback(where.release)
        for left in settings.home.glob(f"{_PREFIX}*"):  # by one that was killed: we hold the data directory
            shutil.rmtree(left, ignore_errors=True)
        held.enter_context(Console(stderr=True).status("restoring", refresh_per_second=4))
        restored = asyncio.run(_restored(source, settings.home, replace=replace))
    say(f"The library is as in {one_line(str(source))}: {many(restored.documents, 'document')}.")
    if restored.kept:
        say(f"The one that could not be opened is kept: {one_line(str(restored.kept))}.")


async def _restored(source: Path, home: Path, *, replace: bool) -> Restored:
    if not replace:
        await _check_empty(home)
    try:
        with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=home) as name:
            new = Path(name)
            unpack(source, new)
            documents = await _checked(new)
            if replace:
                await _close_in_order(home)
            return Restored(documents, swap(new, home))
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreFull(f"The backup could not be unpacked: {reason}. The library is as it was.") from error


def unpack(source: Path, folder: Path) -> None:
    """Take a store out of a backup. Nothing but its own files comes out of it, whatever it holds.

    Raises:
        InvalidRequest: it is no backup, or a damaged one.
    """
    try:
        with tarfile.open(source, "r:") as archive:
            for member in archive:
                _take(archive, member, folder)
    except (tarfile.TarError, EOFError, _Odd) as error:
        raise InvalidRequest(
            f"{one_line(str(source))} is no backup of mecum's, or a damaged one: {plain(str(error))}."
        ) from None
    if not (folder / FILE).exists():
        raise InvalidRequest(f"{one_line(str(source))} is no backup of mecum's: there is no {FILE} in it.")


def _take(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    name = member.name.removeprefix("./")
    original = _ORIGINAL.fullmatch(name)
    if member.isdir() and _FOLDERS.fullmatch(name):
        return
    content = archive.extractfile(member) if member.isreg() and (original or name == FILE) else None
    if content is None:
        raise _Odd(f"{one_line(name)} does not belong in one")
    target = folder / name
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = _copy(content, target)
    if original and found != original[2]:
        raise _Odd(f"{name} holds something else")


def _copy(content: IO[bytes], target: Path) -> str:
    """Copy a file, and return its SHA-256."""
    digest = hashlib.sha256()
    target.touch(mode=0o600)
    with content, target.open("wb") as out:
        while piece := content.read(_CHUNK):
            digest.update(piece)
            out.write(piece)
    return digest.hexdigest()


async def _checked(folder: Path) -> int:
    """Open an unpacked store and look whether it is whole. Return how many documents it holds."""
    store = Sqlite(folder)
    await store.start()
    try:
        faults = await store.check(originals=True)
        if faults:
            raise StoreError(f"The backup is damaged, and the library is as it was. {plain(faults[0])}")
        return await _documents(store, await _owners(store))
    finally:
        await store.aclose()


async def _owners(store: Sqlite) -> set[str]:
    """Return whose documents a store may hold."""
    return {Principal().owner, *(key.owner for key in await store.keys.list())}


async def _documents(store: Sqlite, owners: Iterable[str]) -> int:
    return sum([sum((await store.documents.counts(owner)).documents.values()) for owner in owners])


async def _check_empty(home: Path) -> None:
    """Look whether there is anything that would be lost.

    Raises:
        InvalidRequest: there is.
        StoreStartError: nobody can tell.
    """
    if not (home / FILE).exists():
        return
    store = Sqlite(home)
    await store.start()
    try:
        owners, keys = await _owners(store), await store.keys.list()
        documents = await _documents(store, owners)
        first = {(role.name, role.system_prompt) for role in FIRST}
        roles = [role for owner in owners for role in await store.roles.list(owner)]
        roles = [role for role in roles if (role.name, role.system_prompt) not in first]
    finally:
        await store.aclose()
    good = sum(key.is_good(time.time()) for key in keys)
    if documents or roles or good:
        what = f"{many(documents, 'document')} and {many(len(roles), 'role')} of your own"
        what += f", and {many(good, 'key')}" if good else ""
        raise InvalidRequest(f"The library has {what}. To put the backup in their place: --replace.")


async def _close_in_order(home: Path) -> None:
    """Finish what a kill left unfinished, so that the database is one file. One that cannot be opened stays as it is."""
    if not (home / FILE).exists():
        return
    store = Sqlite(home)
    try:
        await store.start()
    except StoreError:
        return
    await store.aclose()
