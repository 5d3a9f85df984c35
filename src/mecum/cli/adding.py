"""One adding while it goes on: compares, sends, and follows what becomes of it until all is as far as it can get.

News come as events; the counts tell what no event does (vectors of a large file that is half done), and where they say that
nothing is left to do, what still seems to wait is looked at itself. So no lost event makes a command wait for ever
(`tests/cli/test_add.py`).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from mecum.cli import inventory, upload
from mecum.cli.added import Outcome
from mecum.cli.gather import Failed, Gathered
from mecum.cli.progress import showing
from mecum.cli.remote import Api
from mecum.cli.tally import Tally
from mecum.cli.upload import DOCUMENTS, Sendable
from mecum.cli.words import many
from mecum.errors import MecumError, NotFound
from mecum.types import Json

_POLL: Final = 1.0  # seconds between looks at the library's counts, at least
_SHARE: Final = 20  # times as long as counting takes; that is long in a large library


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be added, and how. `name` is the label of what comes from stdin."""

    names: Sequence[str]
    collection: str
    name: str | None = None
    everything: bool = False
    wait: bool = True
    as_json: bool = False


class Adding:
    """Adds what was gathered, and what is piped in."""

    def __init__(self, wish: Wish, gathered: Gathered, piped: BinaryIO | None) -> None:
        self._wish = wish
        self._gathered = gathered
        self._piped = piped
        self._failed: list[Failed] = list(gathered.failed)
        self._unchanged = 0
        self._here = True
        self._counts: Json | None = None
        self._connected = asyncio.Event()
        self._news = asyncio.Event()
        self._tally = Tally("ready" if wish.wait else "searchable", began=time.monotonic())

    async def work(self, api: Api) -> Outcome:
        """Do all of it, and return what came of it.

        Raises:
            MecumError: the server is at fault, or gone.
        """
        self._here = api.here
        began = time.monotonic()
        with showing(self._tally):
            await _first_of(self._send(api), self._follow(api), self._poll(api))
        return Outcome(
            documents=tuple(self._tally.documents),
            unchanged=self._unchanged,
            not_sent=tuple(self._failed),
            skipped=self._gathered.skipped,
            embedder=self._counts["embedder"] if self._counts else {},
            waited=self._wish.wait,
            here=api.here,
            seconds=time.monotonic() - began,
        )

    def stopped(self) -> str:
        """Return what there is to say after Ctrl-C."""
        tally = self._tally
        if not tally.files:
            return "stopped, before anything was sent."
        if tally.stored < tally.files:
            return f"stopped: {self._there()} The same command again adds the others."
        who = "The same command again, or mecum serve, goes on with them." if self._here else "The server goes on with them."
        return f"stopped: {self._there()} {who}"

    def broken(self) -> str:
        """Return what there is to say when the server is at fault, or gone."""
        return f"{self._there()} The same command again goes on." if self._tally.stored else ""

    def _there(self) -> str:
        return f"{self._tally.stored:,} of {many(self._tally.files, 'file')} are in the library, and stay there."

    async def _send(self, api: Api) -> None:
        await self._connected.wait()  # from now on no news is missed
        found = await inventory.compare(api, self._gathered.roots, self._gathered.files, self._wish.collection)
        self._unchanged = found.unchanged
        sizes = [document["size"] for document in found.unfinished] + [file.size for file in found.send]
        self._tally.expect(len(sizes), sum(sizes))
        for document in found.unfinished:
            self._tally.mine(document)
        if self._piped is not None:
            self._tally.expect(1, os.fstat(self._piped.fileno()).st_size)
            file = Sendable(self._wish.name or "", self._piped)
            self._take([await upload.send_one(api, file, self._wish.collection)])
        for batch in upload.batches(found.send):
            self._take(await upload.send(api, batch, self._wish.collection))
        while self._tally.waiting:
            self._news.clear()
            await self._news.wait()

    def _take(self, answers: Iterable[Json | Failed]) -> None:
        for answer in answers:
            if isinstance(answer, Failed):
                self._failed.append(answer)
                self._tally.lose()
            else:
                self._tally.mine(answer)

    async def _follow(self, api: Api) -> None:
        async for event in api.events(f"{DOCUMENTS}/events"):
            if event["type"] == "counts":
                self._count(event["counts"])
                self._connected.set()
            else:
                self._tally.hear(event["document_id"], event.get("document"))
                self._news.set()
        raise MecumError("The server ended.")

    async def _poll(self, api: Api) -> None:
        pause = _POLL
        while True:
            await asyncio.sleep(pause)
            began = time.monotonic()
            counts = await api.get(f"{DOCUMENTS}/counts")
            pause = max(_POLL, _SHARE * (time.monotonic() - began))
            self._count(counts)
            if not any(counts["documents"].get(state) for state in self._tally.unfinished):
                await self._look(api)

    def _count(self, counts: Json) -> None:
        self._counts = counts
        self._tally.vectors(counts, time.monotonic())
        self._news.set()

    async def _look(self, api: Api) -> None:
        """Look at the documents that still seem to wait, one by one."""
        for document_id in self._tally.waiting:
            try:
                self._tally.hear(document_id, await api.get(f"{DOCUMENTS}/{document_id}"))
            except NotFound:
                self._tally.hear(document_id, None)
        self._news.set()


async def _first_of(*works: Coroutine[Any, Any, None]) -> None:
    """Await works until the first of them is done; the others end with it. Errors as it has them."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
