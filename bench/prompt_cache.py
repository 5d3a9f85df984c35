"""What each turn of a grounded chat costs the engine: prompt tokens evaluated, beside those that the prompt cache kept.

    python -m bench.prompt_cache [--turns 8] [--chats 2]

The starter model answers chats that take turns, each turn with new passages of about 450 words in all; a library that finds
them without searching stands in for ours. The promise (`docs/grounding.md`) is that a turn evaluates its new context, the
last exchange and 64 tokens at most, however long the history. Prints Markdown. Takes a few minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.processes import interruptible
from bench.report import figure, machine, table
from mecum.chat.answer import Chat
from mecum.chat.gate import Gate
from mecum.chat.request import ChatRequest
from mecum.engine.embedded import Embedded
from mecum.engine.queue import Queue
from mecum.roles import NoRoles
from mecum.settings.schema import EngineSettings, Settings
from mecum.types import Hit, Message, Principal, Prompt, Query, Retrieval, Sampling, Usage

WORDS = "the of and to in is you that it he was for on are as with his they at be this have from or one had by word".split()
PASSAGES, LENGTH = 4, 112  # passages a turn, and words in each
SLACK = 64  # tokens that the promise allows besides
CONTEXT = 8192  # and one thread: tokens are counted here, and beside other programs that is quickest


class Finds:
    """A library that finds new passages for every question."""

    def __init__(self) -> None:
        self._random = random.Random(1)
        self._found = itertools.count(1)

    async def search(self, query: Query, principal: Principal) -> Retrieval:
        """Return passages of random words."""
        del principal
        hits = tuple(self._hit(index) for index in range(1, PASSAGES + 1))
        return Retrieval("ok", "hybrid", query.text, PASSAGES, 0.0, hits)

    def _hit(self, index: int) -> Hit:
        number = next(self._found)
        text = " ".join(self._random.choices(WORDS, k=LENGTH))
        return Hit(index, f"d{number}", f"Note {number}", f"/notes/{number}.md", None, f"c{number}", 0.9, text)


@dataclass(slots=True)
class Talk:
    """One conversation, its turns so far without passages, and what each has cost."""

    chat: Chat
    engine: Embedded
    turns: list[Message] = field(default_factory=list)
    rows: list[tuple[int, int, int, int]] = field(default_factory=list)

    async def say(self, question: str) -> None:
        """Ask, and note the turn's tokens: of the prompt, new, of the last exchange, evaluated."""
        history, earlier = await self._count(self.turns), await self._count(self.turns[:-2])
        self.turns.append(Message("user", question))
        text, usage = await self._answered()
        self.turns.append(Message("assistant", text))
        evaluated = usage.prompt_tokens - usage.cached_tokens
        self.rows.append((usage.prompt_tokens, usage.prompt_tokens - history, history - earlier, evaluated))

    async def _answered(self) -> tuple[str, Usage]:
        request = ChatRequest(messages=tuple(self.turns), sampling=Sampling(max_tokens=48), retrieval=True)
        answer = await self.chat.answer(request, Principal())
        try:
            deltas = [delta async for batch in answer for delta in batch]
        finally:
            await answer.aclose()
        usage = next(delta.usage for delta in deltas if delta.usage)
        return "".join(delta.content or "" for delta in deltas), usage

    async def _count(self, turns: list[Message]) -> int:
        return await self.engine.count(Prompt(self.engine.status().models[0].name, tuple(turns), Sampling())) or 0


@asynccontextmanager
async def engine() -> AsyncIterator[Embedded]:
    """Run the starter model for the block."""
    with tempfile.TemporaryDirectory(prefix="m-") as home:
        running = Embedded(Settings(home=Path(home), engine=EngineSettings(context=CONTEXT, threads=1)))
        await running.start()
        try:
            await running.ready()
            yield running
        finally:
            await running.aclose()


async def run(turns: int, chats: int) -> str:
    """Return the table, a row for each turn of the first chat."""
    async with engine() as model:
        chat = Chat(
            engine=model,
            queue=Queue(lambda _model: 4, waiting=4, timeout=60),
            roles=NoRoles(),
            library=Finds(),
            gate=Gate(),
            ready_timeout=60,
            secret=b"of a benchmark",
        )
        talks = [Talk(chat, model) for _ in range(chats)]
        for turn, talk in itertools.product(range(turns), talks):
            await talk.say(f"And what do my notes say of number {turn}?")
    worst = max(row[3] - row[1] - row[2] for talk in talks for row in talk.rows[1:])
    headers = ("turn", "prompt", "new context", "last exchange", "evaluated", "allowed")
    rows = [
        (turn, *(figure(cell, 0) for cell in (*row, row[1] + row[2] + SLACK))) for turn, row in enumerate(talks[0].rows, 1)
    ]
    return f"{table(headers, rows)}\nAt worst, after the first turn: {worst} tokens beyond new context and last exchange.\n"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=8, help="turns of each chat")
    parser.add_argument("--chats", type=int, default=2, help="chats that take turns")
    options = parser.parse_args()
    print(machine(), end="\n\n")
    with interruptible():
        print(asyncio.run(run(options.turns, options.chats)), end="")


if __name__ == "__main__":
    main()
