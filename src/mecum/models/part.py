"""A file that is not whole yet: its bytes so far, their hash, and what they are the beginning of.

Invariants (`tests/models/test_fetch.py`): bytes are only ever added to the end of what they belong to (the same hash, or the
same address with the same strong ETag), else the file begins anew; whatever ends the program, the bytes on disk are a
beginning; a header that is no model's ends it at the first bytes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

import orjson

from mecum.errors import EngineStartError

ENDING: Final = ".part"
_PIECE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Identity:
    """What a file is the beginning of: `key` is its hash, or its address's; `validator` an ETag that If-Range may carry."""

    key: str
    validator: str = ""


class Part:
    """The file `NAME.part` in a folder, open for adding, as a context manager; what it is stands in `NAME.part.json`.

    `begins` are the bytes that a file of its kind begins with.
    """

    def __init__(self, folder: Path, name: str, begins: bytes = b"") -> None:
        self.path = folder / f"{name}{ENDING}"
        self._note = folder / f"{name}{ENDING}.json"
        self._name = name
        self._begins = begins
        self._digest = hashlib.sha256()
        self._file: BinaryIO | None = None
        self.size = 0

    def __enter__(self) -> Self:
        """Open it."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)
        self.size = self.path.stat().st_size
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Close it; its bytes stay."""
        if self._file:
            self._file.close()

    @property
    def sha256(self) -> str:
        """The hash of the bytes so far; after `read_again` or from the first byte on."""
        return self._digest.hexdigest()

    def identity(self) -> Identity | None:
        """Return what its bytes are the beginning of, as far as it is known."""
        try:
            kept: Any = orjson.loads(self._note.read_bytes())
            return Identity(str(kept["key"]), str(kept["validator"]))
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
            return None

    def belongs_to(self, identity: Identity) -> None:
        """Write down what the bytes to come are of."""
        self._note.touch(mode=0o600)
        self._note.write_bytes(orjson.dumps({"key": identity.key, "validator": identity.validator}))

    def read_again(self, told: Callable[[int], None]) -> None:
        """Compute the hash of what is there. It takes a while: for a thread; `told` hears of each piece."""
        file = self._opened()
        file.seek(0)
        self._digest = hashlib.sha256()
        while piece := file.read(_PIECE):
            self._digest.update(piece)
            told(len(piece))

    def empty(self) -> None:
        """Begin anew."""
        file = self._opened()
        file.truncate(0)
        file.seek(0)
        self._digest, self.size = hashlib.sha256(), 0

    def add(self, data: bytes) -> None:
        """Add bytes: for a thread.

        Raises:
            EngineStartError: the file does not begin as a model does.
            OSError: it cannot be written.
        """
        begins = self._begins
        if self.size == 0 and data[: len(begins)] != begins[: len(data)]:
            kind = begins.decode()
            raise EngineStartError(f"What comes as {self._name} is not a {kind} model (it does not begin with '{kind}').")
        file = self._opened()
        view = memoryview(data)
        while view:
            written = file.write(view)
            self._digest.update(view[:written])
            self.size += written
            view = view[written:]

    def settle(self) -> None:
        """Make sure that the bytes are on the disk itself."""
        os.fsync(self._opened().fileno())

    def remove(self) -> None:
        """Remove it, with what was written down of it."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def _opened(self) -> BinaryIO:
        assert self._file is not None  # noqa: S101 # it is used as a context manager
        return self._file
