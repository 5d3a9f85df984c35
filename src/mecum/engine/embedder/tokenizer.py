"""Reads a `tokenizer.json`, as far as embedding models need it: BERT's WordPiece and XLM-R's Unigram.

The library `tokenizers` reads all kinds, but brings a client for a model hub, and takes 300 MB for XLM-R (`pieces`).

Invariant (`tests/engine/embedder/test_tokenizer.py`): a file that asks for what is not done here is refused, so that no
model ever gets other tokens than it was trained with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import orjson

from mecum.engine.embedder.pieces import Pieces
from mecum.engine.embedder.weights import Floats, Special
from mecum.engine.embedder.wordpiece import Rules, WordPieces
from mecum.types import Json

MOST: Final = 64 * 1024 * 1024  # bytes; XLM-R's has 17 million
_UNIGRAM: Final = frozenset(("Precompiled", "NFKC", "Nmt", "Replace", "Strip", "Sequence", "Metaspace", "WhitespaceSplit"))


class TokenizerError(Exception):
    """The file is none that can be used here; the text says why."""


class Tokenizer(Protocol):
    """Splits texts into a model's tokens."""

    def encode(self, text: str, most: int) -> list[int]:
        """Return the ids of the text between those of its beginning and end, `most` of them altogether."""
        ...


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    pieces: tuple[str, ...]
    scores: Floats
    special: Special


def read(file: Path) -> Tokenizer:
    """Return the tokeniser that a file describes.

    Raises:
        TokenizerError: it cannot be read, or is of another kind.
    """
    try:
        if file.stat().st_size > MOST:
            raise TokenizerError(f"{file.name} is too large.")
        told = orjson.loads(file.read_bytes())
        kind = told["model"].get("type") or ("Unigram" if isinstance(told["model"]["vocab"], list) else "WordPiece")
        if kind == "WordPiece":
            return _word_pieces(told)
        if kind == "Unigram":
            return _unigram(told)
    except OSError as error:
        raise TokenizerError(f"{file.name} cannot be read: {error.strerror}.") from None
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):  # JSONDecodeError is a ValueError
        raise TokenizerError(f"{file.name} is damaged, or no tokenizer.json.") from None
    raise TokenizerError(f"{file.name} is of the kind {kind}, and only WordPiece and Unigram are known. Take the GGUF file.")


def _word_pieces(told: Json) -> WordPieces:
    model, normalizer, before = told["model"], told.get("normalizer") or {}, told.get("pre_tokenizer") or {}
    if normalizer.get("type") != "BertNormalizer" or before.get("type") != "BertPreTokenizer":
        raise TokenizerError("tokenizer.json normalises texts in a way that is not known here. Take the GGUF file.")
    vocabulary = {str(piece): int(number) for piece, number in model["vocab"].items()}
    lowercase = bool(normalizer.get("lowercase", True))
    accents = normalizer.get("strip_accents")
    begin, end = _ends(told, vocabulary, ("[CLS]", "[SEP]"))
    rules = Rules(
        lowercase=lowercase,
        strip_accents=lowercase if accents is None else bool(accents),
        clean=bool(normalizer.get("clean_text", True)),
        cjk=bool(normalizer.get("handle_chinese_chars", True)),
        prefix=str(model.get("continuing_subword_prefix", "##")),
        most=int(model.get("max_input_chars_per_word", 100)),
    )
    return WordPieces(vocabulary, rules, begin=begin, end=end, unknown=vocabulary[model["unk_token"]])


def _unigram(told: Json) -> Pieces:
    steps = {*_types(told.get("normalizer")), *_types(told.get("pre_tokenizer"))}
    if "Metaspace" not in steps or not steps <= _UNIGRAM:
        raise TokenizerError("tokenizer.json normalises texts in a way that is not known here. Take the GGUF file.")
    pieces = tuple(str(piece) for piece, _ in told["model"]["vocab"])
    scores = np.array([float(score) for _, score in told["model"]["vocab"]], np.float32)
    table = {piece: number for number, piece in enumerate(pieces)}
    begin, end = _ends(told, table, ("<s>", "</s>"))
    special = Special(begin, end, table.get("<pad>", begin), int(told["model"]["unk_id"]))
    return Pieces(_Vocabulary(pieces, scores, special))


def _ends(told: Json, vocabulary: Mapping[str, int], usual: tuple[str, str]) -> tuple[int, int]:
    """Return the tokens around a text: as the template has them, if it puts one on each side, else the usual ones."""
    after = told.get("post_processor") or {}
    if after.get("type") in ("BertProcessing", "RobertaProcessing"):
        return int(after["cls"][1]), int(after["sep"][1])
    single = after.get("single") or []
    names = [piece["SpecialToken"]["id"] for piece in single if "SpecialToken" in piece]
    begin, end = names if len(names) == 2 and "Sequence" in single[1] else usual
    return vocabulary[begin], vocabulary[end]


def _types(step: Any) -> Iterator[str]:
    """Yield the kinds of a step and of those inside it."""
    if not step:
        return
    yield str(step["type"])
    for inner in step.get("normalizers") or step.get("pretokenizers") or ():
        yield from _types(inner)
