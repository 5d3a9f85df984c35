"""A client leaves while llama.cpp reads its prompt: how long does its slot go on working? With and without progress events.

    python -m bench.leaving

llama.cpp looks for a closed connection when a whole second has passed without a result of any task: beside busy streams
that never happens, and the prompt is read to its end for nobody. With `return_progress` (what `mecum.engine.connection`
asks for) it writes an event for each batch, and the write to the closed connection fails. The end of the work is taken from
the child's own log, because every question through its API would be a result too. Prints Markdown for `docs/engine.md`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time

from bench.engine_defaults import LONG, Arrangement, child, prompt, read
from bench.processes import interruptible
from bench.report import figure, machine, table
from mecum.engine.connection import Connection
from mecum.engine.process import Process

LOUD = 3  # llama.cpp's verbosity: it tells when a slot is released
LONGEST = 60  # seconds that are waited for that


async def seconds(streams: int, *, progress: bool) -> float:
    """Return how long the slot of a client that left went on working, beside so many running answers."""
    async with child(Arrangement(128), llama=progress, verbosity=LOUD) as (connection, process):
        others = [asyncio.create_task(_endless(connection, number)) for number in range(streams)]
        await asyncio.sleep(1.5)
        leaver = asyncio.create_task(read(connection, prompt(LONG, 1, 99), []))
        await asyncio.sleep(1)
        released = _released(process)
        leaver.cancel()
        began = time.perf_counter()
        await asyncio.gather(leaver, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LONGEST):
                while _released(process) == released:  # noqa: ASYNC110 -- it happens in another process
                    await asyncio.sleep(0.02)
        taken = time.perf_counter() - began
        for other in others:
            other.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        return taken


async def _endless(connection: Connection, number: int) -> None:
    await read(connection, prompt(12, 3000, number), [])


def _released(process: Process) -> int:
    return sum("stop processing" in line for line in process.lines)


async def run() -> str:
    """Return the table."""
    rows = []
    for streams in (0, 1, 3):
        plain, asked = await seconds(streams, progress=False), await seconds(streams, progress=True)
        rows.append((f"{streams} other answers running", figure(plain), figure(asked)))
    return table(("slot at work after the client left, s", "plain", "with progress events"), rows)


def main() -> None:
    """Measure and print."""
    print(machine(), end="\n\n")
    with interruptible():
        print(asyncio.run(run()))


if __name__ == "__main__":
    main()
