"""A model file as the embedder: GGUF through llama.cpp, in workers of ours (`workers`).

Invariants (`tests/engine/embedder/test_file.py`):
- the header was read and checked before llama.cpp sees the file, and a model that does not embed is refused by it;
- `identity` holds all that makes a vector: the file's bytes, what is put around texts, the pooling, where texts are cut;
- two workers only where memory has room for the model twice, one for both elsewhere, none where it does not fit.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import orjson

from mecum.engine import gguf
from mecum.engine.embedder.forms import Forms, forms_of
from mecum.engine.embedder.room import is_alone
from mecum.engine.embedder.workers import SLOWER, SMALL, STUCK, Found, Unusable, WorkerEmbedder, batch_of
from mecum.engine.gguf import Header
from mecum.engine.identity import Hashes
from mecum.engine.kinds import Pooling, kind_of, pooling_of
from mecum.engine.machine import Machine
from mecum.engine.models import locate, name_of, parts
from mecum.engine.plan import token_bytes
from mecum.errors import EngineStartError
from mecum.settings.schema import LibrarySettings

PROGRAM: Final = ("-m", "mecum.engine.embedder.llama_program")


class FileEmbedder(WorkerEmbedder):
    """The model that `settings.embedder` names. `machine` and `program` take the place of the usual ones."""

    def __init__(
        self,
        settings: LibrarySettings,
        home: Path,
        *,
        machine: Machine | None = None,
        program: Sequence[str] = PROGRAM,
        threads: int | None = None,
    ) -> None:
        super().__init__(Path(settings.embedder).stem.lower(), threads=threads)
        self._settings = settings
        self._home = home
        self._machine = machine
        self._program = tuple(program)

    async def _find(self) -> Found:
        try:
            return await asyncio.to_thread(self._look)
        except EngineStartError as error:
            raise Unusable(f"The embedder cannot be used: {error.message}") from None
        except OSError as error:
            raise Unusable(f"The embedder {self._settings.embedder} cannot be read: {error.strerror or error}.") from None

    def need(self) -> int:
        """Return what one worker takes (`WorkerEmbedder.need`): llama.cpp may hold the weights in an order of its own."""
        try:
            files = parts(self._located())
            header = gguf.read(files[0])
            return _size(files) + self._tokens(header) * token_bytes(header)
        except (Unusable, EngineStartError, OSError):
            return 0

    def _look(self) -> Found:
        files = parts(self._located())
        header, *_ = [gguf.read(file) for file in files]
        pooling = self._pooling(header)
        dimension = header.number("embedding_length_out") or header.number("embedding_length")
        if not dimension:
            raise Unusable(f"{files[0].name} does not say how long its vectors are.")
        tokens = self._tokens(header)
        forms = self._forms(header)
        weights = _size(files)
        free = (self._machine or Machine.here()).memory
        return Found(
            name=name_of(header),
            identity=f"gguf-{digest_of(hash_of(self._home, files), forms.query, forms.passage, pooling, tokens)}",
            dimension=dimension,
            command=(*self._program, str(files[0]), pooling, str(tokens)),
            forms=forms,
            threads=1 if weights <= SMALL else self.threads,
            alone=is_alone(files[0].name, weights + tokens * token_bytes(header), free),
            batch=batch_of(weights),
            stuck=SLOWER * STUCK,
        )

    def _located(self) -> Path:
        try:
            return locate(self._settings.embedder, self._home)
        except EngineStartError as error:
            known, _, _ = error.message.partition(" Set engine.model")  # which is not what names this one
            raise Unusable(f"{known} Set library.embedder to one that `mecum models` lists, or to its file.") from None

    def _tokens(self, header: Header) -> int:
        return min(self._settings.embedder_tokens, header.number("context_length") or self._settings.embedder_tokens)

    def _pooling(self, header: Header) -> Pooling:
        kind, pooling = kind_of(header), self._settings.embedder_pooling or pooling_of(header)
        if kind == "reranker":
            raise Unusable(f"{header.path.name} scores pairs of texts and makes no vectors. Choose an embedding model.")
        if kind == "chat" and not self._settings.embedder_pooling:
            raise Unusable(
                f"{header.path.name} is a chat model, whose vectors find little. Choose an embedding model "
                "(`mecum models embedder`); library.embedder_pooling = 'mean' takes this one all the same."
            )
        return pooling or "mean"

    def _forms(self, header: Header) -> Forms:
        usual = forms_of(name_of(header), str(header.values.get("general.name", "")))
        return Forms(self._settings.embedder_query or usual.query, self._settings.embedder_passage or usual.passage)


def hash_of(home: Path, files: Sequence[Path]) -> str:
    """Return the SHA-256 of the files' bytes, one after the other: as it was kept, or computed and kept."""
    hashes = Hashes(home / "cache")
    if (known := hashes.known(files)) is not None:
        return known
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while piece := stream.read(1 << 20):
                digest.update(piece)
    hashes.remember(files, digest.hexdigest())
    return digest.hexdigest()


def _size(files: Sequence[Path]) -> int:
    return sum(file.stat().st_size for file in files)


def digest_of(*told: object) -> str:
    """Return one short hash of all that makes vectors."""
    return hashlib.sha256(orjson.dumps(told)).hexdigest()[:20]
