"""`python -m bench.onnx_folder FOLDER`: what an ONNX embedder takes, and whether batches of texts would make it faster.

Ours runs each text by itself, a core each. The others are the same graph in onnxruntime with texts of like length side by
side, padded to the longest: lengths differ by up to 15 %, as those of passages do. The ways take turns round by round. Texts
are random tokens. Memory is that of the worker for questions, after a text of all the tokens that it reads.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import psutil

from bench.report import figure, machine, median, table
from mecum.engine.embedder.folder import FolderEmbedder
from mecum.engine.embedder.inspection import Inspected, check
from mecum.engine.embedder.signature import CACHE
from mecum.engine.embedder.structure import read
from mecum.engine.embedder.workers import Unusable
from mecum.settings.schema import LibrarySettings

BATCHES = (1, 4, 8, 16)
Ids = np.ndarray[Any, Any]


def speeds(found: Inspected, length: int, count: int, rounds: int) -> None:
    """Print texts a second, by the size of batches, on one core and on two."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(str(found.model), options, providers=["CPUExecutionProvider"])
    texts = _texts(length, count)
    timed: dict[tuple[int, int], list[float]] = {(cores, size): [] for cores in (1, 2) for size in BATCHES}
    with ThreadPoolExecutor(2) as pool:
        for _ in range(rounds):
            for (cores, size), times in timed.items():
                given = [_feeds(session, texts[start : start + size]) for start in range(0, count, size)]
                run: Callable[[Any], Any] = lambda feeds: session.run([found.signature.output], feeds)  # noqa: E731
                began = time.perf_counter()
                list(pool.map(run, given) if cores == 2 else map(run, given))
                times.append(time.perf_counter() - began)
    rows = [[f"{cores}", *(figure(count / median(timed[cores, size])) for size in BATCHES)] for cores in (1, 2)]
    print(f"## Texts a second, of some {length} tokens, {count} at a time, {rounds} rounds\n")
    print(table(["cores", *(f"batches of {size}" for size in BATCHES)], rows), flush=True)


def _texts(length: int, count: int) -> list[Ids]:
    rng = np.random.default_rng(0)
    sizes = sorted(rng.integers(int(length * 0.85), int(length * 1.15) + 1, count), reverse=True)
    return [rng.integers(1000, 20_000, size) for size in sizes]


def _feeds(session: Any, texts: Sequence[Ids]) -> dict[str, Ids]:
    width = max(map(len, texts))
    mask = np.array([[1] * len(text) + [0] * (width - len(text)) for text in texts])
    values = {
        "input_ids": np.array([[*text, *[0] * (width - len(text))] for text in texts]),
        "attention_mask": mask,
        "token_type_ids": np.zeros_like(mask),
        "position_ids": np.broadcast_to(np.arange(width), mask.shape),
    }
    kinds = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}
    return {one.name: values[one.name].astype(kinds[one.type]) for one in session.get_inputs()}


async def memory(folder: Path, found: Inspected) -> None:
    """Print what a worker takes, beside what is counted for it."""
    with tempfile.TemporaryDirectory(prefix="mecum-bench-") as home:
        embedder = FolderEmbedder(LibrarySettings(embedder=str(folder)), Path(home), folder)
        await embedder.start()
        try:
            for text in ("a question", "the house by the river " * 400):
                await embedder.embed_query(text)
            full = psutil.Process(embedder.pids()["query"]).memory_full_info()
        finally:
            await embedder.aclose()
    rows = [["the model's files", figure(found.size / 1e6, 0)], ["a worker, RSS", figure(full.rss / 1e6, 0)]]
    rows += [["of that its own", figure(full.uss / 1e6, 0)], ["counted, program aside", figure(embedder.need() / 1e6, 0)]]
    print("## Memory\n")
    print(table(["MB", ""], rows))


def main() -> int:
    """Run the benchmark; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.onnx_folder", description="What an ONNX embedder costs.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lengths", default="20,60,200", help="tokens of a text")
    parser.add_argument("--count", type=int, default=32, help="texts")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    try:
        found = check(options.folder)
    except (Unusable, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    if any(CACHE.fullmatch(one.name) for one in read(found.model).inputs):
        print("This model is a decoder with a cache, which is not measured here.", file=sys.stderr)
        return 1
    print(machine() + "\n", flush=True)
    asyncio.run(memory(options.folder, found))
    for length in options.lengths.split(","):
        speeds(found, int(length), options.count, options.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
