"""What folders say of themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.engine.embedder.encoders import exported, put

from mecum.engine.embedder.card import Card
from mecum.engine.embedder.forms import Forms
from mecum.engine.embedder.inspection import check
from mecum.engine.embedder.recipe import Recipe
from mecum.engine.embedder.workers import Unusable
from mecum.settings.schema import LibrarySettings


def recipe(
    folder: Path, *, pooling: str | None = "mean_tokens", files: dict[str, Any] | None = None, **settings: Any
) -> Recipe:
    put(folder, pooling=pooling, **(files or {}))
    return Card(folder, LibrarySettings(**settings)).recipe(check(folder))


def forms(folder: Path, name: str = "tiny", **settings: Any) -> Forms:
    return Card(folder, LibrarySettings(**settings)).forms(check(folder), name)


@pytest.mark.parametrize(
    ("config", "sentences", "tokens"),
    [
        ({}, {}, 512),
        ({"max_position_embeddings": 128}, {}, 128),
        ({"max_position_embeddings": 130, "model_type": "xlm-roberta"}, {}, 128),
        ({"max_position_embeddings": 512}, {"max_seq_length": 256}, 256),
        ({"max_position_embeddings": 32768}, {"max_seq_length": 8192}, 512),
        ({"max_position_embeddings": "many"}, {"max_seq_length": None}, 512),
        ({"max_position_embeddings": -1}, {"max_seq_length": True}, 512),
    ],
)
def test_where_texts_are_cut(tmp_path: Path, config: Any, sentences: Any, tokens: int) -> None:
    files = {"config_json": config, "sentence_bert_config_json": sentences}
    assert recipe(tmp_path, files=files).tokens == tokens
    assert recipe(tmp_path, files=files, embedder_tokens=64).tokens == 64


@pytest.mark.parametrize(
    ("told", "closing"),
    [
        ({"add_eos_token": True, "eos_token": "</s>"}, "</s>"),
        ({"add_eos_token": True, "eos_token": {"content": "<|end|>", "lstrip": False}}, "<|end|>"),
        ({"add_eos_token": False, "eos_token": "</s>"}, ""),
        ({"eos_token": "</s>"}, ""),
        ({"add_eos_token": True}, ""),
        ({"add_eos_token": "yes", "eos_token": "</s>"}, ""),
    ],
)
def test_what_closes_a_text(tmp_path: Path, told: Any, closing: str) -> None:
    assert recipe(tmp_path, files={"tokenizer_config_json": told}).closing == closing


def test_positions_and_case(tmp_path: Path) -> None:
    assert (recipe(tmp_path).first, recipe(tmp_path).lowercase) == (0, False)
    files = {"config_json": {"model_type": "mpnet"}, "sentence_bert_config_json": {"do_lower_case": True}}
    assert (recipe(tmp_path, files=files).first, recipe(tmp_path, files=files).lowercase) == (2, True)


def test_how_one_vector_is_made(tmp_path: Path) -> None:
    assert recipe(tmp_path / "a", pooling="cls_token").pooling == "cls"
    assert recipe(tmp_path / "a", pooling="cls_token", embedder_pooling="last").pooling == "last"
    assert recipe(tmp_path / "b", pooling=None, embedder_pooling="last").pooling == "last"
    with pytest.raises(Unusable, match=r"Set library\.embedder_pooling"):
        recipe(tmp_path / "b", pooling=None)
    made = recipe(tmp_path / "c", pooling=None, files={"model_onnx": exported(pooled=True)})
    assert (made.output, made.layers) == ("sentence_embedding", ())


@pytest.mark.parametrize(
    ("prompts", "query", "passage"),
    [
        ({"query": "q: ", "document": "d: ", "passage": "p: "}, "q: {text}", "d: {text}"),
        ({"query": "q: ", "passage": "p: "}, "q: {text}", "p: {text}"),
        ({"query": "", "document": ""}, "{text}", "{text}"),
        ({"query": 5, "document": "{x}"}, "{text}", "{text}"),
        ("no prompts", "{text}", "{text}"),
    ],
)
def test_what_is_put_around_texts(tmp_path: Path, prompts: Any, query: str, passage: str) -> None:
    folder = put(tmp_path / "x", config_sentence_transformers_json={"prompts": prompts})
    assert forms(folder) == Forms(query, passage)
    assert forms(folder, embedder_query="ask {text}").query == "ask {text}"


def test_what_is_usual_for_a_model_of_that_name(tmp_path: Path) -> None:
    folder = put(tmp_path / "x", config_json={"_name_or_path": "nomic-ai/nomic-embed-text-v1.5"})
    assert forms(folder) == Forms("search_query: {text}", "search_document: {text}")
    assert forms(put(tmp_path / "y"), "bge-small-en-v1.5").query.startswith("Represent this sentence")


def test_words_in_front_that_would_not_count(tmp_path: Path) -> None:
    folder = put(tmp_path / "x")
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode": "mean", "include_prompt": False}))
    assert forms(folder) == Forms()
    with pytest.raises(Unusable, match="include_prompt"):
        forms(folder, embedder_query="the {text}")
    (folder / "config_sentence_transformers.json").write_text('{"prompts": {"document": "d: "}}')
    with pytest.raises(Unusable, match="include_prompt"):
        forms(folder)


def test_a_recipe_as_a_text(tmp_path: Path) -> None:
    made = recipe(tmp_path, files={"tokenizer_config_json": {"add_eos_token": True, "eos_token": "\u732b"}})
    layers = (("2_Dense/model.safetensors", 8, True), ("", 0, False))
    whole = Recipe(made.model, made.tokenizer, made.output, "cls", 99, 2, lowercase=True, closing="\u732b", layers=layers)
    for one in (made, whole):
        assert Recipe.read(one.text()) == one
