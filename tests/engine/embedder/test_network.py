"""Graphs as exporters write them, in real onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.engine.embedder import messages
from tests.engine.embedder.encoders import SIZE, dense, exported, table

from mecum.engine.embedder.inspection import check
from mecum.engine.embedder.network import Network
from mecum.engine.embedder.recipe import Recipe
from mecum.engine.frames import WorkFailed


def network(folder: Path, model: bytes, *, output: str = "last_hidden_state", **how: Any) -> Network:
    file = folder / "model.onnx"
    file.write_bytes(model)
    return Network(Recipe(**{"model": str(file), "tokenizer": "", "output": output, "pooling": "mean", "tokens": 512} | how))


def vector(net: Network, *ids: int) -> np.ndarray:
    return np.frombuffer(net.run(ids), "<f4")


def unit(values: np.ndarray) -> np.ndarray:
    return values / np.linalg.norm(values)


@pytest.mark.parametrize("kind", ["int32", "int64"])
@pytest.mark.parametrize("cache", [False, True])
def test_inputs_of_either_kind_and_an_empty_cache(tmp_path: Path, kind: str, cache: bool) -> None:
    net = network(tmp_path, exported(kind=kind, cache=cache))
    assert vector(net, 4, 5, 6) == pytest.approx(unit(table()[4:7].mean(axis=0)), abs=1e-6)


@pytest.mark.parametrize(("pooling", "row"), [("cls", 4), ("last", 9)])
def test_the_first_token_and_the_last(tmp_path: Path, pooling: str, row: int) -> None:
    net = network(tmp_path, exported(), pooling=pooling)
    assert vector(net, 4, 5, 9) == pytest.approx(unit(table()[row]), abs=1e-6)


@pytest.mark.parametrize("first", [0, 2])
def test_positions(tmp_path: Path, first: int) -> None:
    net = network(tmp_path, exported(places=True), pooling="last", first=first)
    assert vector(net, 9, 9, 9) == pytest.approx(unit(table()[first + 2]), abs=1e-6)


def test_an_output_that_is_one_vector_a_text(tmp_path: Path) -> None:
    net = network(tmp_path, exported(pooled=True), output="sentence_embedding", pooling="cls")
    assert vector(net, 4, 5, 6) == pytest.approx(unit(table()[4:7].sum(axis=0)), abs=1e-6)


def test_layers_behind_the_pooling_in_their_order(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    first, second = rng.normal(size=(12, SIZE)).astype(np.float32), rng.normal(size=(5, 12)).astype(np.float32)
    dense(tmp_path / "2_Dense", first, tanh=True)
    dense(tmp_path / "3_Dense", second)
    files = [str(tmp_path / place / "model.safetensors") for place in ("2_Dense", "3_Dense")]
    net = network(tmp_path, exported(), layers=((files[0], 12, True), ("", 0, False), (files[1], 5, False)))
    mean = table()[4:7].mean(axis=0)
    assert vector(net, 4, 5, 6) == pytest.approx(unit(second @ unit(np.tanh(first @ mean))), abs=1e-5)


def test_weights_in_another_file(tmp_path: Path) -> None:
    rows = table()
    gather = b"\n\x01w\n\tinput_ids\x12\x11last_hidden_state\x22\x06Gather"
    tensor = messages.outside("model.onnx_data", dims=rows.shape)
    operators = (8, b"\n\x00\x10\x12")
    (tmp_path / "model.onnx_data").write_bytes(rows.tobytes())
    (tmp_path / "tokenizer.json").write_text("{}")
    net = network(tmp_path, messages.model(messages.graph((1, gather), (2, b"g"), (5, tensor)), operators))
    assert check(tmp_path).weights == (tmp_path / "model.onnx_data",)
    assert vector(net, 4, 5, 6) == pytest.approx(unit(rows[4:7].mean(axis=0)), abs=1e-6)


def test_what_onnxruntime_cannot_load(tmp_path: Path) -> None:
    with pytest.raises(WorkFailed, match=r"onnxruntime cannot load model\.onnx"):
        network(tmp_path, b"no graph")
