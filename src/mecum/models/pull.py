"""`mecum pull`: from what was asked for to an installed model.

Invariants (`tests/models/test_pull.py`, `test_pull_folder.py`): nothing has its final name before all of it is there, its
hashes are right where any were promised, and it was looked at (`package`); what was pulled by the same words is there at
once; what is there already is never replaced; two pulls never work on one model.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from mecum.engine import identity
from mecum.errors import InvalidRequest
from mecum.models.fetch import Brought, Fetcher, Item, check_room, disk_fault
from mecum.models.folder import SHALLOW, files_in, root_of
from mecum.models.hub import Hub
from mecum.models.installed import Installed
from mecum.models.meter import Meter
from mecum.models.order import Desk, Order
from mecum.models.part import ENDING
from mecum.models.processor import Processor
from mecum.models.selection import Selector, Tell
from mecum.models.shelf import PARTIAL, Shelf
from mecum.models.source import FromFile, FromHub, Source, fingerprint
from mecum.models.take import take
from mecum.models.unfinished import held
from mecum.models.web import SILENCE, Web, way_to
from mecum.observe.threads import detached

AT_ONCE: Final = 3  # files of a model


@dataclass(frozen=True, slots=True)
class Pulled:
    """What came of it: the model, and whether it was not there before."""

    model: Installed
    new: bool


class Puller:
    """Brings models onto the shelf. `memory` is what is free, in bytes; `tell` says a sentence to the person."""

    def __init__(
        self,
        shelf: Shelf,
        hub: Hub,
        meter: Meter,
        *,
        memory: int,
        tell: Tell,
        processor: Processor | None = None,
        silence: float = SILENCE,
        pause: float = 1.0,
    ) -> None:
        self._shelf = shelf
        self._hub = hub
        self._meter = meter
        self._selector = Selector(memory=memory, processor=processor or Processor.here(), tell=tell)
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
            desk = Desk(hub, self._selector, silence=self._silence, pause=self._pause)
            order = (await desk.order(source)).promising(sha256)
            order = replace(order, origin=replace(order.origin, asked=asked))
            if there := self._there(order):
                return Pulled(there, new=False)
            with held(self._folder, order.name):
                if there := self._there(order):  # another pull brought it since
                    return Pulled(there, new=False)
                try:
                    brought = await self._bring(web, order)
                    return Pulled(self._publish(order, brought), new=True)
                except OSError as error:
                    raise disk_fault(error, self._shelf.folder) from None

    def _signed_in(self) -> Hub:
        return self._hub.signed_in(way_to(self._hub.endpoint))

    def _words(self, source: Source) -> str:
        """Return what was asked for, so that the same is the same: a file is another one when it was changed.

        Raises:
            InvalidRequest: a file of this machine cannot be looked at.
        """
        if isinstance(source, FromHub):
            return f"{self._hub.endpoint} {source.repo}:{source.what or ''}@{source.revision}"
        if isinstance(source, FromFile):
            try:
                return f"{source.path.absolute()} {_stamps(source.path)}"
            except OSError as error:
                raise InvalidRequest(f"{error.filename or source.path} cannot be taken: {error.strerror}.") from None
        return source.url

    def _there(self, order: Order) -> Installed | None:
        """Return the model if it is there already.

        Raises:
            InvalidRequest: something else is there by that name.
        """
        taken = [name for name in order.package.taking if (self._shelf.folder / name).exists()]
        if not taken:
            return None
        there = self._shelf.at(order.name)
        if there and not there.changed and not there.fault and there.sha256 and _is_same(there, order):
            return there
        came = f", from {there.origin.source}" if there and there.origin and there.origin.source else ""
        raise InvalidRequest(
            f"There is a {taken[0]} already{came}, and nothing is replaced. First: mecum models remove {taken[0]}"
        )

    async def _bring(self, web: Web, order: Order) -> Mapping[str, Brought]:
        """Bring all files: those that were ordered, and those that the model then says that it needs."""
        folder = order.package.place(self._folder)
        fetcher = Fetcher(web, folder, self._meter, pause=self._pause)
        self._meter.begin(order.name, _total(order.items))
        brought = await self._all(order.items, fetcher, folder)
        model = brought[order.items[0].name].path
        further = order.wanted(await asyncio.to_thread(order.package.further, model, self._folder))
        if further and self._meter.total is not None:
            self._meter.total += _total(further) or 0
        return {**brought, **await self._all(further, fetcher, folder)}

    async def _all(self, items: Sequence[Item], fetcher: Fetcher, folder: Path) -> dict[str, Brought]:
        check_room(self._folder, sum((item.size or 0) - _size(folder, item) for item in items if not item.here))
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(item: Item) -> Brought:
            async with gate:
                return await (take(item, item.here, folder, self._meter) if item.here else fetcher.bring(item))

        tasks = {item.name: asyncio.ensure_future(one(item)) for item in items}
        try:
            return dict(zip(tasks, await asyncio.gather(*tasks.values()), strict=True))
        finally:
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)

    def _publish(self, order: Order, brought: Mapping[str, Brought]) -> Installed:
        """Look at what came, and give it its name."""
        sha256 = {name: one.sha256 for name, one in brought.items()}
        checked = order.package.checked({name: one.path for name, one in brought.items()}, self._folder)
        self._shelf.record(order.name, checked, sha256, replace(order.origin, pulled=time.time()))
        order.package.publish(checked, self._shelf.folder)
        model = self._shelf.at(order.name)
        assert model is not None  # noqa: S101 # it has just been put there
        if len(sha256) == 1:  # the engine need not compute it again
            identity.Hashes(self._shelf.home / "cache").remember((model.file.resolve(),), sha256[order.name])
        if not all(one.promised for one in brought.values()):
            self._tell(f"Nobody said which SHA-256 {_has(sha256)}.")
        return model


def _has(sha256: Mapping[str, str]) -> str:
    if len(sha256) == 1:
        return f"it must have; it has {', '.join(sha256.values())}"
    shown = ", ".join(f"{value} ({name})" for name, value in sha256.items() if not name.endswith(".json"))
    return f"its files must have; they have {shown}"


def _is_same(there: Installed, order: Order) -> bool:
    """Return whether what is there is what was ordered: by the hashes, or by its source at the same commit."""
    promised = {item.name: item.sha256 for item in order.items}
    if all(promised.values()):
        return there.sha256 == promised
    origin = there.origin
    return bool(
        order.origin.revision
        and origin
        and (origin.source, origin.revision) == (order.origin.source, order.origin.revision)
        and set(there.sha256) >= set(promised)
    )


def _total(items: Sequence[Item]) -> int | None:
    sizes = [item.size for item in items]
    return None if None in sizes else sum(size or 0 for size in sizes)


def _stamps(path: Path) -> list[tuple[str, int, int]]:
    folder = root_of(path)
    files = files_in(folder, SHALLOW) if folder else [path] if path.is_file() else []
    return [_stamp(file) for file in files]


def _stamp(file: Path) -> tuple[str, int, int]:
    stat = file.stat()
    return str(file), stat.st_size, stat.st_mtime_ns


def _size(folder: Path, item: Item) -> int:
    file = folder / f"{item.name}{ENDING}"
    return file.stat().st_size if file.is_file() else 0
