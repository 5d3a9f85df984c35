"""Work that ends when nobody waits for it any more: the client leaves, or the server shuts down.

Invariant (`tests/api/test_ends.py`): when `unless` returns, the work and all that watched
for its end are over, whatever came first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.types import Receive

T = TypeVar("T")


async def unless(work: Coroutine[Any, Any, T], *ends: Coroutine[Any, Any, None]) -> asyncio.Task[T]:
    """Run work until it is done or one of `ends` is; return its task, done or cancelled."""
    task = asyncio.create_task(work)
    watchers = [asyncio.create_task(end) for end in ends]
    try:
        await asyncio.wait([task, *watchers], return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end(task, *watchers)
    return task


async def gone(receive: Receive) -> None:
    """Return when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def uncancelled(work: Coroutine[Any, Any, T]) -> T:
    """Await work; a cancellation waits for its end, so that nothing happens behind the back of who cancels."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # seen: nobody waits for it
        raise


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait until they have ended; their results and errors stay in them."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
