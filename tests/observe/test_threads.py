"""Blocking work that nobody waits for."""

from __future__ import annotations

import subprocess
import sys
import time


def test_a_disk_that_hangs_does_not_hold_up_the_end() -> None:
    code = """
import asyncio, time
from mecum.observe.threads import detached
async def main():
    task = asyncio.create_task(detached(lambda: time.sleep(60), "hangs"))
    await asyncio.sleep(0.1)
    task.cancel()
asyncio.run(main())
"""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
    assert time.monotonic() - began < 20
