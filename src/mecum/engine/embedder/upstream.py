"""An OpenAI-compatible server's `/v1/embeddings` as the embedder (`library.embedder_url`).

Invariants (`tests/engine/embedder/test_upstream.py`, against servers that do all of this wrong):
- what it is, it says itself: the dimension is that of a vector it gave, and never changes while we run;
- a server that is down, refuses us or sends nonsense is "failed" with the reason, is looked at again by itself, and whoever
  waits in `usable` goes on when it is back; a question finds out at once;
- a text that the server does not take is shortened, and at last costs its own row and no other;
- vectors have length 1, whatever the server sends.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from typing import Final

import numpy as np
import orjson

from mecum.engine.connection import Connection
from mecum.engine.embedder import answers
from mecum.engine.embedder.base import Embedded, Kind, Status, Vectors
from mecum.engine.embedder.forms import Forms, forms_of
from mecum.errors import Busy, EngineBroke, EngineDown, EngineError, InvalidRequest, MecumError, ModelNotFound
from mecum.settings.schema import LibrarySettings
from mecum.settings.wording import show

BATCH: Final = 32  # texts in one request
FIRST: Final = 3.0  # seconds that a start waits for the first look
RETRY: Final = 2.0  # seconds between looks at a server that is down, doubled up to …
SLOWEST: Final = 30.0  # … this
QUESTION: Final = 10.0  # seconds that a question may take
WORK: Final = 120.0  # seconds that a batch may take
SHORTEST: Final = 200  # characters to which a text that is refused is cut at most
PROBE: Final = "mecum"  # what is embedded to see how the server does
_BACK: Final = "Let it run the one from before, or restart mecum, which then embeds all documents anew."

log = logging.getLogger(__name__)


class UpstreamEmbedder:
    """The embedder (`base.Embedder`) behind `settings.embedder_url`. `retry` is the first pause, in seconds."""

    def __init__(self, settings: LibrarySettings, *, retry: float = RETRY) -> None:
        base = (settings.embedder_url or "").rstrip("/")
        root, self._prefix = (base.removesuffix("/v1"), "/v1") if base.endswith("/v1") else (base, "")
        key = settings.embedder_key.get_secret_value().strip() if settings.embedder_key else None
        self._connection = Connection(root, prefix=self._prefix, api_key=key)
        self._base = base
        self._settings = settings
        self._retry = retry
        self._model = settings.embedder_model or ""
        self._forms = Forms()
        self._dimension = 0
        self._status = Status("stopped", "The embedder has not been started.")
        self._up, self._down = asyncio.Event(), asyncio.Event()
        self._watcher: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """The model's name, as the server calls it."""
        return self._model or "upstream"

    @property
    def identity(self) -> str:
        """The address, the model, its dimension and the forms of texts, as one name; "" until the server was reached."""
        if not self._dimension:
            return ""
        told = orjson.dumps([self._base, self._model, self._dimension, self._forms.query, self._forms.passage])
        return f"upstream-{hashlib.sha256(told).hexdigest()[:20]}"

    @property
    def dimension(self) -> int:
        """The length of a vector; 0 until the server was reached."""
        return self._dimension

    async def start(self) -> None:
        """Look at the server, for `FIRST` seconds; from then on in the background."""
        self._status = Status("failed", f"The embedding server {show(self._base)} has not answered yet.")
        look = asyncio.create_task(self._look(), name="embedding server, first look")
        await asyncio.wait({look}, timeout=FIRST)
        self._watcher = asyncio.create_task(self._watch(look), name="embedding server")

    async def aclose(self) -> None:
        """Close the connections."""
        self._status = Status("stopped", "The embedder was stopped.")
        if self._watcher:
            self._watcher.cancel()
            await asyncio.wait({self._watcher})
        await self._connection.aclose()

    def status(self) -> Status:
        """Return how the server did last."""
        return self._status

    async def usable(self) -> None:
        """Return when the server can be asked."""
        await self._up.wait()

    async def embed_query(self, text: str) -> Vectors:
        """Return the vector of a question (`base.Embedder.embed_query`)."""
        self._check()
        found = await self._shortened(text, "query", QUESTION)
        if found is None:
            raise EngineDown("The embedding server does not take this question.")
        return found

    async def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of passages (`base.Embedder.embed_passages`)."""
        self._check()
        rows = [await self._batch(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)]
        return np.concatenate(rows) if rows else np.zeros((0, self._dimension), np.float32)

    async def embed(self, texts: Sequence[str], kind: Kind) -> Embedded:
        """Return the vectors of texts (`base.Embedder.embed`). Of several texts the server tells the sum of tokens alone.

        Raises:
            InvalidRequest: the server does not take them, as when one is too long.
        """
        self._check()
        parts = [await self._ask(texts[start : start + BATCH], kind, WORK) for start in range(0, len(texts), BATCH)]
        vectors = [part.vectors for part in parts] or [np.zeros((0, self._dimension), np.float32)]
        return Embedded(np.concatenate(vectors), tuple(count for part in parts for count in part.tokens))

    async def _batch(self, texts: Sequence[str]) -> Vectors:
        try:
            return (await self._ask(texts, "passage", WORK)).vectors
        except InvalidRequest:  # what it says may quote them
            log.warning("the embedding server refuses a batch of %d passages, which are tried one by one", len(texts))
        return np.stack([await self._single(text) for text in texts])

    async def _single(self, text: str) -> Vectors:
        found = await self._shortened(text, "passage", WORK)
        if found is not None:
            return found
        try:
            await self._ask([PROBE], "passage", WORK)
        except InvalidRequest as error:  # it takes nothing at all: not the text's fault
            raise self._lost(error, ours=True) from None
        log.warning("the embedding server does not take a passage of %d characters", len(text))
        return np.zeros(self._dimension, np.float32)

    async def _shortened(self, text: str, kind: Kind, timeout: float) -> Vectors | None:
        """Return the vector of a text, or of as much of its beginning as the server takes; None where it takes nothing."""
        while True:
            try:
                return (await self._ask([text], kind, timeout)).vectors.reshape(self._dimension)
            except InvalidRequest:
                if len(text) <= SHORTEST:
                    return None
                text = text[: max(SHORTEST, len(text) // 2)]

    async def _ask(self, texts: Sequence[str], kind: Kind, timeout: float) -> Embedded:
        """Return what the server says of texts.

        Raises:
            InvalidRequest: it does not take them.
            EngineDown: it does not work, and is looked at again from now on.
        """
        try:
            found = await self._post([self._forms.of(kind, text) for text in texts], timeout)
            if found.vectors.shape[1] != self._dimension:
                raise EngineBroke(self._changed(found.vectors.shape[1]))
        except (EngineError, Busy, ModelNotFound) as error:
            if not answers.is_too_long(error):
                raise self._lost(error) from None
            raise InvalidRequest(self._told(error), param="input") from None
        except InvalidRequest as error:
            raise InvalidRequest(self._told(error), param="input") from None
        return found

    async def _post(self, texts: Sequence[str], timeout: float) -> Embedded:
        body = {"model": self._model, "input": [_clean(text) for text in texts]}
        return answers.read(await self._connection.post(f"{self._prefix}/embeddings", body, timeout=timeout), len(texts))

    async def _watch(self, first: asyncio.Task[None]) -> None:
        try:
            await first
            while True:
                pause = self._retry
                while not self._status.ready:
                    await asyncio.sleep(pause)
                    await self._look()
                    pause = min(2 * pause, SLOWEST)
                await self._down.wait()
        finally:
            first.cancel()

    async def _look(self) -> None:
        """Ask the server what it runs, and for a vector."""
        self._down.clear()
        try:
            model = self._settings.embedder_model or await self._only_model()
            if self._dimension and model != self._model:  # the same identity, the same vectors
                raise EngineBroke(f"The engine has the model {model} now, and had {self._model} before. {_BACK}")
            self._model = model
            self._forms = self._usual_forms()
            dimension = (await self._post([self._forms.of("passage", PROBE)], QUESTION)).vectors.shape[1]
            if self._dimension not in (0, dimension):
                raise EngineBroke(self._changed(dimension))
        except MecumError as error:
            self._lost(error, ours=True)
            return
        self._dimension = dimension
        if self._status.state != "stopped":
            self._status = Status("ready")
            self._up.set()

    async def _only_model(self) -> str:
        return answers.only_model(await self._connection.get(f"{self._prefix}/models"))

    def _usual_forms(self) -> Forms:
        usual = forms_of(self._model)
        return Forms(self._settings.embedder_query or usual.query, self._settings.embedder_passage or usual.passage)

    def _check(self) -> None:
        if not self._status.ready:
            raise EngineDown(self._status.reason or "The embedder is not ready.")

    def _lost(self, error: MecumError, *, ours: bool = False) -> EngineDown:
        """Take note that the server does not work, and return the error for who asked.

        What the server says stands behind a colon and may quote the text. Of `ours` alone it is for the log and the status.
        """
        told = self._told(error)
        reason = told if ours else told.partition(": ")[0]
        if self._status.state != "stopped":
            if self._status.ready:
                log.warning("search is by keywords for now: %s", reason)
            self._status = Status("failed", reason)
        self._up.clear()
        self._down.set()
        return EngineDown(told)

    def _told(self, error: MecumError) -> str:
        return answers.told(error, show(self._base), f"{self._prefix}/embeddings", self._model)

    def _changed(self, dimension: int) -> str:
        return (
            f"The engine gives vectors of {dimension} numbers now, and gave {self._dimension} before: "
            f"it has another model. {_BACK}"
        )


def _clean(text: str) -> str:
    """Return the text without lone surrogates, which no encoding takes."""
    return text.encode("utf-8", "replace").decode("utf-8")
