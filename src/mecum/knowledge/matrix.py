"""Search among vectors in memory, in two looks: a quick one at two bits a number, and an exact one at the best of it.

The quick look reads 96 bytes a passage instead of 1,536: it stays in the cache, where a scan of whole vectors waits for the
memory that a model at work needs too. A passage's bits say how far from the centre it lies in each dimension, in four steps;
the question keeps sixteen, so that a score is a few ANDs and population counts. The exact look scores the best thousand or
so with their float16 vectors. docs/retrieval.md has times, memory and recall.

Invariant: scores are exact dot products (of float16 rows), and only rows of the index's last state are found; what the quick
look may lose is measured in `tests/knowledge/test_matrix.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mecum.knowledge.moments import Moment, Moments
from mecum.store.values import Changes

EXACT: Final = 2048  # up to so many rows nothing but the exact look is needed
SECOND: Final = 1024  # rows that the exact look takes, at least; and 1 in SHARE of all
SHARE: Final = 100
_ROW_BITS: Final = 2
_QUESTION_BITS: Final = 4
_STEP: Final = 0.9957  # of a row's standard deviation: where four steps cost a Gaussian least (Max, 1960)
_COLUMNS: Final = ("_vectors", "_scales", "_levels", "_passages", "_documents", "_dates", "_owners")  # an entry a row
_BLOCK: Final = 8192  # rows coded at once
Floats = NDArray[np.float32]
Words = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Nearest:
    """The passages nearest to a question, the best first, with their dot products."""

    passages: NDArray[np.int64]
    scores: Floats


class Matrix:
    """Vectors of passages, fed by `VectorIndex.changes`."""

    def __init__(self) -> None:
        self.seq = 0
        self.identity: str | None = None
        self._order: NDArray[np.int64] | None = None  # rows in the order of their passages, once somebody needs it
        self._clear(0)

    def __len__(self) -> int:
        return self._size

    @property
    def memory(self) -> int:
        """Bytes that the arrays take."""
        return int(self._codes.nbytes) + sum(int(getattr(self, name).nbytes) for name in _COLUMNS)

    def apply(self, changes: Changes) -> None:
        """Bring the matrix to the state that the changes describe."""
        if changes.whole:
            self._clear(changes.vectors.shape[1])
        elif changes.dropped:
            self._drop(changes.dropped)
        if len(changes.passages):
            self._append(changes)
        self.seq, self.identity = changes.seq, changes.identity
        self._order = None

    def moments(self, question: Floats, owner: str) -> Moment:
        """Return where the question's dot products with all of an owner's rows lie."""
        return self._moments.of(owner, question)

    def nearest(
        self,
        question: Floats,
        k: int,
        *,
        documents: NDArray[np.int64] | None = None,
        since: float | None = None,
        until: float | None = None,
    ) -> Nearest:
        """Return the k nearest passages of these documents (None: of all) and dates (seconds; both bounds inclusive)."""
        allowed = self._allowed(documents, since, until)
        rows = np.flatnonzero(allowed) if allowed is not None else np.arange(self._size)
        if len(rows) > EXACT:
            rows = self._likely(question, rows, max(SECOND, 4 * k, len(rows) // SHARE))
        scores = _floats(self._vectors[rows]) @ question
        best = _best(scores, k)
        return Nearest(self._passages[rows[best]], scores[best])

    def scores(self, question: Floats, passages: NDArray[np.int64]) -> Floats:
        """Return the dot products of the question with certain passages; NaN for one without a vector."""
        out = np.full(len(passages), np.nan, np.float32)
        order = self._order if self._order is not None else np.argsort(self._passages[: self._size], kind="stable")
        self._order = order
        at = np.searchsorted(self._passages[: self._size], passages, sorter=order)
        known = at < self._size
        known[known] = self._passages[order[at[known]]] == passages[known]
        out[known] = _floats(self._vectors[order[at[known]]]) @ question
        return out

    def _clear(self, dimension: int) -> None:
        self._size, self._dimension, self._words = 0, dimension, -(-dimension // 64)
        self._vectors = np.empty((0, dimension), np.float16)
        self._codes = np.empty((_ROW_BITS, self._words, 0), np.uint64)
        self._scales, self._levels = np.empty(0, np.float32), np.empty(0, np.float32)
        self._passages, self._documents = np.empty(0, np.int64), np.empty(0, np.int64)
        self._dates, self._owners = np.empty(0, np.float64), np.empty(0, np.int32)
        self._names: dict[str, int] = {}  # of owners, and their numbers
        self._moments = Moments(dimension)
        self._centre = np.zeros(dimension, np.float32)
        self._centred_at = 0  # rows, when the centre was taken

    def _drop(self, documents: tuple[int, ...]) -> None:
        gone = np.isin(self._documents[: self._size], np.array(documents, np.int64))
        if not gone.any():
            return
        self._count(np.flatnonzero(gone), sign=-1)
        keep = np.flatnonzero(~gone)
        for name in _COLUMNS:
            setattr(self, name, getattr(self, name)[keep])
        self._codes = np.ascontiguousarray(self._codes[..., keep])
        self._size = len(keep)

    def _append(self, changes: Changes) -> None:
        start, size = self._size, self._size + len(changes.passages)
        self._reserve(size)
        self._vectors[start:size] = changes.vectors
        self._passages[start:size] = changes.passages
        self._documents[start:size] = changes.documents
        self._dates[start:size] = changes.dates
        self._owners[start:size] = [self._names.setdefault(owner, len(self._names)) for owner in changes.owners]
        self._size = size
        self._count(np.arange(start, size), sign=1)
        if size >= 4 * self._centred_at:  # a centre of a few rows would not do for many
            self._centre, self._centred_at, start = (self._moments.sum / size).astype(np.float32), size, 0
        self._code(start)

    def _reserve(self, size: int) -> None:
        room = len(self._passages)
        if size <= room:
            return
        more = max(size, room + room // 4) - room
        for name in _COLUMNS:
            array = getattr(self, name)
            setattr(self, name, np.concatenate([array, np.empty((more, *array.shape[1:]), array.dtype)]))
        self._codes = np.concatenate([self._codes, np.empty((_ROW_BITS, self._words, more), np.uint64)], axis=2)

    def _count(self, rows: NDArray[np.int64], *, sign: int) -> None:
        """Count rows that come, or go, among their owners'."""
        for owner, number in self._names.items():
            theirs = rows[self._owners[rows] == number]
            for start in range(0, len(theirs), _BLOCK):
                self._moments.count(owner, _floats(self._vectors[theirs[start : start + _BLOCK]]), sign=sign)

    def _code(self, start: int) -> None:
        """Make the bits of the rows from `start` on, and what turns counts of bits into a dot product."""
        for first in range(start, self._size, _BLOCK):
            part = slice(first, min(first + _BLOCK, self._size))
            rows = _floats(self._vectors[part]) - self._centre
            squares = np.einsum("ij,ij->i", rows, rows)
            step = _STEP * np.sqrt(squares / max(self._dimension, 1)) + 1e-9
            levels = np.clip(np.floor(rows / step[:, None]) + 2, 0, 3).astype(np.uint8)
            self._codes[..., part] = _planes(levels, self._words, _ROW_BITS)
            self._levels[part] = levels.sum(axis=1)
            # The scale that makes a guess from the levels unbiased (RaBitQ, 2024).
            self._scales[part] = squares / np.maximum(np.einsum("ij,ij->i", rows, levels - np.float32(1.5)), 1e-9)

    def _allowed(
        self, documents: NDArray[np.int64] | None, since: float | None, until: float | None
    ) -> NDArray[np.bool_] | None:
        masks: list[NDArray[np.bool_]] = []
        if documents is not None:
            masks.append(np.isin(self._documents[: self._size], documents))
        if since is not None:
            masks.append(self._dates[: self._size] >= since)
        if until is not None:
            masks.append(self._dates[: self._size] <= until)
        return np.logical_and.reduce(masks) if masks else None

    def _likely(self, question: Floats, rows: NDArray[np.int64], number: int) -> NDArray[np.int64]:
        """Return the rows among which the nearest most likely are."""
        codes = self._codes[..., : self._size] if len(rows) == self._size else self._codes[..., rows]
        low, high = float(question.min()), float(question.max())
        step = (high - low) / (2**_QUESTION_BITS - 1) or 1.0
        planes = _planes(np.rint((question - low) / step).astype(np.uint8)[None], self._words, _QUESTION_BITS)[..., 0]
        guess = low * self._levels[rows] + step * _products(codes, planes) - np.float32(1.5 * question.sum())
        guess *= self._scales[rows]
        return rows[_best(guess, number)]


def _planes(levels: NDArray[np.uint8], words: int, bits: int) -> Words:
    """Return the levels' bits, the lowest first, as 64-bit words, of shape (bits, words, rows)."""
    wide = np.zeros((len(levels), words * 64), np.uint8)
    wide[:, : levels.shape[1]] = levels
    return np.stack([np.packbits((wide >> bit) & 1, axis=1).view(np.uint64).T for bit in range(bits)])


def _products(codes: Words, question: Words) -> Floats:
    """Return the sums of the products of levels, a row each, from the planes of rows and question."""
    total = np.zeros(codes.shape[2], np.uint32)
    for low, rows in enumerate(codes):
        for high, plane in enumerate(question):
            counts = np.zeros(codes.shape[2], np.uint16)
            for word, bits in zip(rows, plane, strict=True):
                counts += np.bitwise_count(word & bits)
            total += counts.astype(np.uint32) << np.uint32(low + high)
    return total.astype(np.float32)


def _floats(halves: NDArray[np.float16]) -> Floats:
    """Return float16 as float32. NumPy's own conversion takes ten times as long: it goes number by number."""
    bits = np.ascontiguousarray(halves).view(np.uint16).astype(np.uint32)
    out: Floats = (((bits & 0x8000) << 16) | ((bits & 0x7FFF) << 13)).view(np.float32)
    out *= np.float32(2.0**112)  # the difference of the exponents' biases
    return out


def _best(scores: NDArray[Any], k: int) -> NDArray[np.int64]:
    """Return where the k highest scores are, the highest first."""
    if k < len(scores):
        top = np.argpartition(scores, len(scores) - k)[len(scores) - k :]
        return top[np.argsort(-scores[top], kind="stable")]
    return np.argsort(-scores, kind="stable")
