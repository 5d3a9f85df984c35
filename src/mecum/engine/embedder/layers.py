"""What a folder of sentence-transformers does to a model's output: how one vector is made of the tokens', and what follows.

Invariant (`tests/engine/embedder/test_layers.py`): a step that stands in the folder is described or refused, never passed
over.
Source: `modules.json` and the folders that it names, as sentence-transformers 2 to 5 write them; without it, the folders
`1_Pooling`, `2_Dense`, … themselves.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from mecum.engine.embedder.workers import Unusable
from mecum.engine.kinds import Pooling
from mecum.types import Json

LARGEST: Final = 1024 * 1024  # bytes of a JSON file that is read here
WEIGHTS: Final = "model.safetensors"
_PLACE: Final = re.compile(r"\d{1,2}_([A-Za-z]{1,40})")  # the folder of a step
_POOLINGS: Final[dict[str, Pooling]] = {
    "mean": "mean",
    "mean_tokens": "mean",
    "cls": "cls",
    "cls_token": "cls",
    "lasttoken": "last",
}
_ACTIVATIONS: Final = {"Identity": False, "Tanh": True}


@dataclass(frozen=True, slots=True)
class Layer:
    """A step after the pooling: to length 1 (`weights` None), or a linear layer of so many outputs, then tanh or not."""

    weights: Path | None = None
    tanh: bool = False
    size: int = 0


@dataclass(frozen=True, slots=True)
class Layers:
    """`pooling` None: the folder does not say. `whole` False: it leaves the words in front of a text out of its vector."""

    pooling: Pooling | None = None
    whole: bool = True
    after: tuple[Layer, ...] = ()


def layers_in(folder: Path) -> Layers:
    """Return what a folder says.

    Raises:
        Unusable: it does what is not done here.
    """
    pooling, whole, after = None, True, []
    for kind, place in _steps(folder):
        if kind == "Pooling":
            told = json_in(place / "config.json")
            pooling, whole = _pooling(told), told.get("include_prompt") is not False
        elif kind == "Dense":
            after.append(_dense(place))
        elif kind == "Normalize":
            after.append(Layer())
        elif kind not in ("Transformer", "Dropout"):
            raise Unusable(
                f"{folder} makes its vectors with a step that is not known here ({kind}). Choose an export whose output "
                "is called sentence_embedding, or the GGUF file."
            )
    return Layers(pooling, whole, tuple(after))


def json_in(file: Path) -> Json:
    """Return the object that a file holds; an empty one where it is not there, or is none."""
    told = _content(file)
    return told if isinstance(told, dict) else {}


def whole_number(value: object) -> int:
    """Return what a JSON file says as a number above zero, 0 where it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _content(file: Path) -> Any:
    try:
        return orjson.loads(file.read_bytes()) if file.stat().st_size <= LARGEST else None
    except (OSError, orjson.JSONDecodeError):
        return None


def _steps(folder: Path) -> list[tuple[str, Path]]:
    """Return the steps in their order, by kind and folder."""
    told = _content(folder / "modules.json")
    if not isinstance(told, list):
        found = [(int(place.name.partition("_")[0]), place) for place in folder.iterdir() if _PLACE.fullmatch(place.name)]
        return [(place.name.partition("_")[2], place) for _, place in sorted(found)]
    steps = []
    for step in told:
        kind, place = (str(step.get(key, "")) for key in ("type", "path")) if isinstance(step, dict) else ("", "")
        if place and not _PLACE.fullmatch(place) and not kind.endswith("Transformer"):
            raise Unusable(f"{folder / 'modules.json'} names a folder that cannot be one of its steps: {place[:100]!r}.")
        steps.append((kind.rpartition(".")[2], folder / place))
    return steps


def _pooling(told: Json) -> Pooling | None:
    """Return the one way that a pooling's configuration tells: flags, or since version 5 a name or a list of names."""
    modes = told.get("pooling_mode")
    if modes is None:
        flags = [name for name, value in told.items() if name.startswith("pooling_mode_") and value is True]
        modes = [flag.removeprefix("pooling_mode_") for flag in flags]
    one = modes[0] if isinstance(modes, list) and len(modes) == 1 else modes
    return _POOLINGS.get(one) if isinstance(one, str) else None


def _dense(place: Path) -> Layer:
    told = json_in(place / "config.json")
    size = whole_number(told.get("out_features"))
    activation = str(told.get("activation_function", "Tanh")).rpartition(".")[2]  # of which it is the default
    between = {told.get(key, "sentence_embedding") for key in ("module_input_name", "module_output_name")}
    if not size or activation not in _ACTIVATIONS or between != {"sentence_embedding"}:
        raise Unusable(f"{place} is a linear layer of a kind that is not known here. Take the GGUF file.")
    if not (place / WEIGHTS).is_file():
        raise Unusable(f"{place} needs its {WEIGHTS}, which is not there (other formats can hold programs: none is read).")
    return Layer(place / WEIGHTS, _ACTIVATIONS[activation], size)
