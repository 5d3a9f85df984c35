"""Tokens as the library `tokenizers` finds them: the ids below are its own, for the vocabulary of `encoders`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.engine.embedder.encoders import bert, unigram

from mecum.engine.embedder.tokenizer import TokenizerError, read


def write(folder: Path, told: Any) -> Path:
    file = folder / "tokenizer.json"
    file.write_bytes(told if isinstance(told, bytes) else json.dumps(told).encode())
    return file


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("The red foxes sleep.", [4, 5, 6, 7, 11, 14]),
        ("the\tred\u00a0fox", [4, 5, 6]),
        ("the,red", [4, 13, 5]),
        ("CAF\u00c9 cafe\u0301", [15, 15]),
        ("fox\u732bfox", [6, 16, 6]),
        ("fo\u200bx", [6]),
        ("foxy sleeps", [1, 11, 12]),
        ("x" * 101, [1]),
        ("", []),
        ("[CLS] the", [1, 1, 1, 4]),
    ],
)
def test_words_and_their_pieces(tmp_path: Path, text: str, ids: list[int]) -> None:
    assert read(write(tmp_path, bert())).encode(text, 512) == [2, *ids, 3]


def test_what_the_file_says_of_case_and_accents_is_heeded(tmp_path: Path) -> None:
    cased = {"type": "BertNormalizer", "lowercase": False, "strip_accents": None, "handle_chinese_chars": False}
    tokens = read(write(tmp_path, bert(normalizer=cased)))
    assert tokens.encode("The caf\u00e9 fox\u732bfox the", 512) == [2, 1, 1, 1, 4, 3]


def test_a_text_is_cut_between_its_ends(tmp_path: Path) -> None:
    assert read(write(tmp_path, bert())).encode("the red fox sleep", 4) == [2, 4, 5, 3]


def test_unigram(tmp_path: Path) -> None:
    tokens = read(write(tmp_path, unigram()))
    assert tokens.encode("the  foxes\n\u732b", 512) == [0, 4, 5, 6, 3, 2]


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (bert(model={"type": "BPE", "vocab": {}}), "of the kind BPE.*Take the GGUF file"),
        (bert(normalizer={"type": "Lowercase"}), "not known here"),
        (bert(pre_tokenizer={"type": "Whitespace"}), "not known here"),
        (bert(normalizer=None), "not known here"),
        (unigram(normalizer={"type": "Sequence", "normalizers": [{"type": "Lowercase"}]}), "not known here"),
        (unigram(pre_tokenizer=None), "not known here"),
        (bert(model={"type": "WordPiece", "unk_token": "[UNK]", "vocab": {"a": 0}}), "damaged"),
        (bert(model={"type": "WordPiece", "vocab": {"[CLS]": 0, "[SEP]": "x"}}), "damaged"),
        (unigram(model={"type": "Unigram", "unk_id": 3, "vocab": [["a"]]}), "damaged"),
        ({}, "damaged"),
        ([], "damaged"),
        (b"{", "damaged"),
    ],
)
def test_what_is_not_known_is_refused(tmp_path: Path, told: Any, reason: str) -> None:
    with pytest.raises(TokenizerError, match=reason):
        read(write(tmp_path, told))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match="cannot be read"):
        read(tmp_path / "tokenizer.json")
