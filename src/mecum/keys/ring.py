"""The keys of this installation: made, listed, revoked; and who comes with one.

Invariants (`tests/keys/test_ring.py`): `resolve` is the only place that says who somebody is; it waits for nothing, so a
wrong key costs the store nothing. What it knows is what the store holds: one process opens the store (`rulings.md` 12), and
all that changes keys goes through here, so a key that was revoked is refused from the next request on. What it says of a bad
key depends on nothing but that key's own text, so nobody learns what other keys there are.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
import uuid
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from mecum.errors import KeyNotFound, MecumError, Unauthorized
from mecum.keys import text
from mecum.keys.limits import Limit
from mecum.store.people import KEPT, NewKey, StoredKey
from mecum.store.people import Keys as Store
from mecum.types import Principal, Scope

T = TypeVar("T")
NOTED: Final = 60.0  # seconds between two writings of when keys were used
DEFAULT_SCOPES: Final[frozenset[Scope]] = frozenset({"chat", "documents"})
_HOW: Final = "Send it as 'Authorization: Bearer mk-…'."
_MAKE: Final = "On the machine of the server, 'mecum keys create NAME' makes one."

log = logging.getLogger(__name__)


class Keyring:
    """The keys in a store, which is open from `start` on. `token` makes its bearer the owner of this machine."""

    def __init__(self, store: Store, token: str) -> None:
        self._store = store
        self._token = text.digest(token)
        self._keys: dict[bytes, StoredKey] = {}  # by what is kept of their texts
        self._limits: dict[str, Limit] = {}
        self._used: dict[str, float] = {}  # not written yet
        self._closed = True  # until the store has said otherwise
        self._changing = asyncio.Lock()  # so that memory sees changes in the order in which the store does
        self._closing = asyncio.Event()
        self._noting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the keys.

        Raises:
            StoreError: the disk is at fault.
        """
        await self._store.prune(time.time() - KEPT)
        await self._read()
        self._noting = asyncio.create_task(self._note_now_and_then(), name="keys-used")

    async def aclose(self) -> None:
        """Write down what is not yet."""
        self._closing.set()
        if self._noting is not None:
            await self._noting

    @property
    def is_open(self) -> bool:
        """Whether no key is asked for."""
        return not self._closed

    def resolve(self, authorization: str | None) -> Principal:
        """Return who comes with this Authorization header.

        Raises:
            Unauthorized: it is missing or malformed, or its key is unknown, revoked or expired.
        """
        if authorization is None:
            raise Unauthorized(f"This server asks for an API key. {_HOW} {_MAKE}", reason="missing")
        given = text.bearer(authorization)
        if given is None:
            raise Unauthorized(f"The Authorization header is malformed. {_HOW}", reason="malformed")
        found = text.digest(given)
        if hmac.compare_digest(found, self._token):
            return Principal()
        key = self._keys.get(found)  # whoever times this learns of a hash that they could not choose
        if key is None or not hmac.compare_digest(found, key.hash):
            raise Unauthorized(f"This API key is not known here. {_MAKE}")
        now = time.time()
        if not key.is_good(now):
            raise _no_longer(key)
        self._used[key.id] = now
        return Principal(owner=key.owner, scopes=key.scopes, key_id=key.id)

    def limit(self, principal: Principal) -> Limit | None:
        """Return how much somebody may ask, None for as much as they like."""
        return self._limits.get(principal.key_id) if principal.key_id is not None else None

    async def create(
        self,
        name: str,
        *,
        owner: str,
        scopes: Iterable[Scope] = DEFAULT_SCOPES,
        expires: float | None = None,
        rate: int | None = None,
        concurrency: int | None = None,
    ) -> tuple[StoredKey, str]:
        """Make a key, and return it with its text, which nobody can find out again. From now on a key is asked for.

        Raises:
            NameTaken: a key that is good has that name.
            InvalidRequest: there are as many as there may be.
        """
        words = text.new_text()
        new = NewKey(
            id=str(uuid.uuid4()),
            name=name,
            owner=owner,
            hash=text.digest(words),
            hint=text.hint(words),
            scopes=frozenset(scopes),
            expires=expires,
            rate=rate,
            concurrency=concurrency,
        )
        return await _to_the_end(self._add(new)), words

    async def list(self) -> tuple[StoredKey, ...]:
        """Return all keys, the oldest first."""
        return tuple(replace(key, last_used=self._used.get(key.id, key.last_used)) for key in await self._store.list())

    async def revoke(self, key_id: str) -> StoredKey:
        """Refuse a key from the next request on, for ever.

        Raises:
            KeyNotFound: there is none of that id.
        """
        return await _to_the_end(self._revoke(key_id))

    async def open(self) -> tuple[StoredKey, ...]:
        """Ask for no key any more. Those that were good are revoked, and returned."""
        return await _to_the_end(self._open())

    async def _add(self, new: NewKey) -> StoredKey:
        async with self._changing:
            key = await self._store.add(new)
            self._take(key)
            self._closed = True
            return key

    async def _revoke(self, key_id: str) -> StoredKey:
        async with self._changing:
            key = await self._store.revoke(key_id)
            if key is None:
                raise KeyNotFound("There is no key of this id.", param="key_id")
            self._take(key)
            return key

    async def _open(self) -> tuple[StoredKey, ...]:
        async with self._changing:
            revoked = await self._store.open()
            await self._read()
            return revoked

    async def _read(self) -> None:
        self._limits.clear()
        self._keys.clear()
        for key in await self._store.list():
            self._take(key)
        self._closed = await self._store.closed()

    def _take(self, key: StoredKey) -> None:
        self._keys[key.hash] = key
        if key.revoked is not None:
            self._limits.pop(key.id, None)
        elif key.rate is not None or key.concurrency is not None:
            self._limits[key.id] = Limit(key.rate, key.concurrency)

    async def _note_now_and_then(self) -> None:
        while not self._closing.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(NOTED):
                    await self._closing.wait()
            await self._note()

    async def _note(self) -> None:
        used, self._used = self._used, {}
        if not used:
            return
        try:
            await self._store.used(used)
        except MecumError as error:
            log.warning("when keys were used could not be written: %s", error.message)


async def _to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Await a change that no cancellation leaves half done: what the store holds and what is in memory must agree."""
    return await asyncio.shield(asyncio.create_task(work))


def _no_longer(key: StoredKey) -> Unauthorized:
    if key.revoked is not None:
        return Unauthorized(f"This API key was revoked. {_MAKE}", reason="revoked", key_id=key.id)
    day = datetime.fromtimestamp(key.expires or 0, UTC)
    return Unauthorized(f"This API key expired on {day:%Y-%m-%d}. {_MAKE}", reason="expired", key_id=key.id)
