import numpy as np
import onnxruntime as ort
import pytest

from mecum.engine.embedder.onnx import MICROSOFT, Graph


def run(graph: Graph, **inputs: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(graph.model(), providers=["CPUExecutionProvider"])
    return session.run(None, inputs)[0]


@pytest.mark.parametrize("kind", ["float32", "int32", "int64", "int8", "uint8"])
def test_constants_of_every_type(kind):
    graph = Graph(name="constants")
    constant = graph.constant(np.array([[1, 2], [3, 100]], kind))
    graph.output(graph.node("Add", graph.input("x", [2, 2]), graph.node("Cast", constant, to=1)), [2, 2])
    assert run(graph, x=np.ones((2, 2), np.float32)).tolist() == [[2, 3], [4, 101]]


def test_attributes_results_and_sizes_that_are_known_later():
    graph = Graph(name="parts")
    sizes = graph.constant(np.array([1, 200], np.int64))
    first, second = graph.nodes("Split", graph.input("x", ["n", 201]), sizes, results=2, axis=-1)
    leaky = graph.node("LeakyRelu", second, alpha=0.5)
    graph.output(graph.node("Add", leaky, first), ["n", 200])
    x = np.linspace(-1, 1, 3 * 201, dtype=np.float32).reshape(3, 201)
    expected = np.where(x[:, 1:] < 0, x[:, 1:] * 0.5, x[:, 1:]) + x[:, :1]
    np.testing.assert_allclose(run(graph, x=x), expected, rtol=1e-6)


def test_texts_as_attributes_and_inputs_left_out():
    graph = Graph(name="clip")
    clipped = graph.node("Clip", graph.input("x", [3]), "", graph.constant(np.array(1, np.float32)))
    graph.output(graph.node("Gelu", clipped, domain=MICROSOFT), [3])
    assert run(graph, x=np.array([-20, 0, 5], np.float32)) == pytest.approx([0, 0, 0.841345], abs=1e-5)
