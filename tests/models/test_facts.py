"""What a header says, kept small and read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.engine.ggufs import LLAMA, Gguf

from mecum.engine import gguf
from mecum.engine.machine import Machine
from mecum.engine.plan import make_plan, token_bytes
from mecum.models.facts import facts_of, from_json, quantisation_in, to_json
from mecum.settings.schema import EngineSettings


def header(folder: Path, name: str = "Tiny-Q4_K_M.gguf", **values: tuple[str, Any]) -> gguf.Header:
    file = folder / name
    file.write_bytes(Gguf(values={**LLAMA, **values}).build())
    return gguf.read(file)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"llama.attention.head_count_kv": ("[u32]", [2, 0])},
        {"llama.attention.key_length": ("u32", 48), "general.license": ("str", "mit"), "general.file_type": ("u32", 15)},
        {"general.architecture": ("str", "other")},
        {"llama.pooling_type": ("u32", 3)},
    ],
)
def test_what_is_kept_makes_the_same_plan(tmp_path: Path, values: dict[str, tuple[str, Any]]) -> None:
    whole = header(tmp_path, **values)
    kept = from_json(whole.path, orjson.loads(orjson.dumps(to_json(facts_of(whole)))))
    assert kept == facts_of(whole)
    assert kept.kind == ("embedder" if "llama.pooling_type" in values else "chat")
    again = kept.header(whole.path, whole.size)
    machine, settings = Machine(2, 2_000_000_000), EngineSettings()
    assert token_bytes(again) == token_bytes(whole)
    assert make_plan(again, 10**8, settings, machine) == make_plan(whole, 10**8, settings, machine)


def test_what_is_kept_is_small(tmp_path: Path) -> None:
    long = header(tmp_path, **{"general.name": ("str", "n" * 5000), "tokenizer.chat_template": ("str", "t" * 5000)})
    assert len(orjson.dumps(to_json(facts_of(long)))) < 1000


@pytest.mark.parametrize(
    ("stem", "quantisation"),
    [
        ("Tiny-Q4_K_M", "Q4_K_M"),
        ("tiny.q8_0", "Q8_0"),
        ("Tiny-UD-Q4_K_XL", "UD-Q4_K_XL"),
        ("Tiny-Q4_K_M-00001-of-00003", "Q4_K_M"),
        ("Tiny-IQ3_XXS", "IQ3_XXS"),
        ("gpt-oss-20b-mxfp4", "MXFP4"),
        ("Tiny-BF16", "BF16"),
        ("Tiny", ""),
    ],
)
def test_the_quantisation_in_a_name(stem: str, quantisation: str) -> None:
    assert quantisation_in(stem) == quantisation


@pytest.mark.parametrize(("kind", "quantisation"), [(0, "F32"), (15, "Q4_K_M"), (18, "Q6_K"), (30, "IQ4_XS"), (999, "")])
def test_the_quantisation_in_the_header_where_the_name_has_none(tmp_path: Path, kind: int, quantisation: str) -> None:
    facts = facts_of(header(tmp_path, "tiny.gguf", **{"general.file_type": ("u32", kind)}))
    assert facts.quantisation == quantisation


@pytest.mark.parametrize("kept", [None, 3, [], "x"])
def test_nonsense_is_none(kept: object) -> None:
    assert from_json(Path("x.gguf"), kept) is None
