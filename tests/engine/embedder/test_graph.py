import math

import numpy as np
import onnxruntime as ort
import pytest

from mecum.engine.cache import load
from mecum.engine.embedder import graph
from mecum.engine.embedder.weights import Weights, read

from .tiny import Tiny


@pytest.fixture
def weights(tmp_path) -> Weights:
    file = tmp_path / "model.bin"
    file.write_bytes(Tiny().file())
    return read(file)


def plain(weights: Weights, x: np.ndarray) -> np.ndarray:
    """The network as a book has it, in floats."""
    hidden, heads = weights.sizes.hidden, weights.sizes.heads

    def norm(value, name):
        value = value - value.mean(-1, keepdims=True)
        value = value / np.sqrt((value**2).mean(-1, keepdims=True) + weights.epsilon)
        return value * weights.vector(f"{name}.w", hidden) + weights.vector(f"{name}.b", hidden)

    def linear(value, name, rows, columns):
        return value @ weights.matrix(f"{name}.w", rows, columns).T + weights.vector(f"{name}.b", rows)

    def split(value):
        return value.reshape(len(value), heads, -1).transpose(1, 0, 2)

    for layer in range(weights.sizes.layers):
        q, k, v = (split(linear(x, f"l{layer}.{name}", hidden, hidden)) for name in "qkv")
        scores = np.exp(q @ k.transpose(0, 2, 1) / math.sqrt(hidden // heads))
        attended = (scores / scores.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(len(x), hidden)
        x = norm(x + linear(attended, f"l{layer}.ao", hidden, hidden), f"l{layer}.aln")
        inner = linear(x, f"l{layer}.fi", weights.sizes.feed_forward, hidden)
        inner = inner * 0.5 * (1 + np.vectorize(math.erf)(inner / math.sqrt(2)))
        x = norm(x + linear(inner, f"l{layer}.fo", hidden, weights.sizes.feed_forward), f"l{layer}.oln")
    return x.mean(0)


def test_the_graph_computes_the_network(weights):
    x = np.random.default_rng(3).normal(size=(9, 64)).astype(np.float32)
    session = ort.InferenceSession(graph.build(weights), providers=["CPUExecutionProvider"])
    ours, exact = session.run(None, {"x": x[None]})[0][0], plain(weights, x)
    assert ours @ exact / np.linalg.norm(ours) / np.linalg.norm(exact) > 0.999


def test_quantised_values_are_the_nearest():
    matrix = np.array([[1.0, -0.51, 0.011], [0, 0, 0]], np.float32)
    values, scales = graph.quantise(matrix)
    assert values.tolist() == [[63, -32, 1], [0, 0, 0]]
    assert scales[0] == pytest.approx(1 / 63)


def test_it_is_made_once(weights, tmp_path):
    file = tmp_path / "cache" / "a.graph"
    made = graph.cached(weights, file)
    time = file.stat().st_mtime_ns
    assert graph.cached(weights, file) == made
    assert file.stat().st_mtime_ns == time
    assert [each.name for each in file.parent.iterdir()] == ["a.graph"]


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: data[:-1] + b"\xff", lambda data: b"", lambda data: data[:32]]
)
def test_a_damaged_one_is_made_anew(weights, tmp_path, damage):
    file = tmp_path / "cache" / "a.graph"
    made = graph.cached(weights, file)
    file.write_bytes(damage(file.read_bytes()))
    assert graph.cached(weights, file) == made
    assert load(file) == made


def test_without_a_place_to_keep_it_it_works_all_the_same(weights, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert graph.cached(weights, tmp_path / "cache" / "a.graph")
