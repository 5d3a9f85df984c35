"""Folders that are looked at before any library sees them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.engine.embedder import messages
from tests.engine.embedder.encoders import SIZE, network, put

from mecum.engine.embedder import inspection
from mecum.engine.embedder.inspection import check
from mecum.engine.embedder.workers import Unusable


def test_what_there_is(tmp_path: Path) -> None:
    folder = put(tmp_path / "x")
    found = check(folder)
    assert (found.model, found.tokenizer, found.weights) == (folder / "model.onnx", folder / "tokenizer.json", ())
    assert (found.signature.pooled, found.signature.size) == (False, SIZE)
    assert found.size == len(network())


def test_tensors_beside_the_model_and_below(tmp_path: Path) -> None:
    tensors = [(5, messages.outside(name, name=name)) for name in ("model.onnx_data", "parts/1", "./other")]
    folder = put(tmp_path / "x", model_onnx=messages.model(messages.graph(*tensors)))
    (folder / "parts").mkdir()
    for name in ("model.onnx_data", "parts/1", "other"):
        (folder / name).write_bytes(bytes(256))
    found = check(folder)
    assert {file.resolve() for file in found.weights} == {
        folder / "model.onnx_data",
        folder / "parts" / "1",
        folder / "other",
    }
    assert found.size == (folder / "model.onnx").stat().st_size + 3 * 256


@pytest.mark.parametrize(
    "name",
    [
        "../secret",
        "parts/../../secret",
        "/etc/passwd",
        "//etc/passwd",
        "..",
        "",
        "..\\secret",
        "C:secret",
        "a\0b",
        "*/_ORT_MEM_ADDR_/*",  # by which onnxruntime is told an address in memory
    ],
)
def test_a_model_reads_nothing_outside_its_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_bytes(bytes(256))
    folder = put(tmp_path / "x", model_onnx=messages.model(messages.graph((5, messages.outside(name)))))
    (folder / "parts").mkdir()
    with pytest.raises(Unusable, match=r"wants to read .* not in its folder|which is not there"):
        check(folder)


@pytest.mark.parametrize("place", messages.everywhere(""))
def test_wherever_it_says_so(tmp_path: Path, place: str) -> None:
    (tmp_path / "secret").write_bytes(bytes(256))
    folder = put(tmp_path / "x", model_onnx=messages.everywhere("../secret")[place])
    with pytest.raises(Unusable, match="not in its folder"):
        check(folder)


def test_a_link_leads_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(256))
    folder = put(tmp_path / "x", model_onnx=messages.model(messages.graph((5, messages.outside("data")))))
    (folder / "data").symlink_to(tmp_path / "secret")
    with pytest.raises(Unusable, match="not in its folder"):
        check(folder)


def test_a_cache_whose_files_are_links_to_one_place(tmp_path: Path) -> None:
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    (blobs / "1").write_bytes(messages.model(messages.graph((5, messages.outside("model.onnx_data")))))
    (blobs / "2").write_bytes(bytes(256))
    folder = put(tmp_path / "snapshot", model_onnx=None)
    (folder / "model.onnx").symlink_to(blobs / "1")
    (folder / "model.onnx_data").symlink_to(blobs / "2")
    assert check(folder).weights == (folder / "model.onnx_data",)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"tokenizer_json": None}, "There is no tokenizer.json"),
        ({"model_onnx": None}, "There is no ONNX model"),
        ({"model_onnx": None, "a_onnx": b"", "b_onnx": b""}, "several models.*a.onnx, b.onnx"),
        ({"model_onnx": b"no graph"}, "model.onnx is damaged, or no ONNX model"),
        ({"model_onnx": network(name="pixels")}, "model.onnx asks for pixels"),
        ({"model_onnx": messages.model(messages.graph(output="logits"))}, "model.onnx scores or classifies"),
        ({"model_onnx": messages.model(messages.graph((5, messages.outside("data"))))}, "needs the file 'data' beside it"),
    ],
)
def test_what_cannot_be_used(tmp_path: Path, files: dict[str, Any], reason: str) -> None:
    with pytest.raises(Unusable, match=reason):
        check(put(tmp_path / "x", **files))


def test_a_tokeniser_that_is_too_large(tmp_path: Path) -> None:
    folder = put(tmp_path / "x")
    os.truncate(folder / "tokenizer.json", inspection.TOKENIZER_SIZE + 1)
    with pytest.raises(Unusable, match="too large to be one: 134 MB"):
        check(folder)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    folder = put(tmp_path / "x").rename(Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")))
    with pytest.raises(Unusable, match=r"/caf\? has a name that is no text") as caught:
        check(folder)
    str(caught.value).encode()  # it goes into answers


def test_a_file_of_several_can_be_named(tmp_path: Path) -> None:
    folder = put(tmp_path / "x", model_onnx=None, a_onnx=network(), b_onnx=b"no graph")
    assert check(folder, folder / "a.onnx").model == folder / "a.onnx"
