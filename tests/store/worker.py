"""A process to be killed: it changes a library at random, and says on its output what was acknowledged, line by line.

python -m tests.store.worker HOME SEED
"""

from __future__ import annotations

import asyncio
import itertools
import random
import sys
from pathlib import Path

from tests.store.library import OWNER, add, embed

from mecum.store.sqlite import Sqlite


def say(*words: str) -> None:
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


async def work(home: Path, dice: random.Random) -> None:
    store = Sqlite(home)
    await store.start()
    say("started")
    for number in itertools.count():
        path = f"{dice.randrange(8)}.txt"
        known = await store.documents.find(OWNER, "default", path)
        act = dice.choice(["add", "add", "add", "delete", "embed", "rebuild"])
        if act == "add":
            texts = [f"text {dice.randrange(20)} of {path}" for _ in range(dice.randrange(1, 30))]
            say("?", path)
            await add(store, path, *texts, f"version v{number}")
            say("!", path, f"v{number}")
        elif act == "delete" and known is not None:
            say("?", path)
            await store.documents.delete(OWNER, [known.id])
            say("!", path, "-")
        elif act == "embed":
            await embed(store, "toy-1" if number % 2 else "toy-2", batch=3)
        elif act == "rebuild":
            await store.vectors.use("toy-2", 8)
            await embed(store, "toy-2", batch=3)
            await store.vectors.swap("toy-2")


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1]), random.Random(int(sys.argv[2]))))
