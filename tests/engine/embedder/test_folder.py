"""An ONNX folder as the embedder, with small encoders in real onnxruntime."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers
from tests.engine.embedder import messages
from tests.engine.embedder.encoders import SIZE, Named, bert, bpe, dense, exported, network, put, table, unigram

from mecum.engine.embedder import folder
from mecum.engine.embedder.folder import FolderEmbedder, folder_of
from mecum.errors import EngineDown
from mecum.settings.schema import LibrarySettings

PANIC = {"type": "Precompiled", "precompiled_charsmap": "x"}  # over which the library does not raise, but panics


@contextlib.asynccontextmanager
async def started(folder: Path, *, named: Path | None = None, **fields: Any) -> AsyncIterator[FolderEmbedder]:
    given = LibrarySettings(embedder=str(named or folder), **fields)
    embedder = FolderEmbedder(given, folder.parent / "home", folder, threads=2)
    await embedder.start()
    try:
        yield embedder
    finally:
        await embedder.aclose()


def unit(*ids: int) -> np.ndarray:
    mean = table()[list(ids)].mean(axis=0)
    return mean / np.linalg.norm(mean)


async def test_questions_and_passages(tmp_path: Path) -> None:
    async with started(put(tmp_path / "Tiny-Encoder")) as embedder:
        assert embedder.status().ready, embedder.status()
        assert (embedder.name, embedder.dimension) == ("tiny-encoder", SIZE)  # found out by trying
        assert np.allclose(await embedder.embed_query("the fox"), unit(2, 4, 6, 3), atol=1e-6)
        rows = await embedder.embed_passages(["red", "the fox", ""])
        assert np.allclose(rows, np.stack([unit(2, 5, 3), unit(2, 4, 6, 3), unit(2, 3)]), atol=1e-6)


async def test_what_is_no_number_costs_its_own_row(tmp_path: Path) -> None:
    async with started(put(tmp_path / "x", model_onnx=network(broken="whale"))) as embedder:
        rows = await embedder.embed_passages(["red", "a whale"])
        assert np.allclose(rows, np.stack([unit(2, 5, 3), np.zeros(SIZE)]), atol=1e-6)


async def test_what_the_folder_says_of_itself_is_heeded(tmp_path: Path) -> None:
    config = {"hidden_size": SIZE, "max_position_embeddings": 6, "model_type": "xlm-roberta"}
    async with started(put(tmp_path / "x", pooling="cls_token", config_json=config)) as embedder:
        found = await embedder.embed(["fox fox fox", "fox"], "query")
        assert (found.tokens, found.cut) == ((4, 3), (0,))  # of 6 positions two are not for tokens
        assert np.allclose(found.vectors[1], unit(2), atol=1e-6)


async def test_prompts_stand_in_front_of_texts(tmp_path: Path) -> None:
    folder = put(tmp_path / "x")
    (folder / "config_sentence_transformers.json").write_text('{"prompts": {"query": "the ", "document": "red "}}')
    async with started(folder) as embedder:
        assert np.allclose(await embedder.embed_query("fox"), unit(2, 4, 6, 3), atol=1e-6)
        assert np.allclose(await embedder.embed_passages(["fox"]), unit(2, 5, 6, 3), atol=1e-6)
    async with started(folder, embedder_query="{text}") as embedder:
        assert np.allclose(await embedder.embed_query("fox"), unit(2, 6, 3), atol=1e-6)


async def test_an_encoder_that_pools_by_itself(tmp_path: Path) -> None:
    async with started(put(tmp_path / "x", model_onnx=network(pooled=True))) as embedder:
        assert np.allclose(await embedder.embed_query("the fox"), unit(2, 4, 6, 3), atol=1e-6)


async def test_whatever_changes_vectors_changes_the_identity(tmp_path: Path) -> None:
    seen = []
    for number, (files, fields) in enumerate(
        [
            ({}, {}),
            ({"model_onnx": network(pooled=True)}, {}),
            ({"tokenizer_json": bert(added_tokens=[])}, {}),
            ({}, {"embedder_pooling": "cls"}),
            ({}, {"embedder_tokens": 64}),
            ({}, {"embedder_query": "the {text}"}),
        ]
    ):
        folder = put(tmp_path / str(number) / "x", config_json={"hidden_size": SIZE}, **files)
        async with started(folder, **fields) as embedder:
            seen.append(embedder.identity)
    assert len(set(seen)) == len(seen)
    again = put(tmp_path / "again" / "y", config_json={"hidden_size": SIZE})
    async with started(again) as embedder:
        assert embedder.identity == seen[0]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"pooling": None}, "Set library.embedder_pooling"),
        ({"pooling": "max_tokens"}, "Set library.embedder_pooling"),
        ({"tokenizer_json": None}, "There is no tokenizer.json"),
        ({"model_onnx": None}, "There is no ONNX model"),
        ({"model_onnx": None, "a_onnx": b"", "b_onnx": b""}, "several models.*a.onnx, b.onnx"),
        ({"model_onnx": b"no graph"}, "model.onnx is damaged, or no ONNX model"),
        ({"model_onnx": messages.model(messages.graph())}, "onnxruntime cannot load model.onnx"),
        ({"model_onnx": network(name="pixels")}, "model.onnx asks for pixels"),
        (
            {"model_onnx": messages.everywhere("../secret")["constant"]},
            "wants to read '../secret', which is not in its folder",
        ),
        ({"model_onnx": network(broken="[CLS]")}, "what it makes of a text are no numbers"),
        ({"tokenizer_json": bert(model={"type": "BPE", "vocab": {}})}, "tokenizer.json cannot be used"),
        ({"tokenizer_json": unigram(normalizer=PANIC)}, "tokenizer.json cannot be used"),
    ],
)
async def test_what_cannot_be_used_is_told(tmp_path: Path, files: dict[str, Any], reason: str) -> None:
    async with started(put(tmp_path / "x", **files)) as embedder:
        assert embedder.status().state == "failed"
        with pytest.raises(EngineDown, match=reason):
            await embedder.embed_query("fox")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
async def test_a_name_that_is_no_text_is_told(tmp_path: Path) -> None:
    async with started(put(tmp_path / "x").rename(Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")))) as embedder:
        assert embedder.status().state == "failed"
        assert "has a name that is no text" in (embedder.status().reason or "")


async def test_a_file_in_a_folder_can_be_named(tmp_path: Path) -> None:
    folder = put(tmp_path / "x", model_onnx=None, a_onnx=network(), b_onnx=b"no graph")
    async with started(folder, named=folder / "a.onnx") as embedder:
        assert embedder.status().ready


async def test_a_file_in_the_folder_onnx_can_be_named(tmp_path: Path) -> None:
    folder = put(tmp_path / "x", model_onnx=None)
    (folder / "onnx").mkdir()
    for name in ("model_int8.onnx", "model_q4.onnx"):
        (folder / "onnx" / name).write_bytes(network())
    named = folder / "onnx" / "model_int8.onnx"
    assert folder_of(str(named), tmp_path) == folder
    async with started(folder, named=named) as embedder:
        assert embedder.status().ready


def many(told: dict[str, Any]) -> bytes:
    """A network with a row for each token of a tokeniser."""
    graph = Named(name="many")
    ids = graph.input("input_ids", ["batch", "n"], "int64")
    states = graph.node("Gather", graph.constant(rows_of(told)), ids)
    graph.output(graph.call(states, "last_hidden_state"), ["batch", "n", SIZE])
    return graph.model()


def rows_of(told: dict[str, Any]) -> np.ndarray:
    size = len(told["model"]["vocab"]) + len(told["added_tokens"])
    return np.random.default_rng(9).normal(size=(size, SIZE)).astype(np.float32)


@pytest.mark.parametrize("closes", [True, False])
async def test_bytes_in_pairs_and_the_last_token(tmp_path: Path, closes: bool) -> None:
    told = bpe() if closes else bpe(post_processor=None)  # then its settings say that texts are to be closed
    settings = {"add_eos_token": True, "eos_token": {"content": "<|end|>"}}
    files = {"tokenizer_json": told, "tokenizer_config_json": settings, "config_json": {"hidden_size": SIZE}}
    end = told["added_tokens"][0]["id"]
    async with started(put(tmp_path / "x", pooling="lasttoken", model_onnx=many(told), **files)) as embedder:
        found = await embedder.embed(["the red foxes", "\U0001f98a " * 600], "passage")
        row = rows_of(told)[end]
        assert found.cut == (1,)
        assert found.tokens[1] == 512
        assert np.allclose(found.vectors, np.stack([row, row]) / np.linalg.norm(row), atol=1e-6)
    async with started(tmp_path / "x", embedder_pooling="mean") as embedder:
        library = tokenizers.Tokenizer.from_str(json.dumps(told))
        ids = [*library.encode("the red foxes").ids, *(() if closes else (end,))]
        mean = rows_of(told)[ids].mean(axis=0)
        assert np.allclose(await embedder.embed_query("the red foxes"), mean / np.linalg.norm(mean), atol=1e-6)


async def test_layers_of_the_folder_are_applied(tmp_path: Path) -> None:
    weights = np.random.default_rng(1).normal(size=(3, SIZE)).astype(np.float32)
    folder = put(tmp_path / "x")
    dense(folder / "2_Dense", weights, tanh=True)
    async with started(folder) as embedder:
        assert embedder.dimension == 3
        expected = np.tanh(weights @ table()[[2, 4, 6, 3]].mean(axis=0))
        assert np.allclose(await embedder.embed_query("the fox"), expected / np.linalg.norm(expected), atol=1e-5)


async def test_layers_that_are_inside_the_graph_are_not_applied_twice(tmp_path: Path) -> None:
    folder = put(tmp_path / "x", model_onnx=exported(pooled=True))
    dense(folder / "2_Dense", np.eye(3, SIZE, dtype=np.float32))
    async with started(folder) as embedder:
        assert np.allclose(await embedder.embed_query("the fox"), unit(2, 4, 6, 3), atol=1e-6)
    (folder / "model.onnx").write_bytes(network(pooled=True))  # one vector a text, and nothing says which
    async with started(folder) as embedder:
        assert "does not say whether its last layers are part of its model" in (embedder.status().reason or "")


async def test_texts_are_cut_where_the_folder_says(tmp_path: Path) -> None:
    folder = put(tmp_path / "x", sentence_bert_config_json={"max_seq_length": 4, "do_lower_case": True})
    async with started(folder) as embedder:
        assert (await embedder.embed(["the red fox"], "passage")).tokens == (4,)


async def test_a_model_is_tried_once(tmp_path: Path) -> None:
    folder = put(tmp_path / "x")
    async with started(folder) as embedder:
        assert embedder.dimension == SIZE
    given = LibrarySettings(embedder=str(folder))
    for home, state in ((tmp_path / "home", "ready"), (tmp_path / "another", "failed")):
        again = FolderEmbedder(given, home, folder, program=("-c", "raise SystemExit(7)"))
        await again.start()
        assert again.status().state == state
        await again.aclose()


async def test_one_that_was_used_before_is_not_tried(tmp_path: Path) -> None:
    folder, dies = put(tmp_path / "x"), ("-c", "raise SystemExit(7)")
    embedder = FolderEmbedder(LibrarySettings(embedder="x"), tmp_path / "home", folder, used=True, program=dies)
    await embedder.start()
    assert (embedder.status().state, embedder.dimension) == ("ready", SIZE)
    async with started(folder) as other:
        assert embedder.identity == other.identity


async def test_a_tokeniser_that_never_ends_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "STUCK", 1.0)
    hangs = ("-c", "import time; time.sleep(600)")
    embedder = FolderEmbedder(LibrarySettings(embedder="x"), tmp_path, put(tmp_path / "x"), program=hangs)
    await embedder.start()
    assert "did not come up within 1 s" in (embedder.status().reason or "")


def test_which_folder_is_meant(tmp_path: Path) -> None:
    inside = put(tmp_path / "home" / "models" / "Tiny")
    assert folder_of("Tiny", tmp_path / "home") == inside
    assert folder_of(str(inside), tmp_path) == inside
    assert folder_of(str(inside / "model.onnx"), tmp_path) == inside
    assert folder_of("tiny.gguf", tmp_path / "home") is None
