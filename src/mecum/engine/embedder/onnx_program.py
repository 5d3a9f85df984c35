"""A program: the worker that embeds with an ONNX model. `… MODEL TOKENIZER POOLING TOKENS THREADS normal|idle`.

Requests and replies as those of `program`; the texts come with their forms around them. Every text runs by itself, so that
its vector depends on it alone; several cores work on several texts (`tests/engine/embedder/test_folder.py`).
"""

from __future__ import annotations

import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson

from mecum.engine.frames import Handler, WorkFailed, be_idle, serve


def main(*arguments: str) -> None:
    """Serve until stdin ends."""
    *model, threads, priority = arguments
    if priority == "idle":
        be_idle()
    serve(lambda: _set_up(*model, threads=int(threads)))


def _set_up(model: str, tokenizer: str, pooling: str, tokens: str, *, threads: int) -> Handler:
    # Only now, for their libraries start threads as soon as they are imported, and those inherit the priority.
    from mecum.engine.embedder.network import Network  # noqa: PLC0415
    from mecum.engine.embedder.tokenizer import TokenizerError, read  # noqa: PLC0415

    try:
        pieces, network, most = read(Path(tokenizer)), Network(Path(model), pooling), int(tokens)
    except TokenizerError as error:
        raise WorkFailed(str(error)) from None
    pool = ThreadPoolExecutor(threads)

    def handle(request: bytes) -> bytes:
        whole = [pieces.encode(text, most + 1) for text in orjson.loads(request)["texts"]]
        given = [[*ids[: most - 1], ids[-1]] if len(ids) > most else ids for ids in whole]
        counts = [-most if len(ids) > most else len(ids) for ids in whole]
        return b"".join(pool.map(network.run, given)) + struct.pack(f"<{len(counts)}i", *counts)

    return handle


if __name__ == "__main__":
    main(*sys.argv[1:])
