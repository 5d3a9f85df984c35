"""Work that ends when nobody waits for it any more (`mecum.api.leaving`)."""

from __future__ import annotations

import asyncio

import pytest

from mecum.api.leaving import uncancelled, unless


async def _forever(notes: list[str]) -> None:
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0.05)  # ends take their time, and are waited for
        notes.append("ended")


async def _soon(result: str, seconds: float = 0.01) -> str:
    await asyncio.sleep(seconds)
    return result


async def _nothing() -> None:
    return None


async def test_work_that_is_done_ends_the_watchers() -> None:
    notes: list[str] = []
    task = await unless(_soon("done"), _forever(notes), _forever(notes))
    assert (task.result(), notes) == ("done", ["ended", "ended"])
    assert len(asyncio.all_tasks()) == 1


async def test_an_end_cancels_the_work() -> None:
    notes: list[str] = []
    task = await unless(_forever(notes), _nothing())
    assert (task.cancelled(), notes) == (True, ["ended"])


async def test_who_cancels_both_cancels_all() -> None:
    notes: list[str] = []
    outer = asyncio.create_task(unless(_forever(notes), _forever(notes)))
    await asyncio.sleep(0.05)
    outer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await outer
    assert notes == ["ended", "ended"]


async def test_a_fault_stays_in_the_task() -> None:
    async def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        (await unless(fail(), _forever([]))).result()


async def test_uncancelled_work_is_finished_first() -> None:
    notes: list[str] = []

    async def work() -> None:
        await asyncio.sleep(0.1)
        notes.append("done")

    task = asyncio.create_task(uncancelled(work()))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert notes == ["done"]
    assert await uncancelled(_soon("x")) == "x"
