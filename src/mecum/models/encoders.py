"""Which files of a repository are an embedding model in ONNX, and which of several such models to take. Pure.

Invariants (`tests/models/test_encoders.py`): only files that the embedder reads are offered, by names that lead nowhere; the
weights that a model keeps in files beside it come along; 8-bit weights are taken by themselves only in a form that this
processor computes with exactly.
Source of the names: the exports of optimum, of sentence-transformers and of transformers.js.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Final

from mecum.engine.embedder.inspection import TOKENIZER_SIZE
from mecum.models.choice import HubFile, Variant
from mecum.models.fit import need_of
from mecum.models.processor import Arithmetic, Processor
from mecum.models.source import is_reserved

TOKENIZER: Final = "tokenizer.json"
SMALL: Final = 200 * 1000 * 1000  # bytes up to which full precision is quick enough
_FOLDER: Final = "onnx"
_BESIDE: Final = (
    TOKENIZER,
    "config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
)
_MODEL: Final = re.compile(r"(onnx/)?[A-Za-z0-9][\w.-]{0,100}\.onnx", re.ASCII)
_DATA: Final = re.compile(r"[._]data(_\d{1,3})?")  # behind the model's name: weights, as exporters call them
_SPARE: Final = re.compile(r"(onnx/)?[A-Za-z0-9_][\w.-]{0,200}", re.ASCII)
_STEP: Final = re.compile(r"\d{1,2}_[A-Za-z]{1,40}/(config\.json|model\.safetensors)", re.ASCII)  # of sentence-transformers
_OTHERS: Final = re.compile(r"decoder|vision|audio|image|embed_tokens", re.IGNORECASE)
# What a file's name says behind "model" of its weights, by what they are.
_CLASSES: Final = MappingProxyType(
    {
        "fp32": re.compile(r"|fp32|o[123]"),
        "fp16": re.compile(r"fp16|f16|o4"),
        "int8": re.compile(r"int8|qint8.*|quantized"),
        "uint8": re.compile(r"uint8|quint8.*"),
    }
)
# Where products of bytes are added in 16 bits, signed weights can overflow: there, only unsigned ones are taken unasked.
_EIGHT: Final[Mapping[Arithmetic, tuple[str, ...]]] = MappingProxyType(
    {
        "arm": ("qint8_arm64", "int8", "quantized", "uint8"),
        "vnni": ("qint8_avx512_vnni", "qint8_avx512", "int8", "quantized", "quint8_avx2", "uint8"),
        "other": ("quint8_avx2", "uint8"),
    }
)


def encoders(files: Iterable[HubFile]) -> list[Variant]:
    """Return the embedding models that a repository's files are, the smallest first; none without a tokeniser."""
    here = {file.path: file for file in _usable(files)}
    beside = _beside(here)
    if TOKENIZER not in {place_of(file.path) for file in beside}:
        return []
    models = [file for file in here.values() if _MODEL.fullmatch(file.path) and not _OTHERS.search(file.path)]
    found = [_variant(one, here, beside) for one in models]
    return sorted(found, key=lambda one: (one.size, one.files[0].path))


def place_of(path: str) -> str:
    """Return where a file of a repository is put in the model's folder: as there, but for what belongs at the top."""
    name = PurePosixPath(path).name
    return name if path == f"{_FOLDER}/{name}" and name in _BESIDE else path


def called(found: Sequence[Variant], name: str, processor: Processor) -> list[Variant]:
    """Return those that a name means: a file, or what is said of its weights, exactly or by its class ("int8")."""
    exact = [one for one in found if one.is_called(name)]
    like = [one for one in found if _class(one.quantisation) == name.lower()]
    return exact or sorted(like, key=lambda one: _rank(one, processor, small=False))[:1]


def best(found: Sequence[Variant], memory: int, processor: Processor) -> Variant | None:
    """Return the one to take where so much memory is free; None where none fits.

    Full precision up to `SMALL`, for what is above that 8 bits in a form that is made for the processor.
    """
    fitting = [one for one in found if need_of(one.size) <= memory]
    small = any(_class(one.quantisation) == "fp32" and one.size <= SMALL for one in fitting)
    return min(fitting, key=lambda one: _rank(one, processor, small=small), default=None)


def _usable(files: Iterable[HubFile]) -> Iterator[HubFile]:
    """Yield the files that can lie on every system, and of those whose paths differ in case only the first."""
    seen: set[str] = set()
    for file in files:
        parts, key = PurePosixPath(file.path).parts, file.path.casefold()
        endless = file.path.endswith(".json") and file.size > TOKENIZER_SIZE
        if key not in seen and not endless and not any(map(is_reserved, parts)):
            seen.add(key)
            yield file


def _beside(here: Mapping[str, HubFile]) -> tuple[HubFile, ...]:
    named = [here.get(name) or here.get(f"{_FOLDER}/{name}") for name in _BESIDE]
    steps = [file for path, file in here.items() if _STEP.fullmatch(path)]
    return (*(file for file in named if file), *steps)


def _variant(model: HubFile, here: Mapping[str, HubFile], beside: tuple[HubFile, ...]) -> Variant:
    folder = model.path.rpartition("/")[0]
    near = [file for path, file in sorted(here.items()) if path.rpartition("/")[0] == folder and _SPARE.fullmatch(path)]
    spare = tuple(file for file in near if not _MODEL.fullmatch(file.path) and file not in beside)
    weights = [file for file in spare if _DATA.fullmatch(file.path.removeprefix(model.path))]
    return Variant(word_of(model.path), (model, *weights, *beside), "onnx", spare)


def word_of(path: str) -> str:
    """Return what a file's name says of its weights, "" where it says nothing."""
    return re.sub(r"^(sentence_transformers|model)?[-_.]?", "", PurePosixPath(path).stem, flags=re.IGNORECASE).lower()


def _class(word: str) -> str:
    return next((name for name, words in _CLASSES.items() if words.fullmatch(word.lower())), word.lower())


def _rank(variant: Variant, processor: Processor, *, small: bool) -> tuple[int, int, int]:
    word, kind = variant.quantisation.lower(), _class(variant.quantisation)
    eight = [one for one in _EIGHT[processor.arithmetic] if processor.avx512 or "avx512" not in one]
    place = eight.index(word) if word in eight else len(eight)
    classes = ["fp32", "eight", "fp16"] if small else ["eight", "fp32", "fp16"]
    own = "eight" if word in eight else kind
    return classes.index(own) if own in classes else len(classes), place, variant.size
