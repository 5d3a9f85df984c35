"""`python -m bench.embedder`: what embedding costs, and what it costs a chat that runs meanwhile.

Raw is onnxruntime in this process, on the same graph: with tokens already counted and nothing in between. Ours is the whole
way: JSON to a worker, tokenising, the model, vectors back. Both take turns round by round. The chat is the starter model's,
decoding with its usual threads; the library's worker is kept busy in every second round. Texts are made of common words of
six languages, so no data is needed; a passage is 201 tokens.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from bench.processes import StartError, TooSlow, interruptible, run_loop
from bench.report import figure, machine, median, percentile, table
from mecum.engine.embedded import Embedded
from mecum.engine.embedder.encoder import Encoder
from mecum.engine.embedder.local import LocalEmbedder, locate
from mecum.errors import EngineError
from mecum.settings.schema import Settings
from mecum.types import Message, Prompt, Sampling

LIMIT = 600.0  # seconds for all of it
TOKENS = 201
WORDS = (
    "the house stood by river and people came every year to see what was left of it der Vertrag gilt für alle Kunden die "
    "vor dem Jahr bestellt haben la ville est connue pour ses ponts y la gente vive cerca del mar в городе было много "
    "людей 今天 我们 去 看 老 房子 和 河"
).split()
QUESTION = "How many people came to the house by the river last year?"


def passages(encoder: Encoder, count: int) -> list[str]:
    """Return texts of exactly `TOKENS` tokens."""
    rng = random.Random(7)
    texts: list[str] = []
    while len(texts) < count:
        words: list[str] = []
        while (length := len(encoder.ids("passage", " ".join(words)))) < TOKENS:
            words += rng.choices(WORDS, k=max(1, (TOKENS - length) // 3))
        if length == TOKENS:
            texts.append(" ".join(words))
    return texts


async def run(home: Path, rounds: int) -> None:
    """Measure and print the tables.

    Raises:
        StartError: the embedder or the chat model is not there.
    """
    print(machine(), flush=True)
    embedder = LocalEmbedder(home)
    await embedder.start()
    weights = locate(home)
    if not embedder.status().ready or weights is None:
        raise StartError(embedder.status().reason or "The embedder is not ready.")
    try:
        encoder = Encoder(weights, home / "cache" / f"{embedder.identity}.graph")
        texts = passages(encoder, 64)
        await _costs(embedder, encoder, texts, rounds)
        _memory(embedder)
        await _beside_a_chat(embedder, texts, home, rounds)
    finally:
        await embedder.aclose()


async def _costs(embedder: LocalEmbedder, encoder: Encoder, texts: Sequence[str], rounds: int) -> None:
    began = time.perf_counter()
    await embedder.embed_query(QUESTION)
    first = time.perf_counter() - began
    await embedder.embed_passages(texts[:4])
    ids = [encoder.ids("passage", text) for text in texts]
    cores = embedder.threads
    question = encoder.ids("query", QUESTION)
    timed: dict[str, list[float]] = {"raw": [], "ours": [], "query raw": [], "query": []}
    with ThreadPoolExecutor(cores) as pool:
        for _ in range(rounds):
            timed["raw"].append(await _time(asyncio.to_thread(lambda: list(pool.map(encoder.run, ids)))))
            timed["ours"].append(await _time(embedder.embed_passages(texts)))
            for _ in range(20):
                timed["query raw"].append(await _time(asyncio.to_thread(encoder.run, question)))
                timed["query"].append(await _time(embedder.embed_query(QUESTION)))
    print(f"\n## Passages of {TOKENS} tokens, {len(texts)} at a time on {cores} cores, {rounds} rounds\n")
    raw, ours = (len(texts) / median(timed[name]) for name in ("raw", "ours"))
    rows = [["raw onnxruntime", figure(raw), "1.00"], ["mecum's worker", figure(ours), figure(ours / raw, 2)]]
    print(table(["", "passages/s", "of raw"], rows))
    print(f"## A question of {len(question)} tokens; the first, which starts the worker, takes {first:.1f} s\n")
    shares = [(name, timed[key]) for name, key in (("raw onnxruntime", "query raw"), ("mecum's worker", "query"))]
    print(table(["ms", "p50", "p95"], [[n, *(figure(percentile(v, p) * 1e3) for p in (0.5, 0.95))] for n, v in shares]))


def _memory(embedder: LocalEmbedder) -> None:
    rows = []
    for name, pid in embedder.pids().items():
        full = psutil.Process(pid).memory_full_info()
        rows.append([name, figure(full.rss / 1e6, 0), figure(getattr(full, "pss", full.rss) / 1e6, 0)])
    print("## Memory of the workers\n")
    print(table(["MB", "RSS", "PSS"], rows))


async def _beside_a_chat(embedder: LocalEmbedder, texts: Sequence[str], home: Path, rounds: int) -> None:
    engine = Embedded(Settings(home=home))
    await engine.start()
    try:
        await engine.ready()
        model = engine.status().models[0].name
        await _decode(engine, model)
        alone, beside = [], []
        for _ in range(rounds):
            alone.append(await _decode(engine, model))
            busy = asyncio.create_task(_keep_busy(embedder, texts))
            await asyncio.sleep(1)
            beside.append(await _decode(engine, model))
            busy.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await busy
            await embedder.embed_passages(texts[:1])  # behind the batch that is still at work
    finally:
        await engine.aclose()
    ratio = median(beside) / median(alone)
    print(f"## A chat's decoding, starter model, {rounds} rounds each\n")
    rows = [
        ["alone", figure(median(alone)), "1.00"],
        ["while the library is embedded", figure(median(beside)), figure(ratio, 2)],
    ]
    print(table(["", "tokens/s", "of alone"], rows))


async def _keep_busy(embedder: LocalEmbedder, texts: Sequence[str]) -> None:
    while True:
        await embedder.embed_passages(texts)


async def _decode(engine: Embedded, model: str) -> float:
    """Return tokens/s between the first and the last token of a long answer."""
    sampling = Sampling(temperature=0.8, seed=1, max_tokens=160)
    prompt = Prompt(model, (Message("user", "Tell me a long story about a river, a house and a dog."),), sampling)
    times: list[float] = []
    reply = await engine.chat(prompt)
    try:
        async for deltas in reply:
            times += [time.perf_counter()] * sum(delta.content is not None for delta in deltas)
    finally:
        await reply.aclose()
    return (len(times) - 1) / (times[-1] - times[0])


async def _time(work: Awaitable[object]) -> float:
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


def main() -> int:
    """Run the benchmark; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.embedder", description="What embedding costs.")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    try:
        with interruptible(), tempfile.TemporaryDirectory(prefix="mecum-bench-", ignore_cleanup_errors=True) as folder:
            run_loop(run(Path(folder), arguments.rounds), limit=LIMIT)
    except (StartError, TooSlow, EngineError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
