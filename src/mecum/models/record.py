"""What stands beside a model in `NAME.json`: where it came from, and what its files were when it came.

Invariant (`tests/models/test_shelf.py`): what stands there is read as something that anybody may have written.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

SIDECAR: Final = ".json"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a model came from. `asked` is a hash of the words that it was asked for with; `pulled` in seconds since 1970."""

    source: str
    asked: str = ""
    revision: str = ""
    licence: str = ""
    pulled: float = 0.0


@dataclass(frozen=True, slots=True)
class Record:
    """`stamps` are names, sizes and times of the files; `header` is what `facts` kept of a GGUF file's."""

    origin: Origin
    stamps: list[dict[str, Any]]
    sha256: dict[str, str] = field(default_factory=dict)
    header: object = None

    def write(self, model: Path) -> None:
        """Write it down beside the file or folder that a model is.

        Raises:
            OSError: it cannot be written.
        """
        files = [stamp | {"sha256": self.sha256.get(stamp["name"], "")} for stamp in self.stamps]
        kept = {**asdict(self.origin), "files": files, "header": self.header}
        write(sidecar(model), orjson.dumps(kept, option=orjson.OPT_INDENT_2) + b"\n")


def read(model: Path) -> Record | None:
    """Return what stands beside a model; None where nothing does."""
    try:
        kept = orjson.loads(sidecar(model).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    if not isinstance(kept, dict) or not kept:
        return None
    listed, pulled = kept.get("files"), kept.get("pulled")
    files = [one for one in (listed if isinstance(listed, list) else ()) if isinstance(one, dict)]
    texts = {name: str(kept.get(name) or "") for name in ("source", "asked", "revision", "licence")}
    return Record(
        Origin(**texts, pulled=float(pulled) if isinstance(pulled, int | float) else 0.0),
        [{key: one.get(key) for key in ("name", "size", "modified_ns")} for one in files],
        {str(one["name"]): str(one["sha256"]) for one in files if one.get("sha256") and "name" in one},
        kept.get("header"),
    )


def stamps(files: Mapping[str, Path]) -> list[dict[str, Any]]:
    """Return names, sizes and times of files.

    Raises:
        OSError: one of them is not there.
    """
    found = {name: file.stat() for name, file in files.items()}
    return [{"name": name, "size": stat.st_size, "modified_ns": stat.st_mtime_ns} for name, stat in found.items()]


def sidecar(model: Path) -> Path:
    """Return the file in which it stands."""
    return model.with_name(model.name + SIDECAR)


def write(file: Path, content: bytes) -> None:
    """Write a file whole or not at all, for its owner only.

    Raises:
        OSError: it cannot be written; nothing of it stays.
    """
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            stream.write(content)
        fresh.replace(file)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
