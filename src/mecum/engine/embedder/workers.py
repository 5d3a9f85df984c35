"""An embedder in two worker processes of ours (ruling 14): one for questions, one for the library.

Invariants (`tests/engine/embedder/test_local.py` and `test_file.py`, with real models and real processes):
- what keeps it from working is a state with its reason, and nothing is started then;
- a batch that ends the worker is tried again text by text, and so one bad text costs its own row and no other;
- the worker for the library runs at idle priority, so that it never takes time from a chat; neither sees our secrets, and
  both end with us.
"""

from __future__ import annotations

import asyncio
import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import orjson

from mecum.engine.embedder.base import Embedded, Kind, State, Status, Vectors
from mecum.engine.embedder.forms import Forms
from mecum.engine.frames import WorkFailed
from mecum.engine.worker import Worker, WorkerDied
from mecum.errors import EngineDown

BATCH: Final = 32  # texts in one request to a worker, at most: some seconds of work
REST: Final = 120.0  # seconds without work after which the library's worker gives its memory back
STUCK: Final = 120.0  # seconds; a batch takes a hundredth of it a core, but at idle priority it may wait long
SLOWER: Final = 5  # times as long as `STUCK` a large model may take at idle priority
SMALL: Final = 200 * 1000 * 1000  # bytes of weights up to which one core answers a question soon enough
Priority = Literal["normal", "idle"]

log = logging.getLogger(__name__)


class Unusable(Exception):
    """The embedder cannot be used; the text says why."""

    def __init__(self, reason: str, state: State = "failed") -> None:
        super().__init__(reason)
        self.state = state


@dataclass(frozen=True, slots=True)
class Found:
    """A model that can be run: what it is, and the command of a worker, without its last two words, threads and priority.

    `forms` None: the worker puts them around texts itself. `threads` are those of the worker for questions. `alone` says
    that memory has room for one worker only, which then does both. `stuck` is in seconds, for one request of `batch` texts,
    and for the library's worker to come up: others may leave it little of the processor.
    """

    name: str
    identity: str
    dimension: int
    command: tuple[str, ...]
    forms: Forms | None = None
    threads: int = 1
    alone: bool = False
    batch: int = BATCH
    stuck: float = STUCK


class WorkerEmbedder(ABC):
    """The part of `base.Embedder` that is the same whatever the workers run. `threads` are the library's worker's."""

    def __init__(self, name: str, *, dimension: int = 0, threads: int | None = None) -> None:
        self._found = Found(name, "", dimension, ())
        self.threads = threads or _cores()
        self._status = Status("stopped", "The embedder has not been started.")
        self._query: Worker | None = None
        self._bulk: Worker | None = None

    @abstractmethod
    async def _find(self) -> Found:
        """Return what is to be run.

        Raises:
            Unusable: it cannot be.
        """

    def need(self) -> int:
        """Return how much memory one worker takes beside its program and buffers, in bytes. It may read files.

        0: nothing is known, or so little that nobody needs to make room for it.
        """
        return 0

    @property
    def name(self) -> str:
        """The model's name."""
        return self._found.name

    @property
    def identity(self) -> str:
        """What the vectors depend on, as one short name; "" while the model is not there."""
        return self._found.identity

    @property
    def dimension(self) -> int:
        """The length of a vector."""
        return self._found.dimension

    async def start(self) -> None:
        """Look for the model. The workers start when they are first asked."""
        try:
            self._found = found = await self._find()
        except Unusable as error:
            self._status = Status(error.state, str(error))
            return
        self._query = Worker((*found.command, str(found.threads), "normal"))
        self._bulk = self._query
        if not found.alone:
            self._bulk = Worker((*found.command, str(self.threads), "idle"), idle=REST, set_up=found.stuck)
        self._status = Status("ready")

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
        await asyncio.sleep(0)

    async def embed_query(self, text: str) -> Vectors:
        """Return the vector of a question (`base.Embedder.embed_query`). The first one waits for the worker, some 2 s."""
        try:
            asked = await self._ask(self._query, "query", [text])
        except (WorkerDied, WorkFailed) as error:
            raise EngineDown(f"The question could not be embedded. {error}") from None
        return asked.vectors.reshape(self.dimension)

    async def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of passages (`base.Embedder.embed_passages`)."""
        rows = [await self._batch(batch) for batch in self._batches(texts)]
        return np.concatenate(rows) if rows else np.zeros((0, self.dimension), np.float32)

    async def embed(self, texts: Sequence[str], kind: Kind) -> Embedded:
        """Return the vectors of texts (`base.Embedder.embed`): of a single one soon, of many behind the chats."""
        worker = self._query if len(texts) == 1 else self._bulk
        try:
            parts = [await self._ask(worker, kind, batch) for batch in self._batches(texts)]
        except (WorkerDied, WorkFailed) as error:
            raise EngineDown(f"The texts could not be embedded. {error}") from None
        return self._joined(parts)

    async def _batch(self, texts: Sequence[str]) -> Vectors:
        try:
            return (await self._ask(self._bulk, "passage", texts)).vectors
        except (WorkerDied, WorkFailed) as error:
            log.warning("a batch of %d passages could not be embedded and is tried one by one: %s", len(texts), error)
        rows = [await self._single(text) for text in texts]
        if not any(row.any() for row in rows) and (len(rows) > 1 or not await self._works()):
            raise EngineDown("The embedder cannot be kept running. Search is by keywords until it can.")
        return np.stack(rows)

    async def _single(self, text: str) -> Vectors:
        try:
            return (await self._ask(self._bulk, "passage", [text])).vectors.reshape(self.dimension)
        except (WorkerDied, WorkFailed) as error:
            log.warning("a passage of %d characters cannot be embedded: %s", len(text), error)
            return np.zeros(self.dimension, np.float32)

    async def _works(self) -> bool:
        """Return whether it embeds a text that is certainly in order."""
        return bool((await self._single("mecum")).any())

    async def _ask(self, worker: Worker | None, kind: Kind, texts: Sequence[str]) -> Embedded:
        if worker is None or not self._status.ready:
            raise EngineDown(self._status.reason or "The embedder is not ready.")
        forms = self._found.forms
        given = [_clean(forms.of(kind, text) if forms else text) for text in texts]
        reply = await worker.ask(orjson.dumps({"kind": kind, "texts": given}), timeout=self._found.stuck)
        return self._read(reply, len(texts))

    def _read(self, reply: bytes, number: int) -> Embedded:
        """Return what a worker's reply says of so many texts: vectors as float32, then tokens, negative where it was cut."""
        if len(reply) != number * (self.dimension + 1) * 4:
            raise EngineDown(f"The embedder's vectors do not have the {self.dimension} numbers that its file speaks of.")
        vectors = np.frombuffer(reply, "<f4", number * self.dimension).reshape(number, self.dimension).astype(np.float32)
        vectors[~np.isfinite(vectors).all(axis=1)] = 0  # as half precision may end: one such row would spoil every search
        tokens = np.frombuffer(reply, "<i4", number, offset=number * self.dimension * 4).tolist()
        cut = tuple(place for place, count in enumerate(tokens) if count < 0)
        return Embedded(vectors, tuple(map(abs, tokens)), cut)

    def _batches(self, texts: Sequence[str]) -> list[Sequence[str]]:
        return [texts[start : start + self._found.batch] for start in range(0, len(texts), self._found.batch)]

    def _joined(self, parts: Sequence[Embedded]) -> Embedded:
        vectors = [part.vectors for part in parts]
        return Embedded(
            np.concatenate(vectors) if vectors else np.zeros((0, self.dimension), np.float32),
            tuple(count for part in parts for count in part.tokens),
            tuple(number * self._found.batch + place for number, part in enumerate(parts) for place in part.cut),
        )


def batch_of(weights: int) -> int:
    """Return how many texts one request to a worker has, whose model has so many bytes of weights."""
    return max(1, min(BATCH, BATCH * SMALL // max(1, 2 * weights)))


def _clean(text: str) -> str:
    """Return the text without lone surrogates, which no encoding takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
