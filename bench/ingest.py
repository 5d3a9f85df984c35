"""What adding documents costs: beside the bare embedder, beside a chat, and until a folder is searchable.

    python -m bench.ingest --folder DIR [--rounds 2] [--only embedder,notes,chat]

- `embedder`: a mixed folder through the whole library (read, cut, stored, embedded, published), and the same passages
  through the bare embedder, in turn. Memory is the peak of this process and its children together.
- `notes`: from the first of 1,000 notes to the last one found by its words.
- `chat`: tokens/s of the starter model on llama.cpp, alone and while a folder is being embedded, in turn.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import random
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import psutil

from bench.report import figure, machine, median, table
from mecum.app.build import build
from mecum.chat.request import ChatRequest
from mecum.engine.embedder.local import LocalEmbedder
from mecum.knowledge.library import Library, NewFile
from mecum.settings.schema import Settings
from mecum.store.sqlite import Sqlite
from mecum.types import Message, Principal, Sampling

LOCAL: Final = Principal()
NOTES: Final = 1000
WORDS: Final = 120  # of a note
TOKENS: Final = 120  # of an answer in the chat's rounds
SAMPLE: Final = 0.2  # seconds between two looks at the memory


def main() -> None:
    """Print the tables that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.ingest")
    parser.add_argument("--folder", type=Path, required=True, help="a folder of files of many kinds")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", default="embedder,notes,chat")
    options = parser.parse_args()
    files = sorted(file for file in options.folder.rglob("*") if file.is_file())
    print(machine(), "\n")
    for part in options.only.split(","):
        print(asyncio.run({"embedder": _embedder, "notes": _notes, "chat": _chat}[part](files, options.rounds)), "\n")


async def _embedder(files: list[Path], rounds: int) -> str:
    """Return the library's throughput beside the bare embedder's."""
    size = sum(file.stat().st_size for file in files)
    library, bare, searchable, memory, texts = [], [], [], [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as home:
            async with _opened(Path(home)) as opened:
                await opened.embedder.embed_passages(["warm up"])
                async with _watched() as peak:
                    begin = time.monotonic()
                    ids = await _add(opened, files)
                    await opened.wait(ids, LOCAL, until="searchable", timeout=600)
                    searchable.append(time.monotonic() - begin)
                    await opened.settled()
                    library.append(time.monotonic() - begin)
                memory.append(peak[0])
                passages = [passage for one in ids for passage in await opened.passages(one, LOCAL, limit=1000)]
                texts = list({f"{one.context}\n{one.text}".strip() for one in passages})
                begin = time.monotonic()
                await opened.embedder.embed_passages(texts)
                bare.append(time.monotonic() - begin)
    rows = [
        [
            name,
            figure(len(files) / median(seconds)),
            figure(len(texts) / median(seconds)),
            figure(size / 1e6 / median(seconds), 2),
            figure(median(bare) / median(seconds), 2),
        ]
        for name, seconds in (("the library", library), ("the bare embedder", bare))
    ]
    head = f"{len(files)} files, {size / 1e6:.1f} MB, {len(texts)} different passages; medians of {rounds} rounds in turn. "
    head += f"All found by their words after {median(searchable):.1f} s; peak memory of all processes {max(memory):.0f} MB."
    return head + "\n\n" + table(["", "documents/s", "passages/s", "MB/s", "of the bare embedder"], rows)


async def _notes(_files: list[Path], rounds: int) -> str:
    """Return how long a folder of notes takes until all of it is found by its words."""
    dice = random.Random(1)
    words = ["".join(dice.choices("abcdefghijklmnoprstuvwz", k=dice.randrange(3, 10))) for _ in range(5000)]
    seconds = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as home:
            folder = Path(home) / "notes"
            folder.mkdir()
            for number in range(NOTES):
                (folder / f"{number}.md").write_text(f"# Note {number}\n\n{' '.join(dice.choices(words, k=WORDS))}\n")
            async with _opened(Path(home)) as opened:
                begin = time.monotonic()
                ids = await _add(opened, sorted(folder.iterdir()))
                await opened.wait(ids, LOCAL, until="searchable", timeout=600)
                seconds.append(time.monotonic() - begin)
    return f"{NOTES} notes of {WORDS} words are found by their words after {median(seconds):.1f} s (median of {rounds})."


async def _chat(files: list[Path], rounds: int) -> str:
    """Return a chat's speed alone, and beside the work of adding."""
    speeds: dict[str, list[float]] = {"alone": [], "while a folder is added": []}
    with tempfile.TemporaryDirectory() as home:
        app = build(Settings(home=Path(home)))
        try:
            await app.start()
            await app.engine.ready()
            await _speed(app.chat, 0)
            for number in range(2 * rounds):
                speeds["alone"].append(await _speed(app.chat, number))
                ids = await _add(app.library, files, collection=str(number), salt=str(number))
                await app.library.wait(ids[:1], LOCAL, until="searchable", timeout=60)
                speeds["while a folder is added"].append(await _speed(app.chat, number))
                if not (await app.library.counts(LOCAL)).without_vector:
                    print("The adding had ended before the chat: take a larger folder.")
                await app.library.remove(ids, LOCAL)
                await app.library.settled()
        finally:
            await app.aclose()
    alone = median(speeds["alone"])
    rows = [
        [name, figure(median(all_)), figure(min(all_)), figure(median(all_) / alone, 2)] for name, all_ in speeds.items()
    ]
    return f"Medians of {2 * rounds} rounds in turn.\n\n" + table(["a chat", "tokens/s", "least", "of alone"], rows)


async def _speed(chat: object, number: int) -> float:
    """Return how many tokens/s an answer came with, from its first token on."""
    request = ChatRequest(
        messages=(Message("user", f"Tell a long story about the number {number}."),),
        sampling=Sampling(temperature=1, max_tokens=TOKENS, seed=number, logit_bias={"2": -100}),
    )
    first, last, tokens = 0.0, 0.0, 0
    async with contextlib.aclosing(await chat.answer(request, LOCAL)) as answer:  # type: ignore[attr-defined] # see `build`
        async for batch in answer:
            if new := sum(bool(delta.content) for delta in batch):
                last = time.monotonic()
                first = first or last
                tokens += new
    return (tokens - 1) / max(last - first, 1e-9)


@contextlib.asynccontextmanager
async def _opened(home: Path) -> AsyncIterator[Library]:
    library = Library(Sqlite(home), LocalEmbedder(home))
    await library.start()
    try:
        yield library
    finally:
        await library.aclose()


async def _add(library: Library, files: list[Path], *, collection: str = "default", salt: str = "") -> list[str]:
    """Add files; `salt` makes their texts others than before, as far as they are plain text."""
    ids = []
    for file in files:
        copy = library.temporary()
        shutil.copyfile(file, copy)
        if salt and file.suffix in (".md", ".txt", ".html"):
            copy.write_text(file.read_text(encoding="utf-8", errors="replace").replace(".", f" {salt}."), encoding="utf-8")
        content = copy.read_bytes()
        new = NewFile(
            path=str(file),
            content=copy,
            sha256=hashlib.sha256(content).hexdigest(),
            size=len(content),
            collection=collection,
        )
        ids.append((await library.add(new, LOCAL)).id)
    return ids


@contextlib.asynccontextmanager
async def _watched() -> AsyncIterator[list[float]]:
    """Yield a list whose one value is the peak memory of this process and its children so far, in MB."""
    peak = [0.0]

    async def watch() -> None:
        while True:
            total = 0
            for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
                with contextlib.suppress(psutil.Error):
                    total += process.memory_info().rss
            peak[0] = max(peak[0], total / 1e6)
            await asyncio.sleep(SAMPLE)

    task = asyncio.create_task(watch())
    try:
        yield peak
    finally:
        task.cancel()


if __name__ == "__main__":
    main()
