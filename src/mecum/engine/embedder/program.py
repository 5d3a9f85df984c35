"""A program: the worker that embeds. `python -m mecum.engine.embedder.program WEIGHTS GRAPH THREADS normal|idle`.

A request is JSON, `{"kind": "query"|"passage", "texts": [...]}`; the reply is the vectors' float32 values, then each text's
number of tokens as int32, negative where the text has more than the model reads; all little-endian.
It opens nothing but its two files, and no connection (`tests/engine/embedder/test_local.py`).
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import orjson

from mecum.engine.frames import Handler, WorkFailed, be_idle, serve


def main(weights: str, graph: str, threads: str, priority: str) -> None:
    """Serve until stdin ends."""
    if priority == "idle":
        be_idle()
    serve(lambda: _set_up(Path(weights), Path(graph), int(threads)))


def _set_up(weights: Path, graph: Path, threads: int) -> Handler:
    # Only now, for their libraries start threads as soon as they are imported, and those inherit the priority.
    from mecum.engine.embedder.encoder import Encoder  # noqa: PLC0415
    from mecum.engine.embedder.weights import WeightsError  # noqa: PLC0415

    try:
        encoder = Encoder(weights, graph, threads=threads)
    except WeightsError as error:
        raise WorkFailed(str(error)) from None

    def handle(request: bytes) -> bytes:
        asked = orjson.loads(request)
        texts = [encoder.read(asked["kind"], text) for text in asked["texts"]]
        vectors = encoder.vectors([ids for ids, _ in texts])
        tokens = [-len(ids) if cut else len(ids) for ids, cut in texts]
        return vectors.astype("<f4", copy=False).tobytes() + struct.pack(f"<{len(tokens)}i", *tokens)

    return handle


if __name__ == "__main__":
    main(*sys.argv[1:])
