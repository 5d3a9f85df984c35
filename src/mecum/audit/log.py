"""The audit log: changes of keys, roles, documents and settings, and failed sign-ins; no chats (`rulings.md` 25).

Invariants (`tests/audit/test_log.py`): a deed is written down before whoever did it is told that it is done, and one that
failed with why; it names ids, never a title, a path or a text. Failed sign-ins are counted by the minute, so whoever tries a
million keys adds a row a minute. A log that cannot be written keeps nobody from their work: the server's own log says so.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from mecum.errors import MecumError
from mecum.store.people import KEPT, Deed, LoggedDeed
from mecum.store.people import Audit as Store
from mecum.types import Principal

OK: Final = "ok"
MINUTE: Final = 60.0  # seconds
MOST_TARGETS: Final = 100  # ids of one deed that are kept; its count says how many there were
_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}")
NOBODY: Final = ""  # the owner of a deed of which nobody knows whose it is

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Note:
    """What is to be written of a deed at work: to what it is done, and to how many; None: to as many as `targets`."""

    targets: Sequence[str] = ()
    count: int | None = None


class AuditLog:
    """The log in a store, which is open from `start` on. `clock` gives seconds since 1970."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._counted: Counter[Deed] = Counter()
        self._closing = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Forget what is too old, and begin.

        Raises:
            StoreError: the disk is at fault.
        """
        await self._store.prune(self._clock() - KEPT)
        self._writing = asyncio.create_task(self._write_by_the_minute(), name="audit")

    async def aclose(self) -> None:
        """Write down what is not yet."""
        self._closing.set()
        if self._writing is not None:
            await self._writing

    async def record(
        self, who: Principal, what: str, targets: Sequence[str] = (), *, count: int | None = None, outcome: str = OK
    ) -> None:
        """Write down what somebody did."""
        deed = Deed(
            time=self._clock(),
            what=what,
            owner=who.owner,
            key=who.key_id,
            targets=tuple(map(_id, targets[:MOST_TARGETS])),
            count=len(targets) if count is None else count,
            outcome=outcome,
        )
        await _attempted(self._store.add(deed))

    @asynccontextmanager
    async def doing(self, who: Principal, what: str, *targets: str) -> AsyncIterator[Note]:
        """Write down what is done in the block, and how it ended. The block may say more in the note."""
        note = Note(targets)
        outcome = "internal_error"
        try:
            yield note
            outcome = OK
        except MecumError as error:
            outcome = error.code
            raise
        except asyncio.CancelledError:
            outcome = "client_left"
            raise
        finally:
            await self.record(who, what, note.targets, count=note.count, outcome=outcome)

    def count(self, who: Principal, what: str, *, outcome: str = OK) -> None:
        """Count, by the minute, what may be done too often for a row each."""
        minute = self._clock() // MINUTE * MINUTE
        self._counted[Deed(time=minute, what=what, owner=who.owner, key=who.key_id, outcome=outcome)] += 1

    async def list(
        self, *, since: float | None = None, until: float | None = None, limit: int = 100, before: int | None = None
    ) -> tuple[LoggedDeed, ...]:
        """Return what was done, the last first; see the store's `Audit.list`."""
        await self._write_counted()
        return await self._store.list(since=since, until=until, limit=limit, before=before)

    async def settings(self, values: Mapping[str, str], secret: bytes) -> tuple[str, ...]:
        """Write down which settings are not what they were at the last start, and return their names.

        Of the values only a hash is kept that nobody can make without `secret`: some are passwords.
        """
        hashes = {
            name: hmac.new(secret, f"{name}\0{value}".encode(), hashlib.sha256).hexdigest() for name, value in values.items()
        }
        changed = await self._store.changed(hashes)
        if changed:
            await self.record(Principal(), "settings.changed", changed)
        return changed

    async def _write_by_the_minute(self) -> None:
        while not self._closing.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(MINUTE):
                    await self._closing.wait()
            await self._write_counted()
            await _attempted(self._store.prune(self._clock() - KEPT))

    async def _write_counted(self) -> None:
        counted, self._counted = self._counted, Counter()
        if counted:
            await _attempted(self._store.count([replace(deed, count=times) for deed, times in counted.items()]))


def _id(target: str) -> str:
    """Return an id as it is, and nothing of what somebody sent in the place of one."""
    return target if _ID.fullmatch(target) else "no id"


async def _attempted(writing: Awaitable[Any]) -> None:
    try:
        await writing
    except MecumError as error:
        log.error("the audit log could not be written: %s", error.message)  # noqa: TRY400 # its words say it all
