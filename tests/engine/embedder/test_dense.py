"""Linear layers in safetensors files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engine.embedder.encoders import safetensors

from mecum.engine.embedder.dense import Dense
from mecum.engine.frames import WorkFailed

WEIGHTS = np.array([[1.0, -2.0, 0.5], [0.25, 4.0, -1.0]], np.float32)
BIAS = np.array([0.5, -0.5], np.float32)
INPUT = np.array([1.0, 2.0, 3.0], np.float32)


def packed(kind: str, values: np.ndarray) -> tuple[str, list[int], bytes]:
    if kind == "BF16":
        return kind, list(values.shape), (values.view("<u4") >> 16).astype("<u2").tobytes()
    return kind, list(values.shape), values.astype({"F64": "<f8", "F32": "<f4", "F16": "<f2"}[kind]).tobytes()


def layer(folder: Path, content: bytes, size: int = 2, *, tanh: bool = False) -> Dense:
    file = folder / "model.safetensors"
    file.write_bytes(content)
    return Dense(file, size, tanh=tanh)


@pytest.mark.parametrize("kind", ["F64", "F32", "F16", "BF16"])
@pytest.mark.parametrize("bias", [False, True])
def test_what_it_makes_of_a_vector(tmp_path: Path, kind: str, bias: bool) -> None:
    content = {"linear_weight": packed(kind, WEIGHTS)} | ({"linear_bias": packed(kind, BIAS)} if bias else {})
    expected = WEIGHTS @ INPUT + (BIAS if bias else 0)
    assert layer(tmp_path, safetensors(**content)).of(INPUT).tolist() == expected.tolist()
    assert layer(tmp_path, safetensors(**content), tanh=True).of(INPUT) == pytest.approx(np.tanh(expected))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x02}q\0.",
        (1 << 62).to_bytes(8, "little"),
        safetensors(linear_weight=packed("F32", WEIGHTS))[:-1],
        safetensors(linear_weight=("F32", [2, 30_000_000_000], WEIGHTS.tobytes())),
        safetensors(linear_weight=("F32", [-1, 3], WEIGHTS.tobytes())),
        safetensors(linear_weight=("I8", [2, 3], bytes(6))),
    ],
)
def test_what_is_damaged(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(WorkFailed, match="is damaged, or no safetensors file"):
        layer(tmp_path, content)


@pytest.mark.parametrize(
    "content",
    [
        safetensors(other=packed("F32", WEIGHTS)),
        safetensors(linear_weight=packed("F32", WEIGHTS.T.copy())),
        safetensors(linear_weight=packed("F32", WEIGHTS), linear_bias=packed("F32", INPUT)),
    ],
)
def test_layers_of_another_size(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(WorkFailed, match="holds no linear layer of 2 outputs"):
        layer(tmp_path, content)


def test_a_vector_of_another_length(tmp_path: Path) -> None:
    with pytest.raises(WorkFailed, match="have 2 numbers"):
        layer(tmp_path, safetensors(linear_weight=packed("F32", WEIGHTS))).of(BIAS)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_whatever_a_file_becomes_reading_ends(tmp_path: Path, data: Any) -> None:
    content = bytearray(safetensors(linear_weight=packed("F32", WEIGHTS), linear_bias=packed("F16", BIAS)))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert layer(tmp_path, bytes(content)).of(INPUT).shape == (2,)
    except WorkFailed:
        return
