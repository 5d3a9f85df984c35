"""What every embedder promises. Vectors of one embedder compare by their dot product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]  # one row a text
State = Literal["ready", "missing", "failed", "stopped"]
Kind = Literal["query", "passage"]


@dataclass(frozen=True, slots=True)
class Status:
    """What an embedder says of itself. Unless it is "ready", search is by keywords; `reason` is for people."""

    state: State
    reason: str | None = None

    @property
    def ready(self) -> bool:
        """Whether it takes texts."""
        return self.state == "ready"


@dataclass(frozen=True, slots=True)
class Embedded:
    """Texts' vectors, a row each, and how many tokens of each text were read. `cut` names the texts that have more."""

    vectors: Vectors
    tokens: tuple[int, ...]
    cut: tuple[int, ...] = ()


class Embedder(Protocol):
    """Turns texts into vectors.

    `name` is the model's, as clients know it. `identity` changes when the vectors of the same texts would: an index is
    stamped with it. It is "" while the embedder is not there. `dimension` is the length of a vector.
    """

    @property
    def name(self) -> str:
        """The model's name."""
        ...

    @property
    def identity(self) -> str:
        """What the vectors depend on, as one short name."""
        ...

    @property
    def dimension(self) -> int:
        """The length of a vector."""
        ...

    async def start(self) -> None:
        """Look whether the model is there. One that is missing is a state, not an error (ruling 28)."""
        ...

    async def aclose(self) -> None:
        """Stop, leaving no process behind."""
        ...

    def status(self) -> Status:
        """Return the present state, without waiting."""
        ...

    async def usable(self) -> None:
        """Return when it takes texts, or will not by itself: at once, but for a server elsewhere that is down."""
        ...

    async def embed_query(self, text: str) -> Vectors:
        """Return the vector of a question, of shape (dimension,) and length 1.

        Raises:
            EngineDown: the embedder is not ready, or died over it.
        """
        ...

    async def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of passages, of shape (len(texts), dimension) and length 1 each.

        A text that cannot be embedded, however often it is tried, gets a row of zeros, which no question comes near.

        Raises:
            EngineDown: the embedder is not ready, or cannot be kept running.
        """
        ...

    async def embed(self, texts: Sequence[str], kind: Kind) -> Embedded:
        """Return the vectors of texts of either kind, of length 1 each, with the tokens that were read of them.

        Raises:
            EngineDown: the embedder is not ready, or died over them.
        """
        ...
