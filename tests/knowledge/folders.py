"""Words for the tests of watched folders: a library that is a dictionary, files that were left alone for a while."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from mecum.errors import DocumentNotFound
from mecum.knowledge.folder import FoundFile
from mecum.knowledge.watch import Known

LARGEST = 1_000_000
AGES = itertools.count(1_700_000_000_000_000_000, 1_000_000)


def write(root: Path, contents: dict[str, str | bytes], *, settled: bool = True) -> Path:
    """Write files that were changed long ago, each at a time of its own; or just now."""
    for name, content in contents.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        if settled:
            os.utime(file, ns=(at := next(AGES), at))
    return root


@contextlib.contextmanager
def anybody() -> Iterator[Path]:
    """A folder, and for the block a user whom permissions bind: the superuser may read everything."""
    outer = Path(tempfile.mkdtemp()).resolve()
    user = os.geteuid()
    try:
        outer.chmod(0o777)
        if user == 0:
            os.seteuid(65534)
        (outer / "root").mkdir()
        yield outer / "root"
    finally:
        os.seteuid(user)
        shutil.rmtree(outer)


class Shelf:
    """A target in memory. `calls` says what was done; `fault` is raised by whatever is asked for."""

    def __init__(self) -> None:
        self.documents: dict[str, Known] = {}
        self.calls: list[str] = []
        self.fault: Exception | None = None
        self.refuse: dict[str, Exception] = {}
        self.slow = 0.0

    def contents(self, root: Path) -> dict[str, str]:
        """The documents' paths under the root, and their ids."""
        return {known.path.relative_to(root).as_posix(): known.id for known in self.documents.values()}

    async def known(self, root: Path) -> list[Known]:
        if self.fault:
            raise self.fault
        return [known for known in self.documents.values() if known.path.is_relative_to(root)]

    async def add(self, file: FoundFile) -> None:
        if fault := self.fault or self.refuse.get(file.path.name):
            raise fault
        await asyncio.sleep(self.slow)
        sha256 = hashlib.sha256(file.path.read_bytes()).hexdigest()
        before = next((one.id for one in self.documents.values() if one.path == file.path), None)
        name = before or f"{len(self.calls)}"
        self.documents[name] = Known(name, file.path, file.size, file.modified_ns, sha256)
        self.calls.append(f"add {file.path.name}")

    async def rename(self, document_id: str, path: Path) -> None:
        if document_id not in self.documents:
            raise DocumentNotFound("There is none.")
        old = self.documents[document_id]
        self.documents[document_id] = Known(old.id, path, old.size, old.modified_ns, old.sha256)
        self.calls.append(f"rename {old.path.name} {path.name}")

    async def remove(self, document_ids: Sequence[str]) -> None:
        for one in document_ids:
            self.calls.append(f"remove {self.documents.pop(one).path.name}")
