"""A text encoder in ONNX: tokens in, a vector out. Imported by its worker alone (`onnx_program`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped] # ships no types

from mecum.engine.embedder.dense import Dense
from mecum.engine.embedder.recipe import Recipe
from mecum.engine.embedder.signature import CACHE
from mecum.engine.embedder.weights import Floats
from mecum.engine.frames import WorkFailed

_TYPES: Final = {
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
}


class Network:
    """The model of a recipe, which `inspection` has looked at.

    Raises:
        WorkFailed: onnxruntime cannot run it, or one of its layers cannot be read.
    """

    def __init__(self, recipe: Recipe) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # one text a core
        options.log_severity_level = 4
        try:
            self._session = ort.InferenceSession(recipe.model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001 -- the library's errors have no common root
            raise WorkFailed(f"onnxruntime cannot load {Path(recipe.model).name} ({type(error).__name__}).") from None
        self._inputs = [(one.name, _TYPES[one.type], one.shape) for one in self._session.get_inputs()]
        self._recipe = recipe
        self._layers = [_layer(*layer) for layer in recipe.layers]

    def run(self, ids: Sequence[int]) -> bytes:
        """Return the vector of one text's tokens, of length 1, as float32 bytes. Threads may call it at the same time."""
        given = {name: self._given(name, shape, ids).astype(kind) for name, kind, shape in self._inputs}
        (out,) = self._session.run([self._recipe.output], given)
        vector = _pooled(out[0].astype(np.float32), self._recipe.pooling)
        for layer in self._layers:
            vector = layer(vector)
        return _unit(vector).astype("<f4").tobytes()

    def _given(self, name: str, shape: Sequence[Any], ids: Sequence[int]) -> np.ndarray[Any, Any]:
        """Return what an input is given for a text: `signature` has let no other name pass."""
        if CACHE.fullmatch(name):
            return np.zeros((1, shape[1], 0, shape[3]))  # no earlier tokens
        values = {
            "input_ids": ids,
            "attention_mask": np.ones(len(ids)),
            "token_type_ids": np.zeros(len(ids)),
            "position_ids": np.arange(self._recipe.first, self._recipe.first + len(ids)),
        }
        return np.array([values[name]])


def _layer(file: str, size: int, tanh: bool) -> Callable[[Floats], Floats]:  # noqa: FBT001 -- as a recipe holds it
    return Dense(Path(file), size, tanh=tanh).of if file else _unit


def _pooled(states: Floats, pooling: str) -> Floats:
    """Return one vector of the tokens', unless it is one already."""
    if states.ndim == 1:
        return states
    found: Floats = states.mean(axis=0) if pooling == "mean" else states[0 if pooling == "cls" else -1]
    return found


def _unit(vector: Floats) -> Floats:
    return vector / (float(np.linalg.norm(vector)) or 1.0)
