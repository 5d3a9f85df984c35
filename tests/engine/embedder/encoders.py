"""Small text encoders in ONNX for tests, with their tokenizer.json: a table of vectors, one for each token."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from mecum.engine.embedder.onnx import Graph

WORDS = "[PAD] [UNK] [CLS] [SEP] the red fox ##es a blue whale sleep ##s , . cafe \u732b".split()
SIZE = 8


def table() -> np.ndarray:
    return np.random.default_rng(5).normal(size=(len(WORDS), SIZE)).astype(np.float32)


def bert(**changes: Any) -> dict[str, Any]:
    """A tokenizer.json of BERT's kind."""
    return {
        "normalizer": {"type": "BertNormalizer", "lowercase": True, "strip_accents": None},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "vocab": {word: n for n, word in enumerate(WORDS)}},
        **changes,
    }


def unigram(**changes: Any) -> dict[str, Any]:
    """A tokenizer.json of XLM-R's kind."""
    space = "\N{LOWER ONE EIGHTH BLOCK}"
    vocab = [
        ["<s>", 0.0],
        ["<pad>", 0.0],
        ["</s>", 0.0],
        ["<unk>", 0.0],
        [f"{space}the", -1.0],
        [f"{space}fox", -2.0],
        ["es", -2.5],
    ]
    ends = [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}, {"SpecialToken": {"id": "</s>"}}]
    return {
        "normalizer": {"type": "Precompiled", "precompiled_charsmap": "x"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Metaspace"}]},
        "post_processor": {"type": "TemplateProcessing", "single": ends},
        "model": {"type": "Unigram", "unk_id": 3, "vocab": vocab},
        **changes,
    }


def network(*, pooled: bool = False, name: str = "input_ids", broken: str = "") -> bytes:
    """An encoder that gives each token its row of the table; `pooled`: their mean at once; of a `broken` word: NaN."""
    graph = Graph(name="encoder")
    ids = graph.input(name, [1, "n"], "int64")
    graph.input("attention_mask", [1, "n"], "int64")
    rows = table()
    if broken:
        rows[WORDS.index(broken)] = np.nan
    states = graph.node("Gather", graph.constant(rows), ids)
    if pooled:
        states = graph.node("ReduceMean", states, graph.constant(np.array([1], np.int64)), keepdims=0)
    graph.output(states, [1, SIZE] if pooled else [1, "n", SIZE])
    return graph.model()


def put(folder: Path, *, pooling: str | None = "mean_tokens", **files: Any) -> Path:
    """Write a folder; `files` by their names, with _ for a dot: JSON, or bytes as they are."""
    (folder / "1_Pooling").mkdir(parents=True, exist_ok=True)
    if pooling:
        told = {"word_embedding_dimension": SIZE, "pooling_mode_cls_token": False, f"pooling_mode_{pooling}": True}
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(told))
    for name, content in {"model_onnx": network(), "tokenizer_json": bert(), **files}.items():
        if content is not None:
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            (folder / ".".join(name.rsplit("_", 1))).write_bytes(data)
    return folder
