"""The network as an ONNX graph, made once from the weights and kept in the cache.

The graph takes summed and normalised embeddings of one text and gives the mean of the last layer. It is written for speed
on a CPU: q, k and v in one product, attention, GELU and the residual norms as onnxruntime's fused operators, linear layers
with int8 weights and int8 activations whose scale is found as they come ("dynamic").

Two choices for exactness, measured against the wheel's own engine (cosine of the vectors, mean over 40 texts):
- weights use 7 bits (-63 … 63): .9964 instead of .9968, but older x86 processors without VNNI add two products in 16 bits,
  which 8-bit weights overflow;
- a few values in front of the last product of a layer are 30 times larger than the rest and leave these few bits. Each
  token's row is therefore divided by its largest value first and multiplied afterwards: .9986 at no measurable cost.

Invariant: a cached graph is used only when it is whole (`engine.cache`, `tests/engine/embedder/test_graph.py`). A damaged
one, or one for other weights, is made anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from mecum.engine import cache
from mecum.engine.embedder.onnx import MICROSOFT, Graph
from mecum.engine.embedder.weights import Floats, Weights, shape

VERSION: Final = 1  # of the graph: raise it when vectors change; the embedder's identity holds it
LARGEST: Final = 63  # of a quantised weight


def cached(weights: Weights, file: Path) -> bytes:
    """Return the model for onnxruntime: out of the file, or made and put there."""
    model = cache.load(file)
    if model is None:
        model = build(weights)
        cache.keep(file, model)
    return model


def build(weights: Weights) -> bytes:
    """Return the network as an ONNX model: input `x` (1, tokens, hidden), one output (1, hidden)."""
    graph = Graph(name="multilingual-e5-small")
    hidden = weights.sizes.hidden
    value = graph.input("x", [1, "tokens", hidden])
    for layer in range(weights.sizes.layers):
        value = _layer(graph, weights, f"l{layer}", value)
    mean = graph.node("ReduceMean", value, graph.constant(np.array([1], np.int64)), keepdims=0)
    graph.output(mean, [1, hidden])
    return graph.model()


def _layer(graph: Graph, weights: Weights, layer: str, value: str) -> str:
    hidden = weights.sizes.hidden
    parts = graph.constant(np.array([hidden] * 3, np.int64))
    qkv = graph.nodes("Split", _linear(graph, weights, value, f"{layer}.", "q", "k", "v"), parts, results=3, axis=-1)
    attended = graph.node("MultiHeadAttention", *qkv, domain=MICROSOFT, num_heads=weights.sizes.heads)
    value = _add(graph, weights, f"{layer}.aln", value, _linear(graph, weights, attended, f"{layer}.", "ao"))
    inner = graph.node("Gelu", _linear(graph, weights, value, f"{layer}.", "fi"), domain=MICROSOFT)
    return _add(graph, weights, f"{layer}.oln", value, _scaled_linear(graph, weights, inner, f"{layer}.", "fo"))


def _add(graph: Graph, weights: Weights, norm: str, value: str, change: str) -> str:
    """Add the change to the value, and normalise."""
    gain, shift = (graph.constant(weights.vector(f"{norm}.{part}", weights.sizes.hidden)) for part in "wb")
    epsilon = float(weights.epsilon)
    return graph.node("SkipLayerNormalization", value, change, gain, shift, domain=MICROSOFT, epsilon=epsilon)


def _linear(graph: Graph, weights: Weights, value: str, layer: str, *names: str) -> str:
    return graph.node("DynamicQuantizeMatMul", value, *_quantised(graph, weights, layer, *names), domain=MICROSOFT)


def _scaled_linear(graph: Graph, weights: Weights, value: str, layer: str, name: str) -> str:
    """Like `_linear`, with each row divided by its largest value and multiplied again. For what GELU gives: above -.17."""
    packed, scales, none, bias = _quantised(graph, weights, layer, name)
    floor = graph.constant(np.array(1e-6, np.float32))
    largest = graph.node("Max", graph.node("ReduceMax", value, graph.constant(np.array([-1], np.int64)), keepdims=1), floor)
    even = graph.node("Div", value, largest)
    product = graph.node("DynamicQuantizeMatMul", even, packed, scales, none, domain=MICROSOFT)
    return graph.node("Add", graph.node("Mul", product, largest), bias)


def _quantised(graph: Graph, weights: Weights, layer: str, *names: str) -> tuple[str, str, str, str]:
    """Return packed weights (in x out), a scale for each output, no zero points, and the bias, of layers side by side."""
    shapes = [shape(weights.sizes, name) for name in names]
    full = np.concatenate([weights.matrix(f"{layer}{name}.w", *s) for name, s in zip(names, shapes, strict=True)])
    bias = np.concatenate([weights.vector(f"{layer}{name}.b", s[0]) for name, s in zip(names, shapes, strict=True)])
    packed, scales = quantise(full)
    return graph.constant(packed.T), graph.constant(scales), "", graph.constant(bias)


def quantise(matrix: Floats) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.int8]], Floats]:
    """Return int8 values and a scale a row, so that values x scale is nearest to the matrix."""
    scales = np.maximum(np.abs(matrix).max(axis=1) / LARGEST, 1e-12).astype(np.float32)
    return np.rint(matrix / scales[:, None]).astype(np.int8), scales
