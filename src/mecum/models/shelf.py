"""The models in the data directory: their files, and beside each what is known of it (`record`).

Invariants (`tests/models/test_shelf.py`): a model is listed if its files are there, however they came; what stands beside it
is believed only while the files have the sizes and times that it was written for; a name means one model or is refused; a
file from outside leads nowhere else than into this folder.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from mecum.engine import gguf
from mecum.engine.embedder.folder import folders_in
from mecum.engine.models import came, claim, first_files, locate, starters
from mecum.engine.names import names_of
from mecum.errors import EngineStartError, ModelNotFound
from mecum.models import record
from mecum.models.facts import facts_of, to_json
from mecum.models.installed import Installed, look, starter
from mecum.models.record import Origin, Record
from mecum.settings.load import CHOSEN, CHOSEN_EMBEDDER

PARTIAL: Final = ".partial"  # the folder of what is not whole yet
_LAST: Final = 1e12  # seconds since 1970: after any time


class Shelf:
    """The folder `models` of a data directory."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / CHOSEN.parent

    def installed(self) -> list[Installed]:
        """Return all models, by name; the starter model of its wheel among them."""
        found = [look(place) for place in self._places()]
        with contextlib.suppress(EngineStartError):
            file = locate(None, self.home)
            if file.parent != self.folder.resolve() and not (self.folder / file.name).exists():  # else it is the same
                found.append(starter(file))
        return sorted(_named(found), key=lambda one: (one.starter, one.name, one.file.name))

    def find(self, name: str) -> Installed:
        """Return the model that a name means, as the API has it (`engine.names`).

        Raises:
            ModelNotFound: there is none.
        """
        models = self.installed()
        if called := [one for one in models if one.is_called(name)]:
            return min(called, key=lambda one: (one.name != name.lower(), _age(one)))
        known = ", ".join(one.name for one in models) or "none"
        raise ModelNotFound(f"There is no model {name}. Installed: {known}.")

    def at(self, name: str) -> Installed | None:
        """Return the model whose first file, or folder, has this name, if it is there."""
        place = self.folder / name
        return self._alone(look(place)) if place.is_file() or place.is_dir() else None

    def about(self, file: Path) -> Installed:
        """Return what is known of the model whose first file this is, wherever it lies."""
        return look(file)

    def asked_before(self, asked: str) -> Installed | None:
        """Return the model that came by the same words, if its files are still those that came."""
        for place in self._places():
            kept = record.read(place)
            if kept and kept.origin.asked == asked:
                one = look(place)
                if not one.changed and not one.fault:
                    return self._alone(one)
        return None

    def record(self, name: str, files: Mapping[str, Path], sha256: Mapping[str, str], origin: Origin) -> None:
        """Write down what is known of a model that will be called so here: its files by the names that they will have.

        Raises:
            BadModel: it is none.
            OSError: it cannot be written.
        """
        final, first = self.folder / name, files.get(name)
        header = to_json(facts_of(replace(gguf.read(first), path=final))) if first else None
        Record(origin, record.stamps(files), dict(sha256), header).write(final)

    def remove(self, model: Installed) -> None:
        """Remove a model's files and what stands beside it, and the default if it is that.

        Raises:
            OSError: a file cannot be removed.
        """
        if self.default() == model.file.name:
            self.set_default(None)
        if self.embedder() == model.file.name:
            self.set_embedder(None)
        if model.folder and not model.folder.is_symlink():
            gone = self.folder / PARTIAL / model.folder.name  # by one rename, as it came
            gone.parent.mkdir(mode=0o700, exist_ok=True)
            shutil.rmtree(gone, ignore_errors=True)
            shutil.rmtree(model.folder.replace(gone))
        else:
            for file in (model.folder,) if model.folder else model.files:  # without the first one the rest is no model
                file.unlink(missing_ok=True)
        record.sidecar(model.file).unlink(missing_ok=True)

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
            record.write(self.home / place, f"{name}\n".encode())

    def _places(self) -> list[Path]:
        """Return where models are: their first files, and the folders of those in ONNX."""
        return [*first_files(self.folder), *folders_in(self.home)]

    def _alone(self, model: Installed) -> Installed:
        """Return the model with its name among the others, of which only the files' names are looked at."""
        others = [file for file in (*first_files(self.folder), *starters(self.home)) if file != model.file]
        name, *_ = names_of([claim(model.file, model.known_as), *map(claim, others)])
        return replace(model, called=name)


def _named(models: Sequence[Installed]) -> list[Installed]:
    """Return the models with their names among each other: of those that chat, the ones that requests know them by."""
    claims = [replace(claim(one.file, one.known_as), came=_age(one)) for one in models]
    return [replace(one, called=name) for one, name in zip(models, names_of(claims), strict=True)]


def _age(model: Installed) -> float:
    """Return since when it is here; what does not chat comes after all that does."""
    return came(model.file) if model.kind == "chat" and not model.fault else came(model.file) + _LAST
