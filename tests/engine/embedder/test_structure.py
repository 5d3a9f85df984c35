"""What is seen of a graph from outside."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engine.embedder import messages
from tests.engine.embedder.encoders import network

from mecum.engine.embedder import structure
from mecum.engine.embedder.onnx import Graph, _bytes, _number, _varint
from mecum.engine.embedder.protobuf import Malformed
from mecum.engine.embedder.structure import FLOAT, INT32, INT64, Structure, Value, read


def reading(folder: Path, data: bytes) -> Structure:
    file = folder / "model.onnx"
    file.write_bytes(data)
    return read(file)


def test_inputs_and_outputs(tmp_path: Path) -> None:
    graph = Graph(name="two")
    graph.input("input_ids", ["batch", "n"], "int64")
    graph.input("attention_mask", [1, 128], "int32")
    graph.output("last_hidden_state", ["batch", "n", 8])
    found = reading(tmp_path, graph.model())
    assert found.inputs == (Value("input_ids", INT64, (None, None)), Value("attention_mask", INT32, (1, 128)))
    assert found.outputs == (Value("last_hidden_state", FLOAT, (None, None, 8)),)
    assert found.files == frozenset()


def test_tensors_that_old_files_list_as_inputs_are_none(tmp_path: Path) -> None:
    tensor = _number(1, 1) + _number(2, 1) + _bytes(8, b"input_ids") + _bytes(9, bytes(4))
    assert reading(tmp_path, messages.model(messages.graph((5, tensor)))).inputs == ()


def test_sizes_that_are_none(tmp_path: Path) -> None:
    for size in (-1, 0):
        graph = Graph(name="x")
        graph.input("input_ids", [size, 3], "int64")
        graph.output("y", [1])
        assert reading(tmp_path, graph.model()).inputs[0].shape == (None, 3)


@pytest.mark.parametrize("place", messages.everywhere(""))
def test_files_are_found_wherever_a_tensor_may_stand(tmp_path: Path, place: str) -> None:
    assert "../secret" in reading(tmp_path, messages.everywhere("../secret")[place]).files


def test_a_file_of_a_gigabyte_is_read_at_once(tmp_path: Path) -> None:
    file, size = tmp_path / "large.onnx", 1 << 30
    tensor = _number(1, size) + _number(2, 3) + _bytes(8, b"w") + _varint(9 << 3 | 2) + _varint(size)
    head = _varint(5 << 3 | 2) + _varint(len(tensor) + size) + tensor
    ends = messages.graph()
    with file.open("wb") as stream:
        stream.write(_varint(7 << 3 | 2) + _varint(len(head) + size + len(ends)) + head)
        stream.seek(size, 1)
        stream.write(ends)
    began = time.perf_counter()
    assert [value.name for value in read(file).inputs] == ["input_ids"]
    assert time.perf_counter() - began < 1


def test_what_is_nested_too_deep(tmp_path: Path) -> None:
    inner = messages.graph()
    for _ in range(structure.DEEPEST):
        inner = messages.graph((1, messages.attribute(6, inner)))
    with pytest.raises(Malformed, match="too deep"):
        reading(tmp_path, messages.model(inner))


def test_names_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structure, "FILES", 3)
    tensors = [(5, messages.outside(f"file{number}")) for number in range(4)]
    assert len(reading(tmp_path, messages.model(messages.graph(*tensors[:3]))).files) == 3
    with pytest.raises(Malformed, match="more than 3 other files"):
        reading(tmp_path, messages.model(messages.graph(*tensors)))
    monkeypatch.setattr(structure, "NAMES", 1)
    with pytest.raises(Malformed, match="more than 1 names"):
        reading(tmp_path, messages.model(messages.graph() + messages.graph()))


@pytest.mark.parametrize("data", [b"", b"no graph", b"GGUF\x03\0\0\0", b"\x80\x02}q\0", _number(1, 10)])
def test_what_is_no_model(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(Malformed):
        reading(tmp_path, data)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_whatever_a_file_becomes_reading_ends(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from([network(), *messages.everywhere("x").values()])))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        reading(tmp_path, bytes(content[: data.draw(st.integers(0, len(content)))]))
    except Malformed:
        return
