"""The wire format: what is read of it, and what is not."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecum.engine.embedder import protobuf
from mecum.engine.embedder.onnx import _bytes, _number, _varint
from mecum.engine.embedder.protobuf import Field, Malformed, Wire


def fields(data: bytes, start: int = 0, end: int | None = None) -> list[Field]:
    return list(Wire(io.BytesIO(data), len(data)).fields(start, len(data) if end is None else end))


def test_numbers_and_bytes_are_yielded_and_numbers_of_fixed_size_passed_over() -> None:
    data = _number(1, 300) + _varint(2 << 3 | 5) + b"\0\0\x80\x3f" + _varint(3 << 3 | 1) + bytes(8) + _bytes(4, b"abc")
    assert [(one.number, one.value, data[one.start : one.end]) for one in fields(data)] == [(1, 300, b""), (4, None, b"abc")]


def test_numbers_below_zero() -> None:
    assert fields(_number(7, -1))[0].value == (1 << 64) - 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (_varint(1 << 3 | 2) + _varint(4) + b"abc", "longer than its message"),
        (_varint(1 << 3 | 2) + b"\xff" * 9 + b"\x01", "longer than its message"),
        (b"\xff" * 11, "does not end"),
        (b"\x80", "does not end"),
        (_varint(1 << 3), "does not end"),
        (_varint(1 << 3 | 3), "no known type"),  # a group
        (_varint(1 << 3 | 6), "no known type"),
        (_varint(1 << 3 | 5) + b"abc", "no known type"),
        (_number(0, 1), "no number"),
        (_varint(1 << 32 | 7 << 3 | 2) + _varint(0), "no number"),  # which protobuf takes for field 7
    ],
)
def test_what_is_malformed(data: bytes, reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        fields(data)


def test_a_message_that_says_to_be_longer_than_the_file() -> None:
    with pytest.raises(Malformed, match="too early"):
        fields(_number(1, 1), end=100)


def test_its_fields_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protobuf, "MOST", 10)
    assert len(fields(_number(1, 1) * 10)) == 10
    with pytest.raises(Malformed, match="more than 10 parts"):
        fields(_number(1, 1) * 11)


def test_no_more_is_read_than_asked_for() -> None:
    data = _bytes(1, b"x" * 100)
    wire = Wire(io.BytesIO(data), len(data))
    (one,) = wire.fields(0, len(data))
    assert wire.content(one, 100) == b"x" * 100
    with pytest.raises(Malformed, match="too long"):
        wire.content(one, 99)


def test_a_large_field_is_not_read() -> None:
    class Counted(io.BytesIO):
        seen = 0

        def read(self, size: int | None = -1, /) -> bytes:
            found = super().read(size)
            self.seen += len(found)
            return found

    data = _bytes(1, bytes(50_000_000)) + _number(2, 1)
    stream = Counted(data)
    assert [one.number for one in Wire(stream, len(data)).fields(0, len(data))] == [1, 2]
    assert stream.seen <= 2 * protobuf.WINDOW


@given(st.binary(max_size=200))
def test_whatever_bytes_it_ends_inside_them(data: bytes) -> None:
    try:
        found = fields(data)
    except Malformed:
        return
    assert all(0 <= one.start <= one.end <= len(data) for one in found)
