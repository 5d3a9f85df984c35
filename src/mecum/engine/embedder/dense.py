"""A linear layer that follows the pooling, out of a `safetensors` file.

Invariant (`tests/engine/embedder/test_dense.py`): whatever the file holds, reading it ends with a matrix of the size that
was said, or with `WorkFailed`; every offset is compared with the file's size before it is used.
Source: https://github.com/huggingface/safetensors (the length of a JSON header, the header, the tensors).
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

from mecum.engine.embedder.weights import Floats
from mecum.engine.frames import WorkFailed
from mecum.types import Json

HEADER: Final = 1024 * 1024  # bytes; it names two tensors
LARGEST: Final = 1024 * 1024 * 1024  # bytes
_HEAD: Final = struct.Struct("<Q")
_TYPES: Final[dict[str, np.dtype[Any]]] = {
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
    "F64": np.dtype("<f8"),
}


class Dense:
    """The layer of a file, of `size` outputs.

    Raises:
        WorkFailed: the file is none, or of another size.
    """

    def __init__(self, file: Path, size: int, *, tanh: bool) -> None:
        try:
            tensors = _read(file)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise WorkFailed(f"{file.name} of {file.parent.name} is damaged, or no safetensors file.") from None
        self._weights = tensors["linear.weight"] if "linear.weight" in tensors else np.zeros(0, np.float32)
        self._bias = tensors.get("linear.bias")
        self._tanh = tanh
        right = self._weights.ndim == 2 and len(self._weights) == size
        if not right or (self._bias is not None and self._bias.shape != (size,)):
            raise WorkFailed(f"{file.name} of {file.parent.name} holds no linear layer of {size} outputs.")

    def of(self, vector: Floats) -> Floats:
        """Return what it makes of a vector.

        Raises:
            WorkFailed: the vector has another length than the layer's inputs.
        """
        if len(vector) != self._weights.shape[1]:
            raise WorkFailed(f"The model's vectors have {len(vector)} numbers, and its last layer wants others.")
        found: Floats = self._weights @ vector
        if self._bias is not None:
            found = found + self._bias
        return np.tanh(found) if self._tanh else found


def _read(file: Path) -> dict[str, Floats]:
    size = file.stat().st_size
    if size > LARGEST:
        raise ValueError
    data = file.read_bytes()
    (length,) = _HEAD.unpack_from(data) if size >= _HEAD.size else (HEADER + 1,)
    if length > min(HEADER, size - _HEAD.size):
        raise ValueError
    start = _HEAD.size + length
    header = orjson.loads(data[_HEAD.size : start])
    return {name: _tensor(data[start:], told) for name, told in header.items() if name.startswith("linear.")}


def _tensor(data: bytes, told: Json) -> Floats:
    kind = _TYPES[told["dtype"]]
    shape: Any = told["shape"]
    begin, end = told["data_offsets"]
    if not all(isinstance(one, int) and one >= 0 for one in (begin, end, *shape)) or not begin <= end <= len(data):
        raise ValueError
    values = np.frombuffer(data[begin:end], kind).reshape(shape)
    if told["dtype"] == "BF16":  # the upper half of a float32
        values = (values.astype("<u4") << 16).view("<f4")
    found: Floats = values.astype(np.float32)
    return found
