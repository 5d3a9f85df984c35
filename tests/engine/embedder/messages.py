"""ONNX messages for tests, also such that no exporter writes: tensors in other files, at every place where one may stand."""

from __future__ import annotations

from mecum.engine.embedder.onnx import _bytes, _declaration, _number

FLOATS = 1
EXTERNAL = 1  # where a tensor lies: in another file


def outside(location: str, *, name: str = "w", dims: tuple[int, ...] = (8, 8)) -> bytes:
    """A tensor whose numbers lie in another file."""
    entry = _bytes(1, b"location") + _bytes(2, location.encode("utf-8", "surrogateescape"))
    sizes = b"".join(_number(1, size) for size in dims)
    return sizes + _number(2, FLOATS) + _bytes(8, name.encode()) + _bytes(13, entry) + _number(14, EXTERNAL)


def attribute(field: int, message: bytes) -> bytes:
    """An operator with a message as its attribute: a tensor (5), a graph (6), tensors (10), graphs (11), sparse (22, 23)."""
    return _bytes(4, b"Constant") + _bytes(5, _bytes(1, b"value") + _bytes(field, message))


def graph(*parts: tuple[int, bytes], ids: str = "input_ids", output: str = "last_hidden_state") -> bytes:
    """A graph with an input, an output and other fields."""
    ends = _bytes(11, _declaration(ids, [1, "n"], "int64")) + _bytes(12, _declaration(output, [1, "n", 8]))
    return b"".join(_bytes(number, part) for number, part in parts) + ends


def model(main: bytes, *parts: tuple[int, bytes]) -> bytes:
    """A file with a graph and other fields."""
    return _number(1, 10) + _bytes(7, main) + b"".join(_bytes(number, part) for number, part in parts)


def everywhere(location: str) -> dict[str, bytes]:
    """Files that name another file, each at another place."""
    tensor = outside(location)
    inner = graph((5, tensor))
    return {
        "initialiser": model(graph((5, tensor))),
        "sparse values": model(graph((15, _bytes(1, tensor)))),
        "sparse indices": model(graph((15, _bytes(2, tensor)))),
        "constant": model(graph((1, attribute(5, tensor)))),
        "constants": model(graph((1, attribute(10, tensor)))),
        "sparse constant": model(graph((1, attribute(22, _bytes(1, tensor))))),
        "sparse constants": model(graph((1, attribute(23, _bytes(1, tensor))))),
        "branch": model(graph((1, attribute(6, inner)))),
        "branches": model(graph((1, attribute(11, inner)))),
        "branch in a branch": model(graph((1, attribute(6, graph((1, attribute(6, inner))))))),
        "function": model(graph(), (25, _bytes(7, attribute(5, tensor)))),
        "training": model(graph(), (20, _bytes(1, inner))),
        "second graph": model(graph()) + _bytes(7, graph((5, tensor))),
        "location behind another": model(graph((5, tensor + _bytes(13, _bytes(1, b"offset") + _bytes(2, b"0"))))),
        "said twice": model(graph((5, tensor + _bytes(13, _bytes(1, b"location") + _bytes(2, b"fine"))))),
    }
