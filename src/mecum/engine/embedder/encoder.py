"""The model at work in this process: texts in, vectors out.

Invariant: a text's vector depends on that text alone. Every text runs by itself, without padding, so that no other one can
change the scale of its activations; several cores work on several texts (`tests/engine/embedder/test_parity.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped] # ships no types

from mecum.engine.embedder import graph
from mecum.engine.embedder.base import Kind
from mecum.engine.embedder.pieces import LONGEST, Pieces
from mecum.engine.embedder.weights import Floats, Weights, read, unpack

TOKENS: Final = 512  # a text's longest, its beginning and end counted; what is beyond is not seen


class Encoder:
    """multilingual-e5-small, on `threads` cores. `file` is where the graph is kept."""

    def __init__(self, weights: Path, file: Path, *, threads: int = 1) -> None:
        model = read(weights)
        self._pieces = Pieces(model)
        self._table = _Table(model)
        self._most = min(TOKENS, model.sizes.positions)
        self._session = _session(graph.cached(model, file))
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self.dimension = model.sizes.hidden

    def embed(self, kind: Kind, texts: Sequence[str]) -> Floats:
        """Return a vector of length 1 for each text."""
        return self.vectors([self.ids(kind, text) for text in texts])

    def vectors(self, ids: Sequence[Sequence[int]]) -> Floats:
        """Return a vector of length 1 for each text's tokens."""
        order = sorted(range(len(ids)), key=lambda n: -len(ids[n]))  # the longest first, so that no core waits for one
        out = np.zeros((len(ids), self.dimension), np.float32)
        todo = [ids[n] for n in order]
        results = self._pool.map(self.run, todo) if self._pool else map(self.run, todo)
        for number, vector in zip(order, results, strict=True):
            out[number] = vector
        return out

    def ids(self, kind: Kind, text: str) -> list[int]:
        """Return the tokens of a text, as the model sees it."""
        return self.read(kind, text)[0]

    def read(self, kind: Kind, text: str) -> tuple[list[int], bool]:
        """Return the tokens of a text, as the model sees it, and whether the text has more than that."""
        ids = self._pieces.encode(f"{kind}: {text}", self._most + 1)
        if len(ids) > self._most:
            return [*ids[: self._most - 1], ids[-1]], True
        return ids, len(text) > LONGEST

    def run(self, ids: Sequence[int]) -> Floats:
        """Return the vector of one text's tokens. Threads may call it at the same time."""
        means: list[Floats] = self._session.run(None, {"x": self._table.sums(ids)})
        vector: Floats = means[0][0]
        vector /= np.linalg.norm(vector)
        return vector


class _Table:
    """The first layer: words, positions and types summed and normalised. The word table stays packed."""

    def __init__(self, model: Weights) -> None:
        sizes = model.sizes
        self._words = model.packed("emb.word", sizes.vocabulary, sizes.hidden)
        self._places = (
            model.vector("emb.pos", sizes.positions, sizes.hidden)
            + model.vector("emb.type", sizes.token_types, sizes.hidden)[0]
        )
        self._gain = model.vector("emb.ln.w", sizes.hidden)
        self._shift = model.vector("emb.ln.b", sizes.hidden)
        self._epsilon = model.epsilon

    def sums(self, ids: Sequence[int]) -> Floats:
        """Return the first layer's output for one text, of shape (1, tokens, hidden)."""
        values = unpack(self._words[np.asarray(ids)]) + self._places[: len(ids)]
        values -= values.mean(axis=1, keepdims=True)
        values /= np.sqrt((values * values).mean(axis=1, keepdims=True) + self._epsilon)
        sums: Floats = (values * self._gain + self._shift).astype(np.float32)
        return sums[None]


def _session(model: bytes) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1  # one text a core: threads that share a text wait for each other
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
