"""Reads protobuf's wire format out of a file that may be hostile: field by field, passing over what nobody asks for.

Invariant (`tests/engine/embedder/test_protobuf.py`): whatever the file holds, reading ends, with fields that lie inside
their message and the file or with `Malformed`; at most `MOST` fields are read, and of a field no more than is asked for. It
is not more lenient than protobuf where that could make two readers see different things (keys above 32 bits, groups).
Source: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

MOST: Final = 2_000_000  # fields of one file; a decoder of 28 layers has 75,000
WINDOW: Final = 16 * 1024  # bytes read at once
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types; 3 and 4 are groups, which nothing writes any more
_FIXED: Final = {_FIXED64: 8, _FIXED32: 4}
_LARGEST_KEY: Final = 1 << 32  # of what is above, protobuf takes the lower bits


class Malformed(Exception):
    """The file is no protobuf message, or a damaged one; the text says how."""


class Field(NamedTuple):
    """A field: a whole number, or bytes from `start` to `end` of the file. Others are not yielded."""

    number: int
    value: int | None
    start: int
    end: int


class Wire:
    """A file of `size` bytes."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self._size = size
        self._left = MOST
        self._window, self._from = b"", 0

    def fields(self, start: int, end: int) -> Iterator[Field]:
        """Yield the fields of a message that lies from `start` to `end`.

        Raises:
            Malformed: it is none.
        """
        at = start
        while at < end:
            self._count()
            key, at = self._number(at, end)
            number, kind = key >> 3, key & 7
            if number == 0 or key >= _LARGEST_KEY:
                raise Malformed("a field has no number")
            if kind == _VARINT:
                value, at = self._number(at, end)
                yield Field(number, value, at, at)
            elif kind == _BYTES:
                length, at = self._number(at, end)
                if length > end - at:
                    raise Malformed("a field is longer than its message")
                yield Field(number, None, at, at + length)
                at += length
            else:
                at = self._passed(kind, at, end)

    def content(self, field: Field, most: int) -> bytes:
        """Return a field's bytes.

        Raises:
            Malformed: there are more than `most` of them.
        """
        if field.end - field.start > most:
            raise Malformed("a name is too long")
        self._stream.seek(field.start)
        found = self._stream.read(field.end - field.start)
        if len(found) < field.end - field.start:
            raise Malformed("the file ends too early")
        return found

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise Malformed(f"it has more than {MOST:,} parts")

    def _passed(self, kind: int, at: int, end: int) -> int:
        """Return where a number of fixed size ends."""
        if kind not in _FIXED or _FIXED[kind] > end - at:
            raise Malformed("a field is of no known type")
        return at + _FIXED[kind]

    def _number(self, at: int, end: int) -> tuple[int, int]:
        """Return the whole number that begins at a place, and where it ends."""
        value = 0
        for shift in range(0, 70, 7):
            if at >= end:
                break
            byte = self._byte(at)
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, at
        raise Malformed("a number does not end")

    def _byte(self, at: int) -> int:
        place = at - self._from
        if not 0 <= place < len(self._window):
            self._stream.seek(at)
            self._window, self._from, place = self._stream.read(WINDOW), at, 0
            if not self._window:
                raise Malformed("the file ends too early")
        return self._window[place]
