"""An ONNX model in a folder, as the hub's repositories of sentence-transformers have it, as the embedder.

Invariants (`tests/engine/embedder/test_folder.py`): `identity` holds all that makes a vector, as that of a file does; one
that is ready has made a vector; no library sees its files but in a worker, and none before `inspection` has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import orjson

from mecum.engine import cache
from mecum.engine.embedder.card import Card
from mecum.engine.embedder.file import digest_of, hash_of
from mecum.engine.embedder.inspection import TOKENIZER, Inspected, check
from mecum.engine.embedder.room import is_alone
from mecum.engine.embedder.workers import SLOWER, STUCK, Found, Unusable, WorkerEmbedder, batch_of
from mecum.engine.frames import WorkFailed
from mecum.engine.machine import Machine
from mecum.engine.worker import Worker, WorkerDied
from mecum.settings.schema import LibrarySettings

PROGRAM: Final = ("-m", "mecum.engine.embedder.onnx_program")
VERSION: Final = 2  # of what is done here: raise it when vectors change; the embedder's identity holds it
PIECES: Final = 20  # bytes of memory for each of a tokenizer.json, which the library needs: between 10 (BPE) and 30 (XLM-R)


def folder_of(embedder: str, home: Path) -> Path | None:
    """Return the folder that a setting names: a path, a folder of `home`/models, or that of an ONNX file; None: none."""
    given = Path(embedder).expanduser()
    if given.suffix == ".onnx" and given.is_file():
        return next((place for place in given.parents[:2] if (place / TOKENIZER).is_file()), given.parent)
    return next((one for one in (given, home / "models" / embedder) if one.is_dir()), None)


def folders_in(home: Path) -> list[Path]:
    """Return the folders of `home`/models that hold a tokeniser, by name."""
    try:
        return sorted(file.parent for file in (home / "models").glob(f"[!.]*/{TOKENIZER}"))
    except OSError:
        return []


class FolderEmbedder(WorkerEmbedder):
    """The model in `folder`. `machine` and `program` take the place of the usual ones.

    `used` says that it is only wanted if it has made vectors before: then it is not tried at the start.
    """

    def __init__(
        self,
        settings: LibrarySettings,
        home: Path,
        folder: Path,
        *,
        used: bool = False,
        machine: Machine | None = None,
        program: Sequence[str] = PROGRAM,
        threads: int | None = None,
    ) -> None:
        super().__init__(folder.resolve().name.lower(), threads=threads)
        self._settings = settings
        self._home = home
        self._folder = folder.absolute()
        self._used = used
        self._machine = machine
        self._program = tuple(program)

    async def _find(self) -> Found:
        try:
            found = await asyncio.to_thread(self._look)
        except OSError as error:
            raise Unusable(f"The embedder {self._folder} cannot be read: {error.strerror or error}.") from None
        return replace(found, dimension=await self._tried(found))

    def need(self) -> int:
        """Return what one worker takes (`WorkerEmbedder.need`)."""
        try:
            return _need(check(self._folder, self._named()))
        except (Unusable, OSError):
            return 0

    def _look(self) -> Found:
        """Return what there is to know without running it; the dimension is 0 where nothing says so."""
        found, card = check(self._folder, self._named()), Card(self._folder, self._settings)
        forms, recipe = card.forms(found, self.name), card.recipe(found)
        alone = is_alone(self.name, _need(found), (self._machine or Machine.here()).memory)
        layers = tuple(("", size, tanh) for _, size, tanh in recipe.layers)
        told = replace(recipe, model="", tokenizer="", layers=layers)  # of files, what is in them counts
        made = digest_of(VERSION, hash_of(self._home, found.files), forms.query, forms.passage, told.text())
        return Found(
            name=self.name,
            identity=f"onnx-{made}",
            dimension=found.dimension,
            command=(*self._program, recipe.text()),
            forms=forms,
            threads=self.threads if alone else 1,  # cores work on several texts, and a question is one
            alone=alone,
            batch=batch_of(found.size),
            stuck=SLOWER * STUCK,
        )

    def _named(self) -> Path | None:
        """Return the file that the setting names, None where it names the folder."""
        given = Path(self._settings.embedder).expanduser()
        return given.absolute() if given.suffix == ".onnx" and given.is_file() else None

    async def _tried(self, found: Found) -> int:
        """Return how long a vector is, by making one, unless that was done before with the same files."""
        kept = self._home / "cache" / f"{found.identity}.size"
        if known := await asyncio.to_thread(cache.load, kept):
            return int(known)
        if self._used and found.dimension:
            return found.dimension
        vector = np.frombuffer(await self._first_reply(found.command), "<f4")[:-1]  # the last is the number of tokens
        if not vector.any() or not np.isfinite(vector).all():
            raise Unusable(f"The embedder {self._folder} cannot be used: what it makes of a text are no numbers.")
        await asyncio.to_thread(cache.keep, kept, str(len(vector)).encode())
        return len(vector)

    async def _first_reply(self, command: tuple[str, ...]) -> bytes:
        worker = Worker((*command, "1", "normal"), set_up=STUCK)
        try:
            return await worker.ask(orjson.dumps({"kind": "query", "texts": ["mecum"]}), timeout=STUCK)
        except (WorkerDied, WorkFailed) as error:
            raise Unusable(f"The embedder {self._folder} cannot be used. {error}") from None
        finally:
            await worker.aclose()


def _need(found: Inspected) -> int:
    return found.size + PIECES * found.tokenizer.stat().st_size
