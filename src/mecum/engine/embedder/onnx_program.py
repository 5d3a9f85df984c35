"""A program: the worker that embeds with an ONNX model. `… RECIPE THREADS normal|idle`.

Requests and replies as those of `program`; the texts come with their forms around them. Every text runs by itself, so that
its vector depends on it alone; several cores work on several texts (`tests/engine/embedder/test_folder.py`).
"""

from __future__ import annotations

import ctypes
import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson

from mecum.engine.embedder.recipe import Recipe
from mecum.engine.frames import Handler, be_idle, serve


def main(recipe: str, threads: str, priority: str) -> None:
    """Serve until stdin ends."""
    if priority == "idle":
        be_idle()
    serve(lambda: _set_up(Recipe.read(recipe), threads=int(threads)))


def _set_up(recipe: Recipe, *, threads: int) -> Handler:
    # Only now, for their libraries start threads as soon as they are imported, and those inherit the priority.
    from mecum.engine.embedder.network import Network  # noqa: PLC0415
    from mecum.engine.embedder.tokenizer import Tokenizer  # noqa: PLC0415

    file = Path(recipe.tokenizer)
    tokenizer = Tokenizer(file, recipe.tokens, closing=recipe.closing, lowercase=recipe.lowercase)
    network = Network(recipe)
    pool = ThreadPoolExecutor(threads)
    _give_back()

    def handle(request: bytes) -> bytes:
        texts = [tokenizer.encode(text) for text in orjson.loads(request)["texts"]]
        counts = [-len(ids) if cut else len(ids) for ids, cut in texts]
        return b"".join(pool.map(network.run, [ids for ids, _ in texts])) + struct.pack(f"<{len(counts)}i", *counts)

    return handle


def _give_back() -> None:
    """Give the system what loading has freed, which glibc keeps: onnxruntime's first copy of the weights, a third of all."""
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
