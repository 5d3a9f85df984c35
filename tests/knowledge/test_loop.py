"""Work in the background: woken, never lost, tried again."""

from __future__ import annotations

import asyncio
import logging

from mecum.errors import StoreError
from mecum.knowledge.loop import Loop


class Work:
    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.runs = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> None:
        self.runs += 1
        if self.faults:
            raise self.faults.pop(0)
        await self.gate.wait()


async def test_a_wake_up_during_the_work_runs_it_once_more() -> None:
    work = Work()
    loop = Loop("test", work)
    loop.start()
    work.gate.clear()
    loop.wake()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not loop.is_idle
    loop.wake()
    loop.wake()
    work.gate.set()
    await asyncio.wait_for(loop.idle(), 5)
    assert work.runs == 2
    await loop.aclose()


async def test_faults_are_logged_and_tried_again(caplog) -> None:
    work = Work(StoreError("The disk is full."), RuntimeError("canary"))
    loop = Loop("test", work, first=0.001)
    loop.start()
    with caplog.at_level(logging.WARNING):
        loop.wake()
        await asyncio.wait_for(loop.idle(), 5)
    assert work.runs == 3
    assert [record.getMessage() for record in caplog.records] == ["test: The disk is full.", "test failed"]
    await loop.aclose()


async def test_closing_ends_the_work_in_its_middle() -> None:
    work = Work()
    work.gate.clear()
    loop = Loop("test", work)
    loop.start()
    loop.wake()
    await asyncio.sleep(0)
    await asyncio.wait_for(loop.aclose(), 5)
    assert not loop.is_idle
    await Loop("never started", work).aclose()
