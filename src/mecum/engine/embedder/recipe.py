"""How a folder's model makes a vector of a text: what its worker is told, as one JSON text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from mecum.engine.kinds import Pooling


@dataclass(frozen=True, slots=True)
class Recipe:
    """Texts are cut to `tokens`. `layers` are those after the pooling: file ("": to length 1), outputs, tanh.

    `output` is the graph's output that is taken, `first` the position of the first token where positions are given.
    `closing` is a token that the tokeniser does not put behind a text by itself, though the model wants it.
    """

    model: str
    tokenizer: str
    output: str
    pooling: Pooling
    tokens: int
    first: int = 0
    lowercase: bool = False
    closing: str = ""
    layers: tuple[tuple[str, int, bool], ...] = ()

    def text(self) -> str:
        """Return it as one word of a command."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def read(cls, text: str) -> Recipe:
        """Return what `text` made a text of."""
        told: Mapping[str, Any] = orjson.loads(text)
        layers = tuple((file, size, tanh) for file, size, tanh in told["layers"])
        return cls(**{**told, "layers": layers})
