"""How much memory is counted for an embedder, and whether that is true."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import psutil
import pytest
from tests.engine.embedder.encoders import SIZE, Named, put, table
from tests.engine.embedder.test_folder import started
from tests.engine.ggufs import LLAMA, Gguf

from mecum.engine.embedder import room
from mecum.engine.embedder.file import FileEmbedder
from mecum.engine.embedder.folder import FolderEmbedder
from mecum.engine.embedder.workers import Unusable
from mecum.engine.machine import Machine
from mecum.engine.plan import OVERHEAD
from mecum.settings.schema import LibrarySettings

GB = 1_000_000_000
LAYERS, WIDTH = 30, 1024


def heavy() -> bytes:
    """An encoder with 126 MB of weights in matrices, which onnxruntime puts into an order of its own."""
    graph = Named(name="heavy")
    ids = graph.input("input_ids", ["batch", "n"], "int64")
    states = graph.node("Gather", graph.constant(np.tile(table(), WIDTH // SIZE)), ids)
    rng = np.random.default_rng(2)
    for _ in range(LAYERS):
        weights = rng.normal(0, WIDTH**-0.5, (WIDTH, WIDTH)).astype(np.float32)
        states = graph.node("MatMul", states, graph.constant(weights))
    graph.output(graph.call(states, "last_hidden_state"), ["batch", "n", WIDTH])
    return graph.model()


async def test_what_is_counted_is_enough_and_not_far_from_the_truth(tmp_path: Path) -> None:
    folder = put(tmp_path / "heavy", model_onnx=heavy())
    async with started(folder) as embedder:
        await embedder.embed_query("the red fox")
        taken = psutil.Process(embedder.pids()["query"]).memory_full_info().uss
    weights = LAYERS * WIDTH * WIDTH * 4
    assert weights <= embedder.need() <= 1.05 * weights
    assert weights <= taken <= 1.6 * weights  # 176 MB; 239 where what loading freed is not given back
    assert taken <= embedder.need() + OVERHEAD


def test_of_a_gguf_file_the_weights_and_its_tokens(tmp_path: Path) -> None:
    file = tmp_path / "bge.gguf"
    file.write_bytes(Gguf(values={**LLAMA, "llama.pooling_type": ("u32", 2)}).build())
    need = FileEmbedder(LibrarySettings(embedder=str(file)), tmp_path).need()
    more = FileEmbedder(LibrarySettings(embedder=str(file), embedder_tokens=32), tmp_path).need()
    assert need > more > file.stat().st_size


def test_of_what_is_not_there_nothing(tmp_path: Path) -> None:
    assert FileEmbedder(LibrarySettings(embedder="nothing"), tmp_path).need() == 0
    assert FolderEmbedder(LibrarySettings(embedder="x"), tmp_path, tmp_path / "x").need() == 0


async def test_memory_decides_how_many_workers_there_are(tmp_path: Path) -> None:
    folder = put(tmp_path / "x")
    for free, workers, reason in ((2 * GB, 2, None), (GB // 2, 1, None), (GB // 10, 0, "0.1 GB are free")):
        embedder = FolderEmbedder(LibrarySettings(embedder="x"), tmp_path, folder, machine=Machine(2, free))
        await embedder.start()
        assert len({embedder._query, embedder._bulk} - {None}) == workers
        assert (reason or "") in (embedder.status().reason or "")
        await embedder.aclose()


@pytest.mark.parametrize(
    ("free", "workers"),
    [(8 * GB, 2), (4 * GB, 1), (2 * GB + 1, 1), (2 * GB - 1, 0), (0, 0)],
)
def test_what_chats_leave(free: int, workers: int) -> None:
    assert room.left(GB - OVERHEAD, free) == workers * GB


def test_is_alone() -> None:
    assert not room.is_alone("x", GB - OVERHEAD, 2 * GB)
    assert room.is_alone("x", GB - OVERHEAD, 2 * GB - 1)
    with pytest.raises(Unusable, match=r"x needs about 1\.0 GB of memory, and 0\.9 GB are free"):
        room.is_alone("x", GB - OVERHEAD, 9 * GB // 10)
