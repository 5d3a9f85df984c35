"""Model files from strangers: what is right is read; what is wrong is one clear sentence, soon and in little memory."""

from __future__ import annotations

import os
import struct
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engine.ggufs import LLAMA, Gguf, Tensor, bare, text

from mecum.engine.gguf import BadModel, Header, read
from mecum.engine.models import locate


def written(folder: Path, content: bytes) -> Path:
    file = folder / "model.gguf"
    file.write_bytes(content)
    return file


def with_value(key: str, kind: str, content: Any) -> dict[str, tuple[str, Any]]:
    return {**LLAMA, key: (kind, content)}


def test_reads_what_a_plan_needs(tmp_path: Path) -> None:
    header = read(written(tmp_path, Gguf().build()))
    assert header.architecture == "llama"
    assert header.number("context_length") == 4096
    assert header.numbers("attention.head_count_kv", 2) == (2, 2)
    assert header.values["tokenizer.ggml.scores"] == (0.0, 1.0, 2.0)
    assert "tokenizer.ggml.tokens" not in header.values
    assert header.tensors == 1


def test_reads_values_that_differ_by_layer(tmp_path: Path) -> None:
    values = with_value("llama.attention.head_count_kv", "[u32]", [2, 0])
    header = read(written(tmp_path, Gguf(values=values).build()))
    assert header.numbers("attention.head_count_kv", 2) == (2, 0)
    assert header.numbers("attention.head_count_kv", 3) is None
    assert header.number("attention.head_count_kv") is None


def test_reads_the_starter_model() -> None:
    header = read(locate(None, Path("/nowhere")))
    assert header.architecture == "llama"
    assert header.number("context_length") == 8192
    assert header.tensors == 272


@pytest.mark.parametrize(
    ("file", "says"),
    [
        (Gguf(magic=b"GGML"), "not a GGUF"),
        (Gguf(version=1), "version 1"),
        (Gguf(version=3 << 24), "big-endian"),
        (Gguf(claimed_tensors=2**63), "claims"),
        (Gguf(claimed_keys=2**64 - 1), "claims"),
        (Gguf(claimed_keys=9_000), "claims"),
        (Gguf(claimed_tensors=2), "cut off"),
        (Gguf(data=100), "cut off"),
        (Gguf(tensors=[Tensor(offset=2**62)]), "cut off"),
        (Gguf(tensors=[Tensor(offset=7)]), "aligned"),
        (Gguf(tensors=[Tensor(shape=[2**40, 2**40])]), "impossible shape"),
        (Gguf(tensors=[Tensor(shape=[33], kind=2)]), "impossible shape"),
        (Gguf(tensors=[Tensor(shape=[1] * 5)]), "5 dimensions"),
        (Gguf(tensors=[Tensor(), Tensor()]), "twice"),
        (Gguf(tensors=[Tensor(name="n" * 64)]), "64 bytes"),
        (Gguf(values=with_value("general.alignment", "u32", 0)), "alignment"),
        (Gguf(values=with_value("general.alignment", "u32", 48)), "alignment"),
        (Gguf(values=with_value("general.alignment", "str", "32")), "alignment"),
    ],
)
def test_refuses_what_contradicts_itself(tmp_path: Path, file: Gguf, says: str) -> None:
    path = written(tmp_path, file.build())
    with pytest.raises(BadModel, match=says) as refused:
        read(path)
    assert str(path) in refused.value.message


def raw(*values: bytes) -> bytes:
    """A file of these metadata values, laid out by hand, with room behind them."""
    keys = b"".join(text(f"k{number}") + content for number, content in enumerate(values))
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(values)) + keys + bytes(4096)


@pytest.mark.parametrize(
    "content",
    [
        struct.pack("<I", 13),  # no such type
        struct.pack("<IIQ", 9, 9, 1),  # an array of arrays
        struct.pack("<IIQ", 9, 4, 2**61),  # longer than any file
        struct.pack("<IIQ", 9, 8, 2**61),
        struct.pack("<IQ", 8, 2**63),  # a text of that length
        struct.pack("<IIQQ", 9, 8, 3, 2**50),
    ],
)
def test_believes_no_length(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(BadModel):
        read(written(tmp_path, raw(content)))


def test_a_key_must_not_come_twice(tmp_path: Path) -> None:
    keys = (text("same") + struct.pack("<I", 0) + bare("u8", 1)) * 2
    with pytest.raises(BadModel, match="twice"):
        read(written(tmp_path, b"GGUF" + struct.pack("<IQQ", 3, 0, 2) + keys))


def test_a_long_value_is_checked_and_not_kept(tmp_path: Path) -> None:
    values = {**LLAMA, "long": ("str", "x" * 2_000_000), "many": ("[u8]", [1] * 5_000), "last": ("u8", 7)}
    header = read(written(tmp_path, Gguf(values=values).build()))
    assert "long" not in header.values
    assert "many" not in header.values
    assert header.values["last"] == 7


def test_millions_of_empty_texts_cost_neither_time_nor_memory(tmp_path: Path) -> None:
    count = 30_000_000
    file = written(tmp_path, raw(struct.pack("<IIQ", 9, 8, count)))
    os.truncate(file, count * 8 + 4096)  # a sparse file: zeros take no room on the disk
    tracemalloc.start()
    began = time.monotonic()
    with pytest.raises(BadModel, match="texts"):
        read(file)
    assert time.monotonic() - began < 5
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


def test_a_header_has_an_end(tmp_path: Path) -> None:
    file = written(tmp_path, raw(struct.pack("<IQ", 8, 2**31), struct.pack("<I", 0)))
    os.truncate(file, 2**32)
    with pytest.raises(BadModel, match="256 MiB"):
        read(file)


def test_says_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="No such file"):
        read(tmp_path / "nothing.gguf")
    with pytest.raises(BadModel, match="not a file"):
        read(tmp_path)
    os.mkfifo(tmp_path / "pipe.gguf")
    with pytest.raises(BadModel, match="not a file"):
        read(tmp_path / "pipe.gguf")
    with pytest.raises(BadModel, match="not a GGUF"):
        read(written(tmp_path, b"#!/bin/sh\n"))


def test_an_empty_file_is_cut_off(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="cut off"):
        read(written(tmp_path, b""))


WHOLE = Gguf().build()
HEADER = len(WHOLE) - 64 * 3 * 4


@pytest.mark.parametrize("length", range(0, HEADER, 7))
def test_cut_anywhere_in_the_header(tmp_path: Path, length: int) -> None:
    with pytest.raises(BadModel):
        read(written(tmp_path, WHOLE[:length]))


def read_or_none(file: Path) -> Header | None:
    try:
        return read(file)
    except BadModel:
        return None


@settings(max_examples=300, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, HEADER - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_changed_bytes_give_a_header_or_a_clean_error(tmp_path: Path, changes: list[tuple[int, int]]) -> None:
    content = bytearray(WHOLE)
    for position, byte in changes:
        content[position] = byte
    header = read_or_none(written(tmp_path, bytes(content)))
    assert header is None or header.size == len(WHOLE)


@settings(max_examples=200, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(4, HEADER - 8), st.sampled_from([2**64 - 1, 2**63, 2**62, 2**40, 2**32, 2**31, 65_536]))
def test_a_huge_number_anywhere_gives_a_header_or_a_clean_error(tmp_path: Path, position: int, number: int) -> None:
    content = WHOLE[:position] + struct.pack("<Q", number) + WHOLE[position + 8 :]
    header = read_or_none(written(tmp_path, content))
    assert header is None or header.size == len(WHOLE)
