"""Followers see every document's last state, in order, and their owner's documents only."""

from __future__ import annotations

import asyncio

from mecum.knowledge.progress import Event, Progress
from mecum.store.values import Document, State


def document(document_id: str, state: State, owner: str = "ann") -> Document:
    return Document(document_id, owner, "default", "p", "t", "text", 1, state, "h", 0, None, {}, None, 0.0, 0.0)


async def test_the_last_state_of_each_document_in_order() -> None:
    progress = Progress()
    with progress.following("ann") as follower:
        progress.tell(document("a", "queued"))
        progress.tell(document("b", "queued"))
        progress.tell(document("a", "ready"))
        progress.tell(document("c", "queued", owner="ben"))
        progress.removed("ann", ["b"])
        progress.close()
        events = [event async for event in _all(follower)]
    assert [(event.kind, event.document_id) for event in events] == [("changed", "a"), ("removed", "b")]
    assert events[0].document == document("a", "ready")


async def _all(follower):
    while (event := await follower.next()) is not None:
        yield event


async def test_waiting_ends_with_a_change_or_in_time() -> None:
    progress = Progress()
    with progress.following("ann") as follower:
        await asyncio.wait_for(follower.wait(0.01), 5)
        waiting = asyncio.create_task(follower.wait(60))
        await asyncio.sleep(0)
        progress.tell(document("a", "ready"))
        await asyncio.wait_for(waiting, 5)
    progress.tell(document("a", "ready"))  # nobody follows any more
    with progress.following("ann") as follower:
        progress.close()
        assert await follower.next() is None


def test_an_event_says_what_it_is_about() -> None:
    assert Event("removed", "a").document is None
