"""Looks whether a folder holds an ONNX model that can be run as an embedder, before any library sees its files.

Invariants (`tests/engine/embedder/test_inspection.py`): whatever the files hold, `check` ends, soon, with what there is or
with `Unusable` and a sentence; a model that passes reads no file outside its folder, whatever names or links say.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mecum.engine.embedder import structure
from mecum.engine.embedder.layers import Layers, layers_in
from mecum.engine.embedder.protobuf import Malformed
from mecum.engine.embedder.signature import ONE_EACH, NoEncoder, Signature, signature_of
from mecum.engine.embedder.workers import Unusable

TOKENIZER: Final = "tokenizer.json"
TOKENIZER_SIZE: Final = 128 * 1024 * 1024  # bytes; that of Gemma, the largest known, has 33 million


@dataclass(frozen=True, slots=True)
class Inspected:
    """A model that can be run. `weights` are the files besides `model` in which its tensors lie; `layers` follow."""

    model: Path
    tokenizer: Path
    weights: tuple[Path, ...]
    signature: Signature
    layers: Layers

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that make a vector, the model first."""
        return (self.model, self.tokenizer, *self.weights, *(one.weights for one in self.layers.after if one.weights))

    @property
    def size(self) -> int:
        """Of the model with its tensors, in bytes."""
        return sum(file.stat().st_size for file in (self.model, *self.weights))

    @property
    def dimension(self) -> int:
        """How long a vector is, 0 where nothing says so."""
        sizes = [layer.size for layer in self.layers.after if layer.size]
        return sizes[-1] if sizes else self.signature.size


def check(folder: Path, model: Path | None = None) -> Inspected:
    """Return what is in a folder. `model` is its ONNX file, where it has several. It reads some megabytes at most.

    Raises:
        Unusable: it cannot be an embedder.
        OSError: a file cannot be read.
    """
    if (shown := str(folder).encode("utf-8", "replace").decode()) != str(folder):  # in an answer it would be an error
        raise Unusable(f"{shown} has a name that is no text. Rename it, with letters that are UTF-8.")
    model = model or model_in(folder)
    tokenizer = folder / TOKENIZER
    if not tokenizer.is_file():
        raise Unusable(f"There is no {TOKENIZER} in {folder}.")
    if tokenizer.stat().st_size > TOKENIZER_SIZE:
        raise Unusable(f"{tokenizer} is too large to be one: {tokenizer.stat().st_size / 1e6:.0f} MB.")
    try:
        graph = structure.read(model)
        signature = signature_of(graph)
    except Malformed as error:
        raise Unusable(f"{model} is damaged, or no ONNX model: {error}.") from None
    except NoEncoder as error:
        raise Unusable(f"{model.name} {error}") from None
    return Inspected(model, tokenizer, _weights(model, graph.files), signature, _layers(folder, signature))


def model_in(folder: Path) -> Path:
    """Return the ONNX file of a folder: beside the others or in onnx/, `model.onnx` or the only one.

    Raises:
        Unusable: there is none, or several.
    """
    for place in (folder, folder / "onnx"):
        files = sorted(place.glob("*.onnx"))
        named = [file for file in files if file.name == "model.onnx"]
        if named or len(files) == 1:
            return (named or files)[0]
        if files:
            several = ", ".join(file.name for file in files)
            raise Unusable(f"There are several models in {place}: {several}. Name one of the files.")
    raise Unusable(f"There is no ONNX model in {folder}.")


def _layers(folder: Path, signature: Signature) -> Layers:
    """Return what is to be done to the output; a graph that gives `ONE_EACH` does all of it."""
    if signature.output == ONE_EACH:
        return Layers()
    layers = layers_in(folder)
    if signature.pooled and any(one.size for one in layers.after):
        raise Unusable(f"{folder} does not say whether its last layers are part of its model. Take the GGUF file.")
    return layers


def _weights(model: Path, names: Iterable[str]) -> tuple[Path, ...]:
    """Return the files that a model names, all of them beside it or below.

    Beside it is also where the file lies that it is a link to: a cache of the hub's is such links.
    """
    places = (model.parent.resolve(), model.resolve().parent)
    found = []
    for name in sorted(names):
        file = _inside(model.parent, name)
        if not file or not any(file.resolve().is_relative_to(place) for place in places):
            raise Unusable(f"{model.name} wants to read {name[:200]!r}, which is not in its folder. Do not use it.")
        if not file.is_file():
            raise Unusable(f"{model.name} needs the file {name[:200]!r} beside it, which is not there.")
        found.append(file)
    return tuple(found)


def _inside(folder: Path, name: str) -> Path | None:
    """Return the file of a name, None where the name leads elsewhere on any system."""
    parts = name.split("/")
    if not name or {"", ".."} & set(parts) or any(ord(one) < 32 or one in "\\:" for one in name):
        return None
    return folder / name
