"""A process to be killed: it changes a library at random, and says on its output what was acknowledged, line by line.

python -m tests.knowledge.adder HOME SEED
"""

from __future__ import annotations

import asyncio
import itertools
import random
import sys
from pathlib import Path

from tests.knowledge.libraries import ANN, opened, put

from mecum.engine.embedder.scripted import ScriptedEmbedder


def say(*words: str) -> None:
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


def content(path: str, version: int, dice: random.Random) -> str:
    """A text, or lines of JSON, which are a document each; the last one tells the version."""
    texts = [f"text {dice.randrange(20)} of {path}. " * 20 for _ in range(dice.randrange(1, 30))]
    if path.endswith(".jsonl"):
        lines = [f'{{"id": "{n}", "text": "{text}"}}' for n, text in enumerate([*texts, f"version v{version} of {path}"])]
        return "\n".join(lines)
    return "\n\n".join([*texts, f"version v{version} of {path}"])


async def work(home: Path, dice: random.Random) -> None:
    identity = dice.choice(["scripted-1", "scripted-1", "scripted-2"])  # now and then another embedder takes over
    async with opened(home, ScriptedEmbedder(identity=identity)) as library:
        say("started")
        for number in itertools.count():
            path = f"{dice.randrange(6)}.{dice.choice(['txt', 'jsonl'])}"
            known = await library.find(path, "default", ANN)
            say("?", path)
            if known is not None and dice.random() < 0.2:
                await library.remove([known.id], ANN)
                say("!", path, "-")
            else:
                await put(library, path, content(path, number, dice))
                say("!", path, f"v{number}")
            await asyncio.sleep(dice.choice([0, 0, 0.02, 0.2]))


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1]), random.Random(int(sys.argv[2]))))
