"""An ONNX folder as the embedder, with small encoders in real onnxruntime."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.engine.embedder.encoders import SIZE, bert, network, put, table

from mecum.engine.embedder.folder import FolderEmbedder, folder_of
from mecum.errors import EngineDown
from mecum.settings.schema import LibrarySettings


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
        ({"model_onnx": b"no graph"}, "onnxruntime cannot load model.onnx"),
        ({"model_onnx": network(name="pixels")}, "no text encoder: its inputs are pixels"),
        ({"tokenizer_json": bert(model={"type": "BPE", "vocab": {}})}, "of the kind BPE"),
    ],
)
async def test_what_cannot_be_used_is_told(tmp_path: Path, files: dict[str, Any], reason: str) -> None:
    async with started(put(tmp_path / "x", **files)) as embedder:
        assert embedder.status().state == "failed"
        with pytest.raises(EngineDown, match=reason):
            await embedder.embed_query("fox")


async def test_a_file_in_a_folder_can_be_named(tmp_path: Path) -> None:
    folder = put(tmp_path / "x", model_onnx=None, a_onnx=network(), b_onnx=b"no graph")
    async with started(folder, named=folder / "a.onnx") as embedder:
        assert embedder.status().ready


def test_which_folder_is_meant(tmp_path: Path) -> None:
    inside = put(tmp_path / "home" / "models" / "Tiny")
    assert folder_of("Tiny", tmp_path / "home") == inside
    assert folder_of(str(inside), tmp_path) == inside
    assert folder_of(str(inside / "model.onnx"), tmp_path) == inside
    assert folder_of("tiny.gguf", tmp_path / "home") is None
