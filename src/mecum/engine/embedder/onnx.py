"""Writes an ONNX model file: as much of the format as a fixed graph needs.

A model is a few nested protobuf messages; writing them takes less than the package that could (18 MB, and its own runtime).
Invariant: what is written is read by onnxruntime (`tests/engine/embedder/test_onnx.py` runs graphs and compares their
results). Source of the field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

IR: Final = 10  # version of the format
OPSET: Final = 18  # version of the standard operators
MICROSOFT: Final = "com.microsoft"  # onnxruntime's own operators
_TYPES: Final = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7}
_VARINT, _BYTES, _FIXED32 = 0, 2, 5  # wire types


class Graph:
    """A graph in the making: each method adds something and returns the name by which its value goes on."""

    def __init__(self, *, name: str) -> None:
        self._name = name
        self._nodes: list[bytes] = []
        self._constants: list[bytes] = []
        self._inputs: list[bytes] = []
        self._outputs: list[bytes] = []
        self._values = 0

    def constant(self, array: NDArray[Any]) -> str:
        """Add a tensor."""
        name = self._new()
        dims = b"".join(_number(1, size) for size in array.shape)
        kind = _number(2, _TYPES[array.dtype.name])
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        self._constants.append(dims + kind + _bytes(8, name.encode()) + _bytes(9, little.tobytes()))
        return name

    def node(self, operator: str, *inputs: str, domain: str = "", **attributes: float | str) -> str:
        """Add an operator with one result. An input "" is one left out."""
        return self.nodes(operator, *inputs, results=1, domain=domain, **attributes)[0]

    def nodes(
        self, operator: str, *inputs: str, results: int, domain: str = "", **attributes: float | str
    ) -> tuple[str, ...]:
        """Add an operator with so many results."""
        names = tuple(self._new() for _ in range(results))
        self._nodes.append(
            b"".join(_bytes(1, name.encode()) for name in inputs)
            + b"".join(_bytes(2, name.encode()) for name in names)
            + _bytes(4, operator.encode())
            + b"".join(_bytes(5, _attribute(*pair)) for pair in attributes.items())
            + _bytes(7, domain.encode())
        )
        return names

    def input(self, name: str, shape: Sequence[int | str], kind: str = "float32") -> str:
        """Declare an input; a text in the shape is a size that is known when it runs."""
        self._inputs.append(_declaration(name, shape, kind))
        return name

    def output(self, name: str, shape: Sequence[int | str]) -> None:
        """Declare a float32 value as a result of the graph."""
        self._outputs.append(_declaration(name, shape))

    def model(self) -> bytes:
        """Return the file."""
        graph = b"".join(
            [
                *(_bytes(1, node) for node in self._nodes),
                _bytes(2, self._name.encode()),
                *(_bytes(5, constant) for constant in self._constants),
                *(_bytes(11, each) for each in self._inputs),
                *(_bytes(12, each) for each in self._outputs),
            ]
        )
        operators = [_bytes(1, b"") + _number(2, OPSET), _bytes(1, MICROSOFT.encode()) + _number(2, 1)]
        return _number(1, IR) + _bytes(7, graph) + b"".join(_bytes(8, each) for each in operators)

    def _new(self) -> str:
        self._values += 1
        return f"v{self._values}"


def _declaration(name: str, shape: Sequence[int | str], kind: str = "float32") -> bytes:
    dims = b"".join(_bytes(1, _bytes(2, s.encode()) if isinstance(s, str) else _number(1, s)) for s in shape)
    tensor = _number(1, _TYPES[kind]) + _bytes(2, dims)
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, tensor))


def _attribute(name: str, value: float | str) -> bytes:
    head = _bytes(1, name.encode())
    if isinstance(value, int):
        return head + _number(3, value) + _number(20, 2)
    if isinstance(value, float):
        return head + _varint(2 << 3 | _FIXED32) + struct.pack("<f", value) + _number(20, 1)
    return head + _bytes(4, value.encode()) + _number(20, 3)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3 | _VARINT) + _varint(value & (1 << 64) - 1)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | _BYTES) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
