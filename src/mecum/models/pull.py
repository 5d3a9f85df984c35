"""`mecum pull`: from what was asked for to an installed model.

Invariants (`tests/models/test_pull.py`): nothing has its final name before all of it is there, its hashes are right where
any were promised, and its header was read (`engine.gguf`); what was pulled by the same words is there at once; a file that
is there already is never replaced; two pulls never work on one file.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from mecum.engine import gguf, identity
from mecum.errors import EngineStartError, InvalidRequest, SettingsError
from mecum.models.fetch import Brought, Fetcher, Item, check_room, disk_fault
from mecum.models.hub import Hub
from mecum.models.meter import Meter
from mecum.models.order import Desk, Order, Tell
from mecum.models.part import ENDING
from mecum.models.refusal import PullFailed
from mecum.models.shelf import PARTIAL, Installed, Shelf
from mecum.models.source import FromFile, FromHub, Source, fingerprint
from mecum.models.take import take
from mecum.models.web import SILENCE, Web, next_address
from mecum.observe.threads import detached

AT_ONCE: Final = 3  # files of a split model


@dataclass(frozen=True, slots=True)
class Pulled:
    """What came of it: the model, and whether it was not there before."""

    model: Installed
    new: bool


class Puller:
    """Brings models onto the shelf. `memory` is what is free, in bytes; `tell` says a sentence to the person."""

    def __init__(
        self, shelf: Shelf, hub: Hub, meter: Meter, *, memory: int, tell: Tell, silence: float = SILENCE, pause: float = 1.0
    ) -> None:
        self._shelf = shelf
        self._hub = hub
        self._meter = meter
        self._memory = memory
        self._tell = tell
        self._silence = silence
        self._pause = pause
        self._folder = shelf.folder / PARTIAL

    async def pull(self, source: Source, sha256: str = "") -> Pulled:
        """Bring what was asked for. `sha256` is what the person says that it must be.

        Raises:
            InvalidRequest: it cannot be brought as it was asked for.
            PullFailed, EngineStartError: it does not come, or is no model.
        """
        asked = fingerprint(self._words(source))
        if (there := self._shelf.asked_before(asked)) and (not sha256 or sha256 in there.sha256.values()):
            return Pulled(there, new=False)
        hub = self._hub if isinstance(source, FromFile) else await detached(self._signed_in, "hub")
        async with Web(hub, silence=self._silence) as web:
            desk = Desk(hub, memory=self._memory, tell=self._tell, silence=self._silence, pause=self._pause)
            order = (await desk.order(source)).promising(sha256)
            order = replace(order, origin=replace(order.origin, asked=asked))
            if there := self._there(order):
                return Pulled(there, new=False)
            with _held(self._folder, order.name):
                brought = await self._bring(web, order)
                try:
                    return Pulled(self._publish(order, brought), new=True)
                except OSError as error:
                    raise disk_fault(error, self._shelf.folder) from None

    def _signed_in(self) -> Hub:
        return self._hub.signed_in(next_address)

    def _words(self, source: Source) -> str:
        """Return what was asked for, so that the same is the same: a file is another one when it was changed."""
        if isinstance(source, FromHub):
            return f"{self._hub.endpoint} {source.repo}:{source.what or ''}@{source.revision}"
        if isinstance(source, FromFile):
            stat = source.path.stat() if source.path.is_file() else None
            return f"{source.path.absolute()} {stat and (stat.st_size, stat.st_mtime_ns)}"
        return source.url

    def _there(self, order: Order) -> Installed | None:
        """Return the model if it is there already.

        Raises:
            InvalidRequest: something else is there by that name.
        """
        taken = [item.name for item in order.items if (self._shelf.folder / item.name).exists()]
        if not taken:
            return None
        there = self._shelf.at(order.name)
        if there and not there.changed and not there.fault and there.sha256:
            promised = {item.name: item.sha256 for item in order.items}
            if all(promised.values()) and there.sha256 == promised:
                return there
        came = f", from {there.origin.source}" if there and there.origin and there.origin.source else ""
        raise InvalidRequest(
            f"There is a {taken[0]} already{came}, and nothing is replaced. First: mecum models remove {taken[0]}"
        )

    async def _bring(self, web: Web, order: Order) -> list[Brought]:
        folder, here = self._folder, dict(zip(order.items, order.here, strict=True))
        fetcher = Fetcher(web, folder, self._meter, pause=self._pause)
        sizes = [item.size for item in order.items]
        self._meter.begin(order.name, None if None in sizes else sum(size or 0 for size in sizes))
        check_room(folder, sum((item.size or 0) - _size(folder, item) for item in order.items if not here[item]))
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(item: Item) -> Brought:
            async with gate:
                if file := here[item]:
                    return await take(file, item.name, folder, self._meter, item.sha256)
                return await fetcher.bring(item)

        tasks = [asyncio.ensure_future(one(item)) for item in order.items]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _publish(self, order: Order, brought: Sequence[Brought]) -> Installed:
        """Check the headers, and give the files their names."""
        names = [item.name for item in order.items]
        _check_headers(names, brought)
        staged = dict(zip(names, [one.path for one in brought], strict=True))
        sha256 = dict(zip(names, [one.sha256 for one in brought], strict=True))
        self._shelf.record(staged, sha256, replace(order.origin, pulled=time.time()))
        for name, path in reversed(staged.items()):  # the first one last: from then on it is a model
            path.replace(self._shelf.folder / name)
            path.with_name(f"{path.name}.json").unlink(missing_ok=True)
        _settle(self._shelf.folder)
        model = self._shelf.at(names[0])
        assert model is not None  # noqa: S101 # it has just been put there
        if len(names) == 1:  # the engine need not compute it again
            identity.Hashes(self._shelf.home / "cache").remember((model.file.resolve(),), sha256[names[0]])
        if not all(one.promised for one in brought):
            self._tell(f"Nobody said which SHA-256 it must have; it has {', '.join(sha256.values())}.")
        return model


def unfinished(shelf: Shelf) -> dict[str, int]:
    """Return what was begun and did not end, by name, with the bytes that are there."""
    folder = shelf.folder / PARTIAL
    return {file.name.removesuffix(ENDING): file.stat().st_size for file in sorted(folder.glob(f"*{ENDING}"))}


def drop(shelf: Shelf, name: str) -> None:
    """Remove what was begun of a file.

    Raises:
        PullFailed: a pull is bringing it right now.
    """
    folder = shelf.folder / PARTIAL
    with _held(folder, name):
        (folder / f"{name}{ENDING}").unlink(missing_ok=True)
        (folder / f"{name}{ENDING}.json").unlink(missing_ok=True)


@contextmanager
def _held(folder: Path, name: str) -> Iterator[None]:
    """Keep others from the same file."""
    lock = FileLock(folder / f"{name}.lock", timeout=0, mode=0o600)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise PullFailed(f"A mecum pull is bringing {name}. Wait for it, or stop it.") from None
    except OSError as error:
        raise SettingsError(f"{folder} cannot be used: {error.strerror}.") from None
    try:
        yield
    finally:
        lock.release()


def _check_headers(names: Sequence[str], brought: Sequence[Brought]) -> None:
    for name, one in zip(names, brought, strict=True):
        try:
            header = gguf.read(one.path)
        except EngineStartError as error:
            one.path.unlink(missing_ok=True)
            raise type(error)(error.message.replace(f"The model {one.path}", name).replace(str(one.path), name)) from None
        count = header.values.get("split.count", len(names))
        if count != len(names):
            raise PullFailed(f"{name} says that its model has {count} files, and {len(names)} came.")


def _size(folder: Path, item: Item) -> int:
    file = folder / f"{item.name}{ENDING}"
    return file.stat().st_size if file.is_file() else 0


def _settle(folder: Path) -> None:
    """Make sure that the new names are on the disk, where a folder can be asked for that."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
