"""Folders of sentence-transformers, as its versions write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.engine.embedder.encoders import dense

from mecum.engine.embedder.layers import Layer, Layers, layers_in
from mecum.engine.embedder.workers import Unusable

OLD, NEW = "sentence_transformers.models.", "sentence_transformers.sentence_transformer.modules."
SQUARE = np.eye(4, dtype=np.float32)


def folder(place: Path, *modules: tuple[str, str], **pooling: Any) -> Path:
    (place / "1_Pooling").mkdir()
    (place / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    told = [{"idx": number, "name": str(number), "path": path, "type": kind} for number, (kind, path) in enumerate(modules)]
    if told:
        (place / "modules.json").write_text(json.dumps(told))
    return place


@pytest.mark.parametrize(
    ("told", "pooling"),
    [
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}, "mean"),
        ({"pooling_mode_cls_token": True}, "cls"),
        ({"pooling_mode_lasttoken": True, "include_prompt": True}, "last"),
        ({"pooling_mode": "mean", "embedding_dimension": 4}, "mean"),
        ({"pooling_mode": "lasttoken"}, "last"),
        ({"pooling_mode": ["cls"]}, "cls"),
        ({"pooling_mode": ["cls", "mean"]}, None),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}, None),
        ({"pooling_mode_max_tokens": True}, None),
        ({"pooling_mode": 7}, None),
        ({}, None),
    ],
)
def test_pooling(tmp_path: Path, told: dict[str, Any], pooling: str | None) -> None:
    assert layers_in(folder(tmp_path, **told)) == Layers(pooling)
    assert layers_in(tmp_path).whole


def test_words_in_front_that_do_not_count(tmp_path: Path) -> None:
    assert not layers_in(folder(tmp_path, pooling_mode="mean", include_prompt=False)).whole


@pytest.mark.parametrize("room", [OLD, NEW])
def test_steps_in_the_order_that_the_folder_says(tmp_path: Path, room: str) -> None:
    steps = [("Transformer", ""), ("Pooling", "1_Pooling"), ("Dense", "2_Dense"), ("Normalize", "3_Normalize")]
    where = folder(tmp_path, *((room + kind, path) for kind, path in [*steps, ("Dense", "4_Dense")]), pooling_mode="mean")
    dense(tmp_path / "2_Dense", SQUARE, tanh=True)
    dense(tmp_path / "4_Dense", SQUARE[:2])
    files = [tmp_path / name / "model.safetensors" for name in ("2_Dense", "4_Dense")]
    expected = (Layer(files[0], tanh=True, size=4), Layer(), Layer(files[1], size=2))
    assert layers_in(where) == Layers("mean", after=expected)


def test_steps_without_a_list_of_them(tmp_path: Path) -> None:
    where = folder(tmp_path, pooling_mode="mean")
    dense(tmp_path / "2_Dense", SQUARE)
    (tmp_path / "10_Normalize").mkdir()
    (tmp_path / "onnx").mkdir()
    assert [layer.size for layer in layers_in(where).after] == [4, 0]


def test_a_layer_says_nothing_of_its_activation(tmp_path: Path) -> None:
    where = folder(tmp_path, pooling_mode="mean")
    place = dense(tmp_path / "2_Dense", SQUARE)
    (place / "config.json").write_text('{"in_features": 4, "out_features": 4}')
    assert layers_in(where).after[0].tanh  # as sentence-transformers takes it then


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ((OLD + "WeightedLayerPooling", "2_WeightedLayerPooling"), r"step that is not known here \(WeightedLayerPooling\)"),
        (("custom.Thing", "2_Thing"), r"not known here \(Thing\)"),
        (("", ""), r"not known here \(\)"),
        ((OLD + "Dense", "../2_Dense"), r"cannot be one of its steps: '\.\./2_Dense'"),
        ((OLD + "Dense", "/etc"), "cannot be one of its steps"),
        ((OLD + "Dense", "2_Dense"), "of a kind that is not known here"),
    ],
)
def test_steps_that_are_refused(tmp_path: Path, step: tuple[str, str], reason: str) -> None:
    with pytest.raises(Unusable, match=reason):
        layers_in(folder(tmp_path, (OLD + "Transformer", ""), step, pooling_mode="mean"))


@pytest.mark.parametrize(
    "config",
    [
        {"activation_function": "torch.nn.modules.activation.GELU"},
        {"activation_function": "os.system"},
        {"out_features": 0},
        {"module_input_name": "token_embeddings"},
    ],
)
def test_linear_layers_that_are_refused(tmp_path: Path, config: dict[str, Any]) -> None:
    where = folder(tmp_path, pooling_mode="mean")
    dense(tmp_path / "2_Dense", SQUARE, **config)
    with pytest.raises(Unusable, match="of a kind that is not known here"):
        layers_in(where)


def test_weights_in_a_format_that_holds_programs(tmp_path: Path) -> None:
    where = folder(tmp_path, pooling_mode="mean")
    place = dense(tmp_path / "2_Dense", SQUARE)
    (place / "model.safetensors").rename(place / "pytorch_model.bin")
    with pytest.raises(Unusable, match=r"needs its model\.safetensors"):
        layers_in(where)
