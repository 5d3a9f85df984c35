"""What a pull brings, of two forms: model files in GGUF, or the folder of an embedding model in ONNX.

Invariants (`tests/models/test_pull.py`, `test_pull_folder.py`): nothing has its final name before it was checked; a folder
gets its name by one rename, with all that it has; what came is found again by the next pull, whatever ended this one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

from mecum.engine import gguf
from mecum.errors import EngineStartError
from mecum.models.folder import check_folder, files_in, weights_of
from mecum.models.part import ENDING
from mecum.models.refusal import PullFailed
from mecum.models.shelf import PARTIAL

WHOLE: Final = ".whole"  # behind the name of a folder whose files are all there


class Package(Protocol):
    """Its files are called by their names in MECUM_HOME/models, in a folder by their paths in it."""

    @property
    def name(self) -> str:
        """What will have its name in MECUM_HOME/models."""
        ...

    @property
    def taking(self) -> tuple[str, ...]:
        """All names in MECUM_HOME/models that are its own."""
        ...

    def place(self, partial: Path) -> Path:
        """Return the folder in which its files come, with what came before. `partial` is that of all that is not whole."""
        ...

    def further(self, model: Path, partial: Path) -> tuple[str, ...]:
        """Return the names of the files that the model says that it needs besides; it has come, and is looked at.

        Raises:
            EngineStartError: it is no model that can be used.
        """
        ...

    def checked(self, brought: Mapping[str, Path], partial: Path) -> Mapping[str, Path]:
        """Return where its files are now, once they were looked at; what is none is thrown away.

        Raises:
            PullFailed, EngineStartError: it is no model that can be used.
        """
        ...

    def publish(self, checked: Mapping[str, Path], shelf: Path) -> None:
        """Give it its name in the folder `shelf`.

        Raises:
            OSError: it cannot be written.
        """
        ...


@dataclass(frozen=True, slots=True)
class Files:
    """A model in GGUF: one file, or all files of a split one."""

    names: tuple[str, ...]

    @property
    def name(self) -> str:
        """The first file's."""
        return self.names[0]

    @property
    def taking(self) -> tuple[str, ...]:
        """Those of all its files."""
        return self.names

    def place(self, partial: Path) -> Path:
        """Return `partial` itself."""
        return partial

    def further(self, model: Path, partial: Path) -> tuple[str, ...]:  # noqa: ARG002
        """Return none: how many there are, the name says."""
        return ()

    def checked(self, brought: Mapping[str, Path], partial: Path) -> Mapping[str, Path]:  # noqa: ARG002
        """Return the files, whose headers were read."""
        for name, path in brought.items():
            try:
                header = gguf.read(path)
            except EngineStartError as error:
                path.unlink(missing_ok=True)
                raise type(error)(error.message.replace(f"The model {path}", name).replace(str(path), name)) from None
            count = header.values.get("split.count", len(self.names))
            if count != len(self.names):
                raise PullFailed(f"{name} says that its model has {count} files, and {len(self.names)} came.")
        return brought

    def publish(self, checked: Mapping[str, Path], shelf: Path) -> None:
        """Rename the files, the first one last: from then on it is a model."""
        for name, path in reversed(list(checked.items())):
            path.replace(shelf / name)
            path.with_name(f"{path.name}.json").unlink(missing_ok=True)
        settle(shelf)


@dataclass(frozen=True, slots=True)
class Folder:
    """An embedding model in ONNX, the file `model` in the folder, with its tokeniser and what says how it is used."""

    name: str
    model: str

    @property
    def taking(self) -> tuple[str, ...]:
        """The folder's."""
        return (self.name,)

    def place(self, partial: Path) -> Path:
        """Return the folder, with what was put together there when the last pull ended."""
        folder, whole = partial / self.name, partial / f"{self.name}{WHOLE}"
        for file in files_in(whole) if whole.is_dir() else ():
            part = folder / f"{file.relative_to(whole)}{ENDING}"
            part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file.replace(part)
        shutil.rmtree(whole, ignore_errors=True)
        return folder

    def further(self, model: Path, partial: Path) -> tuple[str, ...]:
        """Return the files in which its weights lie; of a graph that is none of an embedding model, nothing stays."""
        try:
            names = weights_of(model, f"{self.name} cannot be used as an embedder. {self.model}")
        except EngineStartError as error:
            shutil.rmtree(partial / self.name, ignore_errors=True)
            raise _only_embedders(error) from None
        return tuple((PurePosixPath(self.model).parent / name).as_posix() for name in sorted(names))

    def checked(self, brought: Mapping[str, Path], partial: Path) -> Mapping[str, Path]:
        """Return the files, put together as they will lie."""
        whole = partial / f"{self.name}{WHOLE}"
        together = {name: whole / name for name in brought}
        for name, file in together.items():
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            brought[name].replace(file)
        try:
            check_folder(whole, self.name)
        except EngineStartError as error:
            shutil.rmtree(whole, ignore_errors=True)
            shutil.rmtree(partial / self.name, ignore_errors=True)
            raise _only_embedders(error) from None
        return together

    def publish(self, checked: Mapping[str, Path], shelf: Path) -> None:
        """Rename the folder."""
        partial = shelf / PARTIAL
        for folder in {file.parent for file in checked.values()}:
            settle(folder)
        (partial / f"{self.name}{WHOLE}").replace(shelf / self.name)
        settle(shelf)
        shutil.rmtree(partial / self.name, ignore_errors=True)


def _only_embedders(error: EngineStartError) -> EngineStartError:
    return EngineStartError(f"{error.message} Only embedding models are taken in ONNX; what chats must be GGUF.")


def settle(folder: Path) -> None:
    """Make sure that the new names are on the disk, where a folder can be asked for that."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
