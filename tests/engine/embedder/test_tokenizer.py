"""Tokenisers of all kinds, as files: what is cut, what is closed, what of the file does not hold, and hostile ones."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tokenizers
from tests.engine.embedder.encoders import bert, bpe, unigram

from mecum.engine.embedder.tokenizer import Tokenizer
from mecum.engine.frames import WorkFailed


def write(folder: Path, told: Any) -> Path:
    file = folder / "tokenizer.json"
    file.write_bytes(told if isinstance(told, bytes) else json.dumps(told).encode())
    return file


def ids(folder: Path, told: Any, text: str, most: int = 512, **how: Any) -> list[int]:
    return Tokenizer(write(folder, told), most, **how).encode(text)[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The red foxes sleep.", [4, 5, 6, 7, 11, 14]),
        ("the\tred\u00a0fox", [4, 5, 6]),
        ("CAF\u00c9 cafe\u0301", [15, 15]),
        ("fox\u732bfox", [6, 16, 6]),
        ("foxy sleeps", [1, 11, 12]),
        ("", []),
    ],
)
def test_words_and_their_pieces(tmp_path: Path, text: str, expected: list[int]) -> None:
    assert ids(tmp_path, bert(), text) == [2, *expected, 3]


def test_unigram(tmp_path: Path) -> None:
    assert ids(tmp_path, unigram(), "the  foxes\n\u732b") == [0, 4, 5, 6, 3, 2]


@pytest.mark.parametrize("text", ["", "the red foxes", "  caf\u00e9\n\n\u732b \U0001f98a", "x" * 300])
def test_bytes_in_pairs(tmp_path: Path, text: str) -> None:
    told = bpe()
    plain = tokenizers.Tokenizer.from_str(json.dumps(told | {"post_processor": None, "added_tokens": []}))
    end = len(told["model"]["vocab"])
    assert ids(tmp_path, told, text) == [*plain.encode(text).ids, end]
    assert plain.decode(ids(tmp_path, told, text)[:-1]) == text


@pytest.mark.parametrize(("told", "begin", "end"), [(bert(), [2], [3]), (unigram(), [0], [2]), (bpe(), [], [-1])])
def test_what_stands_around_a_text_stays_when_it_is_cut(tmp_path: Path, told: Any, begin: list[int], end: list[int]) -> None:
    tokenizer = Tokenizer(write(tmp_path, told), 8)
    found, cut = tokenizer.encode("the red fox the red fox the red fox")
    assert (len(found), cut) == (8, True)
    assert found[: len(begin)] == begin
    assert found[-1] == (end[0] if end[0] >= 0 else len(told["model"]["vocab"]))
    assert tokenizer.encode("the")[1] is False


def test_a_long_text_is_cut_before_it_is_read(tmp_path: Path) -> None:
    found, cut = Tokenizer(write(tmp_path, bert()), 8).encode("the" + " " * 5_000_000 + "fox")
    assert (found, cut) == ([2, 4, 3], True)


def test_what_the_file_says_of_cutting_and_padding_does_not_hold(tmp_path: Path) -> None:
    pad = {"strategy": {"Fixed": 128}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0}
    cut = {"max_length": 3, "strategy": "LongestFirst", "stride": 0, "direction": "Left"}
    told = bert(padding={**pad, "pad_token": "[PAD]"}, truncation=cut)
    assert ids(tmp_path, told, "the red fox") == [2, 4, 5, 6, 3]


def test_a_token_that_closes_every_text(tmp_path: Path) -> None:
    told = bpe(post_processor=None)
    end = told["added_tokens"][0]["id"]
    open_ = ids(tmp_path, told, "the red fox")
    assert end not in open_
    assert ids(tmp_path, told, "the red fox", closing="<|end|>") == [*open_, end]
    assert ids(tmp_path, told, "the red fox", 3, closing="<|end|>") == [*open_[:2], end]
    assert ids(tmp_path, bpe(), "the red fox", closing="<|end|>") == [*open_, end]  # not twice
    assert ids(tmp_path, told, "the red fox", closing="no such token") == open_


def test_lower_case_where_the_model_wants_it(tmp_path: Path) -> None:
    cased = bert(normalizer=None)
    assert ids(tmp_path, cased, "The FOX") == [2, 1, 1, 3]
    assert ids(tmp_path, cased, "The FOX", lowercase=True) == [2, 4, 6, 3]


def test_a_text_without_tokens(tmp_path: Path) -> None:
    with pytest.raises(WorkFailed, match="finds no tokens"):
        ids(tmp_path, bpe(post_processor=None), "")


@pytest.mark.parametrize(
    "told",
    [
        {},
        [],
        b"{",
        b"\xff\xfe",
        bert(model={"type": "BPE", "vocab": {}}),
        bert(model={"type": "WordPiece", "unk_token": "[UNK]", "vocab": {"a": -1}}),
        bert(normalizer={"type": "Sideways"}),
        unigram(model={"type": "Unigram", "unk_id": 99, "vocab": [["a", 0.0]]}),
        unigram(model={"type": "Unigram", "unk_id": 0, "vocab": []}),
        unigram(normalizer={"type": "Precompiled", "precompiled_charsmap": "x"}),
        bpe(pre_tokenizer={"type": "Split", "pattern": {"Regex": "(("}, "behavior": "Isolated", "invert": False}),
    ],
)
def test_what_cannot_be_used(tmp_path: Path, told: Any) -> None:
    with pytest.raises(WorkFailed, match=r"tokenizer\.json cannot be used: "):
        Tokenizer(write(tmp_path, told), 512)


def test_a_model_that_reads_fewer_tokens_than_stand_around_a_text(tmp_path: Path) -> None:
    with pytest.raises(WorkFailed, match="puts 2 tokens around a text, and the model reads 2 in all"):
        Tokenizer(write(tmp_path, bert()), 2)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(WorkFailed, match=r"tokenizer\.json cannot be used: No such file"):
        Tokenizer(tmp_path / "tokenizer.json", 512)


def test_only_the_worker_imports_the_library() -> None:
    program = (
        "import sys, mecum.app.build, mecum.cli.main, mecum.engine.embedder.folder, mecum.engine.embedder.inspection\n"
        "print(sorted({'tokenizers', 'onnxruntime', 'huggingface_hub'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
