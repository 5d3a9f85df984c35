"""What the JSON files of a folder say of its model, and what the settings say instead: how texts are given to it.

Invariant (`tests/engine/embedder/test_card.py`): what the folder says is heeded; how one vector is made of the tokens' is
asked for where it does not say it, and never guessed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mecum.engine.embedder.forms import TEXT, Forms, forms_of
from mecum.engine.embedder.inspection import Inspected
from mecum.engine.embedder.layers import json_in, whole_number
from mecum.engine.embedder.recipe import Recipe
from mecum.engine.embedder.workers import Unusable
from mecum.engine.kinds import Pooling
from mecum.settings.schema import LibrarySettings

_SHIFTED: Final = frozenset(("roberta", "xlm-roberta", "camembert", "mpnet"))  # their positions start at 2


class Card:
    """What is said of the model in `folder`."""

    def __init__(self, folder: Path, settings: LibrarySettings) -> None:
        self._folder = folder
        self._settings = settings
        self._config = json_in(folder / "config.json")
        self._sentences = json_in(folder / "sentence_bert_config.json")
        self._tokenizer = json_in(folder / "tokenizer_config.json")
        self._prompts = json_in(folder / "config_sentence_transformers.json").get("prompts")

    def recipe(self, found: Inspected) -> Recipe:
        """Return how the model makes a vector.

        Raises:
            Unusable: nothing says how.
        """
        return Recipe(
            model=str(found.model),
            tokenizer=str(found.tokenizer),
            output=found.signature.output,
            pooling=self._pooling(found),
            tokens=self._tokens(),
            first=self._first(),
            lowercase=self._sentences.get("do_lower_case") is True,
            closing=self._closing(),
            layers=tuple((str(one.weights or ""), one.size, one.tanh) for one in found.layers.after),
        )

    def forms(self, found: Inspected, name: str) -> Forms:
        """Return what is put around texts. `name` is the model's.

        Raises:
            Unusable: the model leaves words in front of a text out of its vector, which is not done here.
        """
        usual = forms_of(name, str(self._config.get("_name_or_path", "")))
        query = self._settings.embedder_query or self._prompt("query") or usual.query
        passage = self._settings.embedder_passage or self._prompt("document") or self._prompt("passage") or usual.passage
        forms = Forms(query, passage)
        if not found.layers.whole and forms != Forms():
            raise Unusable(
                f"{self._folder} leaves the words in front of a text out of its vector (include_prompt), which is not done "
                "here. Choose another model."
            )
        return forms

    def _pooling(self, found: Inspected) -> Pooling:
        pooling = self._settings.embedder_pooling or found.layers.pooling
        if pooling is None and not found.signature.pooled:
            raise Unusable(
                f"{self._folder} does not say how one vector is made of its tokens' (1_Pooling/config.json). "
                "Set library.embedder_pooling to mean, cls or last, as the model's page says."
            )
        return pooling or "mean"

    def _tokens(self) -> int:
        """Return how many tokens of a text are read."""
        positions = whole_number(self._config.get("max_position_embeddings")) - self._first()
        limits = (self._settings.embedder_tokens, positions, whole_number(self._sentences.get("max_seq_length")))
        return min(limit for limit in limits if limit > 0)

    def _first(self) -> int:
        """Return the position of a text's first token."""
        return 2 if self._config.get("model_type") in _SHIFTED else 0

    def _closing(self) -> str:
        """Return the token that stands behind every text, if the tokeniser's settings ask for one."""
        told = self._tokenizer.get("eos_token")
        token = told.get("content") if isinstance(told, dict) else told
        return token if self._tokenizer.get("add_eos_token") is True and isinstance(token, str) else ""

    def _prompt(self, kind: str) -> str:
        """Return the form of a prompt that stands in front of texts, "" where there is none."""
        prompt = self._prompts.get(kind) if isinstance(self._prompts, dict) else None
        return f"{prompt}{TEXT}" if isinstance(prompt, str) and prompt and "{" not in prompt else ""
