"""Waiting for what other processes do, never for longer than a deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import psutil


async def until(true: Callable[[], object], seconds: float = 10) -> None:
    """Return when `true()` is."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 -- what is waited for happens in another process
            await asyncio.sleep(0.01)


def descendants() -> set[int]:
    """The processes below this one. Some are the tests' own and stay: compare with what there was before."""
    return {child.pid for child in psutil.Process().children(recursive=True)}


def gone(pid: int) -> bool:
    """Whether a process, that need not be our child, has ended. A zombie whose new parent has not fetched it yet has."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_gone(pid: int, seconds: float = 5) -> None:
    """Return when it has ended."""
    deadline = time.monotonic() + seconds
    while not gone(pid):
        assert time.monotonic() < deadline, f"process {pid} still runs"
        time.sleep(0.02)
