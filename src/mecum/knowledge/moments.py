"""Mean and deviation of a question's dot products with all of an owner's passages: exact, and without a scan.

They follow from the sum of the vectors and of their products. Each owner has sums of their own, so that nobody's documents
change what counts as near in another's library (`tests/knowledge/test_matrix.py`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Moment(NamedTuple):
    """How many passages an owner has, and where a question's dot products with them lie."""

    passages: int
    mean: float
    deviation: float


class _Sums:
    def __init__(self, dimension: int) -> None:
        self.rows = 0
        self.sum = np.zeros(dimension)
        self.products = np.zeros((dimension, dimension))


class Moments:
    """The sums of every owner: 1.2 MB each, at 384 dimensions."""

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self._of: dict[str, _Sums] = {}

    def count(self, owner: str, rows: Floats, *, sign: int) -> None:
        """Take note of an owner's rows that come (`sign` 1) or go (-1)."""
        sums = self._of.setdefault(owner, _Sums(self._dimension))
        sums.rows += sign * len(rows)
        sums.sum += sign * rows.sum(axis=0, dtype=np.float64)
        sums.products += sign * (rows.T @ rows).astype(np.float64)
        if not sums.rows:
            del self._of[owner]  # with what rounding has left of it

    def of(self, owner: str, question: Floats) -> Moment:
        """Return a question's moment in an owner's library; zeros in an empty one."""
        sums = self._of.get(owner)
        if sums is None:
            return Moment(0, 0.0, 0.0)
        mean = float(sums.sum @ question) / sums.rows
        square = float(question @ sums.products @ question) / sums.rows
        return Moment(sums.rows, mean, max(square - mean * mean, 0.0) ** 0.5)

    @property
    def sum(self) -> NDArray[np.float64]:
        """The sum of all rows of all owners."""
        return sum((sums.sum for sums in self._of.values()), np.zeros(self._dimension))
