"""Which files are an embedding model in ONNX, and which of several is taken."""

from __future__ import annotations

import pytest

from mecum.engine.embedder.inspection import TOKENIZER_SIZE
from mecum.models.choice import HubFile
from mecum.models.encoders import SMALL, best, called, encoders, place_of
from mecum.models.processor import Processor

VNNI, AVX2, ARM = Processor("vnni", avx512=True), Processor("other"), Processor("arm")
MUCH = 64_000_000_000


def files(*paths: str, size: int = 1000, **sizes: int) -> list[HubFile]:
    """Files of these paths; a model is of `size` bytes."""
    return [HubFile(path, size if path.endswith(".onnx") else 10) for path in ("tokenizer.json", *paths)]


def names(*paths: str) -> list[list[str]]:
    return [[file.path for file in one.files] for one in encoders(files(*paths))]


def test_what_comes_along() -> None:
    beside = ["config.json", "modules.json", "1_Pooling/config.json", "2_Dense/config.json", "2_Dense/model.safetensors"]
    others = [
        "README.md",
        "pytorch_model.bin",
        "model.safetensors",
        "openvino/x.json",
        "2_Dense/pytorch_model.bin",
        "vocab.txt",
    ]
    (found,) = names("model.onnx", *beside, *others)
    assert found == ["model.onnx", "tokenizer.json", *beside]


@pytest.mark.parametrize("data", ["onnx/model.onnx_data", "onnx/model.onnx.data"])
def test_weights_beside_the_model_come_along(data: str) -> None:
    (found,) = names("onnx/model.onnx", data, "onnx/model.onnx_data_1", "model.onnx_data", "onnx/model.onnx_database")
    assert found == ["onnx/model.onnx", *sorted([data, "onnx/model.onnx_data_1"]), "tokenizer.json"]


def test_without_a_tokeniser_there_is_none() -> None:
    assert encoders([HubFile("model.onnx", 1)]) == []
    (found,) = encoders([HubFile("onnx/model.onnx", 1), HubFile("onnx/tokenizer.json", 2), HubFile("onnx/config.json", 2)])
    assert [place_of(file.path) for file in found.files] == ["onnx/model.onnx", "tokenizer.json", "config.json"]


@pytest.mark.parametrize(
    "path",
    [
        "../model.onnx",
        "/model.onnx",
        "a/model.onnx",
        "onnx/../model.onnx",
        "-x.onnx",
        "\u00e9.onnx",
        "onnx/x/y.onnx",
        ".onnx",
    ],
)
def test_no_name_leads_elsewhere(path: str) -> None:
    assert names(path) == []


@pytest.mark.parametrize("path", ["onnx/decoder_model_merged.onnx", "vision_model.onnx", "onnx/audio_encoder.onnx"])
def test_parts_of_other_models_are_none(path: str) -> None:
    assert names(path) == []


def test_what_files_say_of_their_weights() -> None:
    paths = ["onnx/model.onnx", "onnx/model_fp16.onnx", "onnx/model_qint8_avx512_vnni.onnx", "onnx/model-q4f16.onnx"]
    assert [one.quantisation for one in encoders(files(*paths))] == ["q4f16", "", "fp16", "qint8_avx512_vnni"]


SENTENCES = [
    f"onnx/model{what}.onnx"
    for what in ("", "_O1", "_O4", "_qint8_arm64", "_qint8_avx512", "_qint8_avx512_vnni", "_quint8_avx2")
]
TRANSFORMERS_JS = [
    f"onnx/model{what}.onnx" for what in ("", "_bnb4", "_fp16", "_int8", "_q4", "_q4f16", "_quantized", "_uint8")
]


@pytest.mark.parametrize("paths", [SENTENCES, TRANSFORMERS_JS])
@pytest.mark.parametrize("processor", [VNNI, AVX2, ARM])
def test_a_small_one_is_taken_in_full_precision(paths: list[str], processor: Processor) -> None:
    chosen = best(encoders(files(*paths, size=SMALL - 1000)), MUCH, processor)
    assert chosen is not None
    assert chosen.files[0].path == "onnx/model.onnx"


@pytest.mark.parametrize(
    ("paths", "processor", "word"),
    [
        (SENTENCES, VNNI, "qint8_avx512_vnni"),
        (SENTENCES, Processor("vnni"), "quint8_avx2"),
        (SENTENCES, AVX2, "quint8_avx2"),
        (SENTENCES, ARM, "qint8_arm64"),
        (TRANSFORMERS_JS, VNNI, "int8"),
        (TRANSFORMERS_JS, AVX2, "uint8"),  # signed weights could overflow
        (TRANSFORMERS_JS, ARM, "int8"),
        (["onnx/model.onnx", "onnx/model_quantized.onnx"], VNNI, "quantized"),
        (["onnx/model.onnx", "onnx/model_quantized.onnx"], AVX2, ""),
        (["onnx/model_fp16.onnx", "onnx/model_q4.onnx"], VNNI, "fp16"),
    ],
)
def test_a_large_one_is_taken_in_8_bits_that_the_processor_knows(paths: list[str], processor: Processor, word: str) -> None:
    chosen = best(encoders(files(*paths, size=SMALL + 1)), MUCH, processor)
    assert chosen is not None
    assert chosen.quantisation == word


def test_what_does_not_fit_is_not_taken() -> None:
    found = encoders(files("onnx/model.onnx", size=3_000_000_000)) + encoders(files("onnx/model_q4.onnx", size=900_000_000))
    chosen = best(found, 2_000_000_000, VNNI)
    assert chosen is not None
    assert chosen.quantisation == "q4"
    assert best(found, 500_000_000, VNNI) is None


@pytest.mark.parametrize(
    ("name", "paths", "found"),
    [
        ("fp16", TRANSFORMERS_JS, ["onnx/model_fp16.onnx"]),
        ("onnx/model_q4.onnx", TRANSFORMERS_JS, ["onnx/model_q4.onnx"]),
        ("model_q4.onnx", TRANSFORMERS_JS, ["onnx/model_q4.onnx"]),
        ("INT8", TRANSFORMERS_JS, ["onnx/model_int8.onnx"]),
        ("int8", SENTENCES, ["onnx/model_qint8_avx512_vnni.onnx"]),
        ("uint8", SENTENCES, ["onnx/model_quint8_avx2.onnx"]),
        ("fp32", SENTENCES, ["onnx/model.onnx"]),
        ("O4", SENTENCES, ["onnx/model_O4.onnx"]),
        ("fp16", SENTENCES, ["onnx/model_O4.onnx"]),
        ("q8", SENTENCES, []),
        ("tokenizer.json", SENTENCES, []),
    ],
)
def test_one_can_be_named(name: str, paths: list[str], found: list[str]) -> None:
    assert [one.files[0].path for one in called(encoders(files(*paths)), name, VNNI)] == found


def test_what_cannot_lie_everywhere_is_not_offered() -> None:
    assert names("onnx/CON.onnx", "aux.onnx", "nul/config.json") == []
    (found,) = names("model.onnx", "1_Pooling/config.json", "1_pooling/config.json")
    assert found == ["model.onnx", "tokenizer.json", "1_Pooling/config.json"]


def test_a_tokeniser_without_end_is_none() -> None:
    large = [HubFile("tokenizer.json", TOKENIZER_SIZE + 1), HubFile("model.onnx", 1000)]
    assert encoders(large) == []
