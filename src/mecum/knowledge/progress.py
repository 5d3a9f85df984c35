"""What happens to documents, told to whoever follows. Nothing is stored, and nobody who is slow holds the work up.

Invariant (`tests/knowledge/test_progress.py`): a follower sees the last state of every document that changed while it
followed, in order; states in between may be left out, so that what waits for it stays bounded by the documents.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from mecum.store.values import Document


@dataclass(frozen=True, slots=True)
class Event:
    """A document that changed, or is no more (`document` is None then)."""

    kind: Literal["changed", "removed"]
    document_id: str
    document: Document | None = None


class Follower:
    """One reader of events: those that it has not read yet, the last of each document."""

    def __init__(self) -> None:
        self._events: dict[str, Event] = {}
        self._new = asyncio.Event()
        self._closed = False

    def put(self, event: Event) -> None:
        """Add an event."""
        self._events.pop(event.document_id, None)  # the newest stands last
        self._events[event.document_id] = event
        self._new.set()

    def close(self) -> None:
        """Let `next` end once everything is read."""
        self._closed = True
        self._new.set()

    async def next(self) -> Event | None:
        """Return the next event, or None at the end."""
        while not self._events:
            if self._closed:
                return None
            self._new.clear()
            await self._new.wait()
        return self._events.pop(next(iter(self._events)))

    async def wait(self, timeout: float) -> None:
        """Return when something has happened since the last call, at the latest after `timeout` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._new.wait()
        self._events.clear()
        self._new.clear()


class Progress:
    """Tells the followers of each owner what happens."""

    def __init__(self) -> None:
        self._followers: dict[str, set[Follower]] = {}

    @contextlib.contextmanager
    def following(self, owner: str) -> Iterator[Follower]:
        """Follow an owner's documents for the block."""
        follower = Follower()
        mine = self._followers.setdefault(owner, set())
        mine.add(follower)
        try:
            yield follower
        finally:
            mine.discard(follower)

    def tell(self, document: Document) -> None:
        """Say that a document changed."""
        self._send(document.owner, Event("changed", document.id, document))

    def removed(self, owner: str, document_ids: Iterable[str]) -> None:
        """Say that documents are no more."""
        for document_id in document_ids:
            self._send(owner, Event("removed", document_id))

    def close(self) -> None:
        """Let all followers end."""
        for followers in self._followers.values():
            for follower in followers:
                follower.close()

    def _send(self, owner: str, event: Event) -> None:
        for follower in self._followers.get(owner, ()):
            follower.put(event)
