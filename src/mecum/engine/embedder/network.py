"""A text encoder in ONNX: tokens in, a vector out. Imported by its worker alone (`onnx_program`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped] # ships no types

from mecum.engine.embedder.weights import Floats
from mecum.engine.frames import WorkFailed

KNOWN: Final = frozenset(("input_ids", "attention_mask", "token_type_ids", "position_ids"))  # inputs that can be given


class Network:
    """The model of a file.

    Raises:
        WorkFailed: onnxruntime cannot run it, or its inputs are not a text encoder's.
    """

    def __init__(self, model: Path, pooling: str) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # one text a core
        options.log_severity_level = 4
        try:
            self._session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001 -- the library's errors have no common root
            raise WorkFailed(f"onnxruntime cannot load {model.name} ({type(error).__name__}).") from None
        self._inputs = [one.name for one in self._session.get_inputs()]
        if "input_ids" not in self._inputs or not KNOWN.issuperset(self._inputs):
            raise WorkFailed(f"{model.name} is no text encoder: its inputs are {', '.join(self._inputs)[:200]}.")
        self._pooling = pooling

    def run(self, ids: Sequence[int]) -> bytes:
        """Return the vector of one text's tokens, of length 1, as float32 bytes. Threads may call it at the same time."""
        row = np.array([ids], np.int64)
        values = {
            "input_ids": row,
            "attention_mask": np.ones_like(row),
            "token_type_ids": np.zeros_like(row),
            "position_ids": np.arange(row.shape[1], dtype=np.int64)[None],
        }
        out: Floats = self._session.run(None, {name: values[name] for name in self._inputs})[0]
        vector = out[0] if out.ndim == 2 else _pooled(out[0], self._pooling)
        length = float(np.linalg.norm(vector))
        return (vector / (length or 1.0)).astype("<f4").tobytes()


def _pooled(states: Floats, pooling: str) -> Floats:
    """Return one vector of the tokens'."""
    found: Floats = states.mean(axis=0) if pooling == "mean" else states[0 if pooling == "cls" else -1]
    return found
