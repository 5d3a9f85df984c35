"""An ONNX model in a folder, as the hub's repositories of sentence-transformers have it, as the embedder.

Invariants (`tests/engine/embedder/test_folder.py`): what the folder says of itself is heeded, what it does not say is asked
for and never guessed; `identity` holds all that makes a vector, as that of a file does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import orjson

from mecum.engine.embedder.file import digest_of, hash_of
from mecum.engine.embedder.forms import TEXT, Forms, forms_of
from mecum.engine.embedder.workers import STUCK, Found, Unusable, WorkerEmbedder
from mecum.engine.frames import WorkFailed
from mecum.engine.kinds import Pooling
from mecum.engine.worker import Worker, WorkerDied
from mecum.settings.schema import LibrarySettings
from mecum.types import Json

PROGRAM: Final = ("-m", "mecum.engine.embedder.onnx_program")
TOKENIZER: Final = "tokenizer.json"
_SHIFTED: Final = frozenset(("roberta", "xlm-roberta", "camembert", "mpnet"))  # their positions start at 2
_POOLINGS: Final[dict[str, Pooling]] = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_lasttoken": "last",
}


def folder_of(embedder: str, home: Path) -> Path | None:
    """Return the folder that a setting names: a path, a folder of `home`/models, or that of an ONNX file; None: none."""
    given = Path(embedder).expanduser()
    if given.suffix == ".onnx" and given.is_file():
        return given.parent
    return next((one for one in (given, home / "models" / embedder) if one.is_dir()), None)


def folders_in(home: Path) -> list[Path]:
    """Return the folders of `home`/models that hold a tokeniser, by name."""
    try:
        return sorted(file.parent for file in (home / "models").glob(f"[!.]*/{TOKENIZER}"))
    except OSError:
        return []


class FolderEmbedder(WorkerEmbedder):
    """The model in `folder`. `program` takes the place of the usual one."""

    def __init__(
        self,
        settings: LibrarySettings,
        home: Path,
        folder: Path,
        *,
        program: Sequence[str] = PROGRAM,
        threads: int | None = None,
    ) -> None:
        super().__init__(folder.resolve().name.lower(), threads=threads)
        self._settings = settings
        self._home = home
        self._folder = folder.absolute()
        self._program = tuple(program)

    async def _find(self) -> Found:
        try:
            found = await asyncio.to_thread(self._look)
        except OSError as error:
            raise Unusable(f"The embedder {self._folder} cannot be read: {error.strerror or error}.") from None
        return found if found.dimension else replace(found, dimension=await self._tried(found.command))

    def _look(self) -> Found:
        """Return what there is to know without running it; the dimension is 0 where the folder does not say."""
        model, tokenizer = self._model(), self._folder / TOKENIZER
        if not tokenizer.is_file():
            raise Unusable(f"There is no {TOKENIZER} in {self._folder}.")
        config = _json(self._folder / "config.json")
        pooling, forms, tokens = self._pooling(), self._forms(config), self._tokens(config)
        made = digest_of(hash_of(self._home, (model, tokenizer)), forms.query, forms.passage, pooling, tokens)
        return Found(
            name=self.name,
            identity=f"onnx-{made}",
            dimension=_number(config.get("hidden_size")),
            command=(*self._program, str(model), str(tokenizer), pooling, str(tokens)),
            forms=forms,
        )

    def _model(self) -> Path:
        if Path(self._settings.embedder).suffix == ".onnx":
            return Path(self._settings.embedder).expanduser().absolute()
        for place in (self._folder, self._folder / "onnx"):
            files = sorted(place.glob("*.onnx"))
            named = [file for file in files if file.name == "model.onnx"]
            if named or len(files) == 1:
                return (named or files)[0]
            if files:
                several = ", ".join(file.name for file in files)
                raise Unusable(f"There are several models in {place}: {several}. Name one of the files.")
        raise Unusable(f"There is no ONNX model in {self._folder}.")

    def _pooling(self) -> Pooling:
        told = _json(self._folder / "1_Pooling" / "config.json")
        modes = [name for name, value in told.items() if name.startswith("pooling_mode_") and value is True]
        if self._settings.embedder_pooling:
            return self._settings.embedder_pooling
        if len(modes) == 1 and modes[0] in _POOLINGS:
            return _POOLINGS[modes[0]]
        raise Unusable(
            f"{self._folder} does not say how one vector is made of its tokens' (1_Pooling/config.json). "
            "Set library.embedder_pooling to mean, cls or last, as the model's page says."
        )

    def _forms(self, config: Json) -> Forms:
        usual = forms_of(self.name, str(config.get("_name_or_path", "")))
        told = _json(self._folder / "config_sentence_transformers.json").get("prompts")
        prompts = told if isinstance(told, dict) else {}
        query = _form(prompts.get("query")) or usual.query
        passage = _form(prompts.get("document")) or _form(prompts.get("passage")) or usual.passage
        return Forms(self._settings.embedder_query or query, self._settings.embedder_passage or passage)

    def _tokens(self, config: Json) -> int:
        positions = _number(config.get("max_position_embeddings")) or self._settings.embedder_tokens
        if config.get("model_type") in _SHIFTED:
            positions -= 2
        return min(self._settings.embedder_tokens, positions)

    async def _tried(self, command: tuple[str, ...]) -> int:
        """Return how long a vector is, by making one."""
        worker = Worker((*command, "1", "normal"))
        try:
            reply = await worker.ask(orjson.dumps({"kind": "query", "texts": ["mecum"]}), timeout=STUCK)
        except (WorkerDied, WorkFailed) as error:
            raise Unusable(f"The embedder {self._folder} cannot be used. {error}") from None
        finally:
            await worker.aclose()
        return len(reply) // 4 - 1


def _json(file: Path) -> Json:
    """Return the object that a file holds; an empty one where it is not there, or is none."""
    try:
        told = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return told if isinstance(told, dict) else {}


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _form(prompt: object) -> str:
    """Return the form of a prompt that stands in front of texts, "" where it is none."""
    return f"{prompt}{TEXT}" if isinstance(prompt, str) and prompt and "{" not in prompt else ""
