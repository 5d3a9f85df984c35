"""An embedding model in ONNX as a folder: whether it is one, and what it says of itself.

Invariant (`tests/models/test_folder.py`): no library sees a file of it before `engine.embedder.inspection` has looked at it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Final

import orjson

from mecum.engine.embedder import inspection, structure
from mecum.engine.embedder.inspection import Inspected
from mecum.engine.embedder.layers import json_in, whole_number
from mecum.engine.embedder.protobuf import Malformed
from mecum.engine.embedder.signature import NoEncoder, signature_of
from mecum.engine.embedder.workers import Unusable
from mecum.errors import EngineStartError
from mecum.models.encoders import word_of
from mecum.models.facts import Facts

DEEPEST: Final = 8  # folders in each other
SHALLOW: Final = 2  # of a folder that may be any: a model's files lie in it, or in one of its folders


def check_folder(folder: Path, name: str) -> Inspected:
    """Return what is in a folder that will be, or is, called so.

    Raises:
        EngineStartError: it is no embedding model that can be used; the text says why.
        OSError: a file cannot be read.
    """
    for file in files_in(folder):
        if file.suffix != ".json":
            continue
        if (size := file.stat().st_size) > inspection.TOKENIZER_SIZE:
            raise EngineStartError(f"{name} has a file that is too large: {file.relative_to(folder)} ({size / 1e6:.0f} MB).")
        if not _is_json(file):
            raise EngineStartError(f"{name} has a damaged file: {file.relative_to(folder)} is no JSON.")
    try:
        return inspection.check(folder)
    except Unusable as error:
        said = str(error).replace(f"{folder}/", "").replace(str(folder), name)
        raise EngineStartError(f"{name} cannot be used as an embedder. {said}") from None


def weights_of(model: Path, called: str) -> frozenset[str]:
    """Return the files in which a model says that its weights lie, relative to its own place.

    Raises:
        EngineStartError: it is none that makes vectors; the text says why, behind what the model is `called`.
        OSError: it cannot be read.
    """
    try:
        graph = structure.read(model)
        signature_of(graph)
    except Malformed as error:
        raise EngineStartError(f"{called} is damaged, or no ONNX model: {error}.") from None
    except NoEncoder as error:
        raise EngineStartError(f"{called} {error}") from None
    return graph.files


def root_of(path: Path) -> Path | None:
    """Return the folder of the model that a path means: itself, or that of an ONNX file; None: it means neither."""
    if path.suffix.lower() != ".onnx" or not path.is_file():
        return path if path.is_dir() else None
    return next((place for place in path.parents[:2] if (place / inspection.TOKENIZER).is_file()), path.parent)


def files_in(folder: Path, depth: int = DEEPEST) -> list[Path]:
    """Return the folder's files, by name, down to so many folders in each other; hidden ones are none of the model's."""
    return sorted(_files(folder, depth))


def facts_in(folder: Path, model: Path) -> Facts:
    """Return what a folder says of itself. `model` is its ONNX file."""
    config = json_in(folder / "config.json")
    kind = config.get("model_type")
    return Facts(
        name=folder.name.lower(),
        architecture=kind[:100] if isinstance(kind, str) else "",
        quantisation=word_of(model.name).upper(),
        context=whole_number(config.get("max_position_embeddings")) or None,
        licence="",
        values=MappingProxyType({}),
        kind="embedder",
    )


def _is_json(file: Path) -> bool:
    try:
        orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError:
        return False
    return True


def _files(folder: Path, depth: int) -> Iterator[Path]:
    for one in folder.iterdir():
        if one.name.startswith("."):
            continue
        if one.is_dir() and not one.is_symlink():
            yield from _files(one, depth - 1) if depth > 1 else ()
        elif one.is_file():
            yield one
