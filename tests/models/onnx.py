"""A repository of an embedding model in ONNX, as the hub has them."""

from __future__ import annotations

import json
from typing import Any

from tests.engine.embedder import messages
from tests.engine.embedder.encoders import SIZE, Named, bert, network

MODEL = "onnx/model.onnx"
DATA = "onnx/model.onnx_data"
POOLING = {"word_embedding_dimension": SIZE, "pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}
CONFIG = {"model_type": "bert", "hidden_size": SIZE, "max_position_embeddings": 64}


def repository() -> dict[str, bytes]:
    """Return its files by their paths."""
    told: dict[str, Any] = {
        "config.json": CONFIG,
        "tokenizer.json": bert(),
        "tokenizer_config.json": {"do_lower_case": True},
        "special_tokens_map.json": {"unk_token": "[UNK]"},
        "1_Pooling/config.json": POOLING,
    }
    return {MODEL: network(), **{name: json.dumps(value).encode() for name, value in told.items()}}


def with_data() -> dict[str, bytes]:
    """Return one whose tensors lie in a file beside the model."""
    tensor = messages.outside("model.onnx_data", dims=(8, 8))
    return {**repository(), MODEL: messages.model(messages.graph((5, tensor))), DATA: bytes(256)}


def decoder() -> bytes:
    """Return a graph that generates text: it takes what it said before, and gives logits."""
    graph = Named(name="decoder")
    ids = graph.input("input_ids", ["batch", "n"], "int64")
    for what in ("key", "value"):
        graph.input(f"past_key_values.0.{what}", ["batch", 2, "past", 4])
    graph.output(graph.call(graph.node("Cast", ids, to=1), "logits"), ["batch", "n"])
    return graph.model()
