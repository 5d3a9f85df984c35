"""What a model file says of itself, small enough to be kept beside it.

Invariant (`tests/models/test_facts.py`): `Facts` hold all that a listing and the engine's plan ask a header for, so that a
model of gigabytes, whose vocabulary takes a second to read past, is read once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from mecum.engine.gguf import Header, Value
from mecum.engine.kinds import Kind, Pooling, kind_of, pooling_of
from mecum.engine.models import QUANTISATION, name_of
from mecum.types import Json

_TEXTS: Final = ("architecture", "name", "license", "type")
_NUMBERS: Final = ("context_length", "block_count", "embedding_length", "expert_count", "expert_used_count", "pooling_type")
_LISTS: Final = (
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.value_length",
)
_LONGEST: Final = 200  # characters of a text that is kept
# llama.cpp's `general.file_type`, where the file's name does not say it.
_FILE_TYPES: Final = MappingProxyType(
    dict(enumerate("F32 F16 Q4_0 Q4_1".split()))
    | dict(enumerate("Q8_0 Q5_0 Q5_1 Q2_K Q3_K_S Q3_K_M Q3_K_L Q4_K_S Q4_K_M Q5_K_S Q5_K_M Q6_K".split(), 7))
    | dict(enumerate("IQ2_XXS IQ2_XS Q2_K_S IQ3_XS IQ3_XXS IQ1_S IQ4_NL IQ3_S IQ3_M IQ2_S IQ2_M IQ4_XS".split(), 19))
    | {31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4"}
)
_PART: Final = re.compile(r"-\d{5}-of-\d{5}$")


@dataclass(frozen=True, slots=True)
class Facts:
    """`name` is what the API calls the model; `context` is in tokens; empty and None mean that the file does not say."""

    name: str
    architecture: str
    quantisation: str
    context: int | None
    licence: str
    values: MappingProxyType[str, Value]
    kind: Kind = "chat"
    pooling: Pooling | None = None

    def header(self, path: Path, size: int) -> Header:
        """Return the header again, as far as a plan needs it."""
        return Header(path, size, 3, 0, self.values)


def facts_of(header: Header) -> Facts:
    """Return what a header says."""
    return _facts(header.path, _kept(header))


def to_json(facts: Facts) -> Json:
    """Return them as they are kept in a file."""
    return dict(facts.values)


def from_json(path: Path, kept: object) -> Facts | None:
    """Return what was kept of the model file at `path`; None where it is not what `to_json` gives."""
    if not isinstance(kept, dict):
        return None
    values: dict[str, Value] = {}
    for key, value in kept.items():
        whole = isinstance(value, list) and all(isinstance(item, int) for item in value)
        if isinstance(value, str | int) or whole:
            values[str(key)] = tuple(value) if isinstance(value, list) else value
    return _facts(path, values)


def quantisation_in(stem: str) -> str:
    """Return how the weights are quantised, by a file's name without its ending: "Q4_K_M"; "" where it does not say."""
    found = QUANTISATION.search(_PART.sub("", stem))
    return found[0][1:].upper() if found else ""


def _facts(path: Path, values: dict[str, Value]) -> Facts:
    header = Header(path, 0, 3, 0, MappingProxyType(values))
    kind = values.get("general.file_type")
    licence = values.get("general.license")
    return Facts(
        name=name_of(header),
        architecture=header.architecture,
        quantisation=quantisation_in(path.stem) or (_FILE_TYPES.get(kind, "") if isinstance(kind, int) else ""),
        context=header.number("context_length"),
        licence=licence if isinstance(licence, str) else "",
        values=header.values,
        kind=kind_of(header),
        pooling=pooling_of(header),
    )


def _kept(header: Header) -> dict[str, Value]:
    wanted = {f"general.{name}": str for name in _TEXTS} | {"general.file_type": int}
    wanted |= {f"{header.architecture}.{name}": int for name in _NUMBERS}
    kept: dict[str, Value] = {
        key: value for key, kind in wanted.items() if isinstance(value := header.values.get(key), kind)
    }
    for name in _LISTS:
        value = header.values.get(f"{header.architecture}.{name}")
        if isinstance(value, int) or (isinstance(value, tuple) and all(isinstance(item, int) for item in value)):
            kept[f"{header.architecture}.{name}"] = value
    return {key: value[:_LONGEST] if isinstance(value, str) else value for key, value in kept.items()}
