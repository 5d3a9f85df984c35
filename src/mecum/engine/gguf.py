"""Reads the header of a GGUF model file that may be hostile, before the engine's native code sees it.

Invariant: whatever the file holds, `read` returns a Header or raises BadModel, within bounded time and memory: no size is
believed before it was compared with the file's own, nothing is allocated by a count that the file states, and at most
`MAX_HEADER` bytes and `MAX_ITEMS` strings are read (`tests/engine/test_gguf.py` mutates real headers).
Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, Final

from mecum.errors import EngineStartError

Value = bool | int | float | str | tuple[int | float | bool, ...]

MAX_HEADER: Final = 256 * 1024 * 1024  # bytes; the largest vocabularies known take 20 MB
MAX_ITEMS: Final = 4_000_000  # strings in arrays, all together; the largest vocabularies known have 700,000
MAX_KEYS: Final = 65_536
MAX_TENSORS: Final = 1_000_000
MAX_NAME: Final = 65_535  # bytes of a key (the format's own limit)
MAX_TENSOR_NAME: Final = 63  # bytes (GGML_MAX_NAME less its NUL)
MAX_DIMENSIONS: Final = 4
MAX_TEXT: Final = 1024 * 1024  # bytes of a text value that is kept; a chat template has 20 kB
MAX_LIST: Final = 4096  # numbers of an array that is kept; per-layer values have 200
CHUNK: Final = 1024 * 1024

_STRING, _ARRAY = 8, 9
_SCALARS: Final = {
    number: struct.Struct("<" + code)
    for number, code in {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}.items()
}
# ggml's tensor types: (elements in a block, bytes of a block). A type that is not here is newer than this table; its size
# is then left to the engine to check.
_BLOCKS: Final = MappingProxyType(
    {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36), 10: (256, 84)}
    | {11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292), 16: (256, 66), 17: (256, 74)}
    | {18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2)}
    | {26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17)}
)


class BadModel(EngineStartError):
    """The file is no GGUF model, or a broken one."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the engine's plan needs of a model file. `size` is the file's, in bytes; `values` are its metadata.

    Arrays of texts (vocabularies) and over-long values are checked and left out of `values`.
    """

    path: Path
    size: int
    version: int
    tensors: int
    values: MappingProxyType[str, Value]

    @property
    def architecture(self) -> str:
        """The model's family, such as `llama`; empty where the file does not say."""
        value = self.values.get("general.architecture", "")
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> int | None:
        """Return a whole number of the model's family (`context_length` for `llama.context_length`), if it is there."""
        value = self.values.get(f"{self.architecture}.{name}")
        return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None

    def numbers(self, name: str, count: int) -> tuple[int, ...] | None:
        """Return `count` whole numbers: an array of that many, or one number for all."""
        value = self.values.get(f"{self.architecture}.{name}")
        if isinstance(value, tuple):
            whole = tuple(item for item in value if isinstance(item, int) and item >= 0)
            return whole if len(whole) == len(value) == count else None
        single = self.number(name)
        return None if single is None else (single,) * count


def read(path: Path) -> Header:
    """Return the header of the model file at `path`.

    Raises:
        BadModel: the file cannot be read, is no GGUF, is cut off, or contradicts itself.
    """
    try:
        if path.exists() and not path.is_file():  # a pipe or a device would block, or never end
            raise BadModel(f"The model {path} is not a file.")
        with path.open("rb", buffering=0) as file:
            return _Reader(path, file).header()
    except OSError as error:
        raise BadModel(f"The model {path} cannot be read: {error.strerror}.") from None
    except ValueError as error:  # embedded NUL in the path
        raise BadModel(f"The model {str(path)!r} cannot be read: {error}.") from None


class _Reader:
    """A cursor over the file's beginning that refuses to go past its end."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self._size = path.stat().st_size
        self._window = b""
        self._at = 0  # in the window
        self._before = 0  # bytes of the file in front of the window
        self._items = 0

    def header(self) -> Header:
        if self._take(4, "its magic number") != b"GGUF":
            raise BadModel(f"{self._path} is not a GGUF model (it does not begin with 'GGUF').")
        version = self._version()
        tensors = self._count("tensors", MAX_TENSORS, least=24)
        keys = self._count("metadata keys", MAX_KEYS, least=13)
        values = dict(self._values(keys))
        self._tensors(tensors, values.get("general.alignment", 32))
        return Header(self._path, self._size, version, tensors, MappingProxyType(values))

    def _version(self) -> int:
        version = self._u32("its version")
        if version in (2, 3):
            return version
        if version in (2 << 24, 3 << 24):
            raise self._bad("is a big-endian GGUF; take the little-endian one")
        raise self._bad(f"has GGUF version {version}; versions 2 and 3 are supported")

    def _values(self, count: int) -> Iterator[tuple[str, Value]]:
        seen: set[str] = set()
        for _ in range(count):
            key = self._text("a metadata key", MAX_NAME)
            if key in seen:
                raise self._bad(f"has the metadata key {key[:64]!r} twice")
            seen.add(key)
            value = self._value(key)
            if value is not None:
                yield key, value

    def _value(self, key: str) -> Value | None:
        kind = self._u32(key)
        if kind == _STRING:
            size = self._length(key)
            if size <= MAX_TEXT:
                return self._take(size, key).decode("utf-8", "replace")
            self._skip(size, key)
            return None
        return self._array(key) if kind == _ARRAY else self._scalar(kind, key)

    def _scalar(self, kind: int, key: str) -> bool | int | float:
        shape = self._shape(kind, key)
        value: bool | int | float = shape.unpack(self._take(shape.size, key))[0]
        return value

    def _array(self, key: str) -> Value | None:
        kind, count = self._u32(key), self._u64(key)
        if kind == _STRING:
            self._skip_texts(count, key)
            return None
        shape = self._shape(kind, key)
        self._within(count * shape.size, key)
        if count > MAX_LIST:
            self._skip(count * shape.size, key)
            return None
        return tuple(item for (item,) in shape.iter_unpack(self._take(count * shape.size, key)))

    def _shape(self, kind: int, key: str) -> struct.Struct:
        if kind not in _SCALARS:
            raise self._bad(f"has a value of unknown type {kind} at {key[:64]!r}")
        return _SCALARS[kind]

    def _skip_texts(self, count: int, key: str) -> None:
        self._within(count * 8, key)
        self._items += count
        if self._items > MAX_ITEMS:
            raise self._bad(f"lists more than {MAX_ITEMS} texts in its metadata")
        for _ in range(count):
            self._skip(self._length(key), key)

    def _tensors(self, count: int, alignment: object) -> None:
        if not isinstance(alignment, int) or not 0 < alignment <= 1 << 20 or alignment & (alignment - 1):
            raise self._bad("has an alignment that is not a power of two")
        names: set[str] = set()
        end = 0
        for _ in range(count):
            name, tensor_end = self._tensor(alignment)
            if name in names:
                raise self._bad(f"has the tensor {name!r} twice")
            names.add(name)
            end = max(end, tensor_end)
        start = -(-(self._before + self._at) // alignment) * alignment
        if start + end > self._size:
            raise self._bad(f"is cut off: it has {self._size:,} bytes, and its tensors need {start + end:,}")

    def _tensor(self, alignment: int) -> tuple[str, int]:
        name = self._text("a tensor's name", MAX_TENSOR_NAME)
        dimensions = self._u32(name)
        if dimensions > MAX_DIMENSIONS:
            raise self._bad(f"has a tensor {name!r} of {dimensions} dimensions")
        shape = [self._u64(name) for _ in range(dimensions)]
        kind, offset = self._u32(name), self._u64(name)
        if offset % alignment:
            raise self._bad(f"has a tensor {name!r} that is not aligned")
        return name, offset + self._tensor_bytes(name, shape, kind)

    def _tensor_bytes(self, name: str, shape: list[int], kind: int) -> int:
        block, size = _BLOCKS.get(kind, (1, 0))
        row, elements = (shape or [1])[0], 1
        for length in shape:
            elements *= length
        if elements >= 1 << 63 or row % block:
            raise self._bad(f"has a tensor {name!r} of an impossible shape")
        return elements // block * size

    def _count(self, what: str, most: int, *, least: int) -> int:
        count = self._u64(f"its number of {what}")
        if count > most or count * least > self._size:
            raise self._bad(f"claims {count} {what}, which cannot be in {self._size:,} bytes")
        return count

    def _text(self, what: str, most: int) -> str:
        size = self._length(what)
        if size > most:
            raise self._bad(f"has {what} of {size} bytes")
        return self._take(size, what).decode("utf-8", "replace")

    def _length(self, what: str) -> int:
        size = self._u64(what)
        self._within(size, what)
        return size

    def _u32(self, what: str) -> int:
        return int.from_bytes(self._take(4, what), "little")

    def _u64(self, what: str) -> int:
        return int.from_bytes(self._take(8, what), "little")

    def _take(self, size: int, what: str) -> bytes:
        end = self._at + size
        if end > len(self._window):
            self._within(size, what)
            self._fill(size)
            end = self._at + size
            if end > len(self._window):
                raise self._cut(what)
        taken = self._window[self._at : end]
        self._at = end
        return taken

    def _skip(self, size: int, what: str) -> None:
        """Go on by `size` bytes, which may be more than one would want to hold."""
        while size > len(self._window) - self._at:
            size -= len(self._window) - self._at
            self._at = len(self._window)
            self._fill(min(size, CHUNK))
            if self._at == len(self._window):
                raise self._cut(what)
        self._at += size

    def _fill(self, size: int) -> None:
        self._before += self._at
        rest = self._window[self._at :]
        self._window, self._at = rest + (self._file.read(max(CHUNK, size)) or b""), 0
        if self._before > MAX_HEADER:
            raise self._bad("has a header of more than 256 MiB")

    def _within(self, size: int, what: str) -> None:
        if size > self._size - self._before - self._at:
            raise self._cut(what)

    def _cut(self, what: str) -> BadModel:
        return self._bad(f"is cut off or broken at {what[:64]!r}")

    def _bad(self, why: str) -> BadModel:
        return BadModel(f"The model {self._path} {why}. Download it again or choose another.")
