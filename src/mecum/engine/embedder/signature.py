"""What a text encoder takes and gives: which inputs can be given, and which output holds the vectors. Pure.

Invariant (`tests/engine/embedder/test_signature.py`): a graph is taken when all its inputs are known here and one of its
outputs is by its name, or is the only one; what generates, classifies or looks at pictures is refused, with the names that
tell. Decoders that were exported with a cache of earlier tokens (`past_key_values.…`) are given an empty one.
Source of the names: optimum's and sentence-transformers' exports.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mecum.engine.embedder.structure import FLOAT, FLOAT16, INT32, INT64, Structure, Value

IDS: Final = "input_ids"
KNOWN: Final = frozenset((IDS, "attention_mask", "token_type_ids", "position_ids"))
CACHE: Final = re.compile(r"past_key_values\.\d+\.(key|value)")  # (texts, heads, earlier tokens, size of a head)
ONE_EACH: Final = "sentence_embedding"  # the output that holds one vector a text
_EACH_TOKEN: Final = ("last_hidden_state", "token_embeddings")  # outputs that hold one for each token
_SHOWN: Final = 300  # characters of names in a message


class NoEncoder(Exception):
    """The graph is no text encoder that can be used; the text says why, to stand behind the file's name."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Which output is taken, whether it is one vector a text already, and how long a vector is, 0 where it does not say."""

    output: str
    pooled: bool
    size: int


def signature_of(structure: Structure) -> Signature:
    """Return what is taken from a graph.

    Raises:
        NoEncoder: it cannot be used.
    """
    output = _output(structure)
    for value in structure.inputs:
        _check(value)
    if IDS not in {value.name for value in structure.inputs}:
        raise NoEncoder(f"is no text encoder: its inputs are {_names(structure.inputs)}.")
    shape = output.shape or ()
    return Signature(output.name, output.name == ONE_EACH or len(shape) == 2, (shape[-1] if shape else 0) or 0)


def _output(structure: Structure) -> Value:
    named = {value.name: value for value in structure.outputs}
    for name in (ONE_EACH, *_EACH_TOKEN):
        if name in named:
            return named[name]
    if "logits" in named:
        what = "generates text" if any(CACHE.fullmatch(value.name) for value in structure.inputs) else "scores or classifies"
        raise NoEncoder(f"{what} (it gives logits) and makes no vectors. Choose an embedding model.")
    if len(structure.outputs) == 1:
        return structure.outputs[0]
    raise NoEncoder(
        f"has several outputs, and none is called {ONE_EACH} or {' or '.join(_EACH_TOKEN)}: {_names(structure.outputs)}."
    )


def _check(value: Value) -> None:
    """Let an input pass that can be given."""
    shape = value.shape or ()
    if CACHE.fullmatch(value.name):
        if value.kind not in (FLOAT, FLOAT16) or len(shape) != 4 or shape[1] is None or shape[3] is None:
            raise NoEncoder(f"does not say how large its cache {value.name} is. Choose an export without a cache.")
    elif value.name not in KNOWN:
        raise NoEncoder(f"asks for {value.name[:_SHOWN]}, which a text alone does not give: it is no plain text encoder.")
    elif value.kind not in (INT32, INT64):
        raise NoEncoder(f"wants other numbers than whole ones for {value.name}.")
    elif len(shape) == 2 and (shape[1] is not None or shape[0] not in (None, 1)):
        raise NoEncoder(f"takes texts of one length only ({value.name}: {shape}). Choose an export for texts of any length.")


def _names(values: tuple[Value, ...]) -> str:
    return ", ".join(value.name for value in values)[:_SHOWN]
