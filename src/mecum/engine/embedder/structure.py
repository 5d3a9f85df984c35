"""Reads what an ONNX file's graph takes, what it gives and which other files it names; its tensors are passed over.

The file may be hostile: `protobuf` reads it, within bounds of time and memory. Tensors may lie in other files, anywhere in
the graph (initialisers, constants of operators, inside loops and functions), and each of these is found
(`tests/engine/embedder/test_structure.py`).
Source of the field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from mecum.engine.embedder.protobuf import Field, Malformed, Wire

NAME: Final = 4096  # bytes of a name that is read
NAMES: Final = 100_000  # of inputs, of outputs, of tensors: more than any model has
FILES: Final = 256  # named by one model
LARGEST: Final = 1 << 31  # of a size; exporters write -1 where they know none
DEEPEST: Final = 64  # messages inside each other; protobuf itself stops at 100
FLOAT, INT32, INT64, FLOAT16 = 1, 6, 7, 10  # types of numbers
# Which fields of a message are messages that may hold a tensor.
_INSIDE: Final = MappingProxyType(
    {
        "model": {7: "graph", 20: "training", 25: "function"},
        "training": {1: "graph", 2: "graph"},
        "function": {7: "node", 11: "attribute"},
        "graph": {1: "node", 5: "tensor", 15: "sparse"},
        "node": {5: "attribute"},
        "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
        "sparse": {1: "tensor", 2: "tensor"},
        "tensor": {13: "entry"},
    }
)
_INPUT, _OUTPUT, _INITIALISER = 11, 12, 5  # of a graph
_TENSOR_NAME: Final = 8


@dataclass(frozen=True, slots=True)
class Value:
    """An input or output. `kind` is the type of its numbers; a size that is known only when it runs is None."""

    name: str
    kind: int = 0
    shape: tuple[int | None, ...] | None = None


@dataclass(frozen=True, slots=True)
class Structure:
    """A graph from outside. `files` are where tensors lie besides, as the file names them."""

    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    files: frozenset[str]


def read(file: Path) -> Structure:
    """Return the structure of a file.

    Raises:
        Malformed: it is no ONNX model.
        OSError: it cannot be read.
    """
    size = file.stat().st_size
    with file.open("rb") as stream:
        found = _Reader(Wire(stream, size))
        found.walk("model", 0, size)
    if not found.outputs:
        raise Malformed("it has no graph")
    inputs = tuple(one for one in found.inputs if one.name not in found.tensors)  # old files list tensors as inputs too
    return Structure(inputs, tuple(found.outputs), frozenset(found.files))


@dataclass(slots=True)
class _Reader:
    wire: Wire
    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    tensors: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)

    def walk(self, kind: str, start: int, end: int, depth: int = 0) -> None:
        """Look through a message for inputs, outputs and names of files."""
        if depth > DEEPEST:
            raise Malformed("it is nested too deep")
        for one in self.wire.fields(start, end):
            inside = _INSIDE[kind].get(one.number)
            if one.value is not None:
                continue
            if kind == "graph" and depth == 1:
                self._outside(one)
            if inside == "entry":
                self._entry(one)
            elif inside:
                self.walk(inside, one.start, one.end, depth + 1)

    def _outside(self, one: Field) -> None:
        """Note what of the model's own graph can be seen from outside."""
        if one.number in (_INPUT, _OUTPUT):
            (self.inputs if one.number == _INPUT else self.outputs).append(self._value(one))
        elif one.number == _INITIALISER:
            self.tensors.update(self._texts(one, _TENSOR_NAME))
        if max(len(self.inputs), len(self.outputs), len(self.tensors)) > NAMES:
            raise Malformed(f"it has more than {NAMES:,} names")

    def _entry(self, one: Field) -> None:
        """Note the name of a file: one of the texts by which a tensor says where it lies."""
        if "location" in self._texts(one, 1):
            self.files.update(self._texts(one, 2))
        if len(self.files) > FILES:
            raise Malformed(f"it names more than {FILES} other files")

    def _value(self, one: Field) -> Value:
        name = next(self._texts(one, 1), "")
        kind, shape = 0, None
        for tensor in self._messages(one, 2, 1):
            for part in self.wire.fields(tensor.start, tensor.end):
                if part.number == 1 and part.value is not None:
                    kind = part.value
                elif part.number == 2:
                    shape = tuple(self._size(size) for size in self._messages(part, 1))
        return Value(name, kind, shape)

    def _size(self, dimension: Field) -> int | None:
        sizes = [one.value for one in self.wire.fields(dimension.start, dimension.end) if one.number == 1]
        size = (sizes or [None])[-1]
        return size if size and size < LARGEST else None

    def _messages(self, one: Field, *numbers: int) -> Iterator[Field]:
        """Yield the messages that are reached by these fields, one inside the other."""
        for found in self.wire.fields(one.start, one.end):
            if found.number == numbers[0] and found.value is None:
                yield from self._messages(found, *numbers[1:]) if numbers[1:] else (found,)

    def _texts(self, one: Field, number: int) -> Iterator[str]:
        for found in self._messages(one, number):
            yield self.wire.content(found, NAME).decode("utf-8", "replace")
