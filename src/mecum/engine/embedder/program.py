"""A program: the worker that embeds. `python -m mecum.engine.embedder.program WEIGHTS GRAPH THREADS normal|idle`.

A request is JSON, `{"kind": "query"|"passage", "texts": [...]}`; the reply is the vectors' float32 values, little-endian.
It opens nothing but its two files, and no connection (`tests/engine/embedder/test_local.py`).
"""

from __future__ import annotations

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
        return encoder.embed(asked["kind"], asked["texts"]).astype("<f4", copy=False).tobytes()

    return handle


if __name__ == "__main__":
    main(*sys.argv[1:])
