"""What a store keeps of people: API keys, and who did what. The values, and what every store promises of them.

As in `base`, each method is one transaction, durable when it returns, and raises StoreError when the disk is at fault. Keys
and deeds are the administrator's: they are not looked at through an owner.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mecum.types import Scope

MAX_KEYS = 1000  # that were not revoked: all of them are in memory
KEPT = 90 * 86_400.0  # seconds that the audit log goes back, and that a key which is no longer good stays known


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """An API key as it is added: `hash` is the SHA-256 of its text, which is kept nowhere; `hint` is the text's end.

    `owner` is whose documents, roles and chats it opens, `scopes` what for. `expires` is in seconds since 1970. `rate` is
    the most requests in a minute, `concurrency` the most at once; None: no limit of its own.
    """

    id: str
    name: str
    owner: str
    hash: bytes
    hint: str
    scopes: frozenset[Scope]
    expires: float | None = None
    rate: int | None = None
    concurrency: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey(NewKey):
    """A key as it is stored. All times are in seconds since 1970; `last_used` is about a minute behind."""

    created: float
    revoked: float | None = None
    last_used: float | None = None

    def is_good(self, now: float) -> bool:
        """Return whether it opens anything at a time."""
        return self.revoked is None and (self.expires is None or now < self.expires)


# ---- the audit log


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Something that was done, or tried: never with a word of what is in a chat, a document or a role.

    `time` is in seconds since 1970. Who: `owner` and `key` (an id), None where no key was used; an `owner` "" is nobody that
    is known. `what` is such as "document.added", `targets` are the first ids that it was done to, `count` is to how many.
    `outcome` is "ok" or an error's code.
    """

    time: float
    what: str
    owner: str
    key: str | None = None
    targets: tuple[str, ...] = ()
    count: int = 1
    outcome: str = "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedDeed(Deed):
    """A deed in the log. `number` grows with each; `key_name` is what the key was called."""

    number: int
    key_name: str | None = None


class Keys(Protocol):
    """The API keys, of all owners. Their texts are not here, only what tells them again."""

    async def add(self, new: NewKey) -> StoredKey:
        """Add a key; from now on the store is closed (`closed`).

        Raises:
            NameTaken: a key that is good has that name.
            InvalidRequest: there are as many keys as there may be.
        """
        ...

    async def list(self) -> tuple[StoredKey, ...]:
        """Return all keys, the oldest first, also those that are no longer good."""
        ...

    async def revoke(self, key_id: str) -> StoredKey | None:
        """Say that a key is good no more, and return it; one that was revoked before stays as it is."""
        ...

    async def open(self) -> tuple[StoredKey, ...]:
        """Say that no key is asked for any more. Those that were good are revoked, and returned."""
        ...

    async def closed(self) -> bool:
        """Return whether a key is asked for: from the first one on, until `open`."""
        ...

    async def used(self, times: Mapping[str, float]) -> None:
        """Note when keys, by their ids, were last used."""
        ...

    async def prune(self, before: float) -> int:
        """Forget keys that were revoked, or expired, before a time. Returns how many."""
        ...


class Audit(Protocol):
    """Who did what, and when."""

    async def add(self, deed: Deed) -> None:
        """Add a deed."""
        ...

    async def count(self, deeds: Sequence[Deed]) -> None:
        """Add deeds to those that differ from them in nothing but their `count`."""
        ...

    async def list(
        self, *, since: float | None = None, until: float | None = None, limit: int = 100, before: int | None = None
    ) -> tuple[LoggedDeed, ...]:
        """Return deeds, the last first; of those before a number, if one is given. `since` and `until` are inclusive."""
        ...

    async def prune(self, before: float) -> int:
        """Forget what was done before a time. Returns how much."""
        ...

    async def changed(self, values: Mapping[str, str]) -> tuple[str, ...]:
        """Keep named values in place of those kept before, and return the names of those that were others then."""
        ...
