"""What a model is for, as its header tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.engine.ggufs import LLAMA, Gguf

from mecum.engine import gguf
from mecum.engine.child import look
from mecum.engine.kinds import kind_of, pooling_of
from mecum.engine.machine import Machine
from mecum.errors import EngineStartError
from mecum.settings.schema import EngineSettings, Settings


def header(folder: Path, **values: tuple[str, Any]) -> gguf.Header:
    file = folder / "m.gguf"
    file.write_bytes(Gguf(values={**LLAMA, **values}).build())
    return gguf.read(file)


@pytest.mark.parametrize(
    ("values", "kind", "pooling"),
    [
        ({}, "chat", None),
        ({"llama.pooling_type": ("u32", 0)}, "chat", None),
        ({"llama.pooling_type": ("u32", 3)}, "embedder", "last"),
        ({"llama.pooling_type": ("u32", 4)}, "reranker", None),
        ({"llama.pooling_type": ("str", "mean")}, "chat", None),
        ({"general.architecture": ("str", "bert"), "bert.pooling_type": ("u32", 2)}, "embedder", "cls"),
        ({"general.architecture": ("str", "nomic-bert"), "nomic-bert.pooling_type": ("u32", 1)}, "embedder", "mean"),
        ({"general.architecture": ("str", "bert")}, "embedder", None),
        ({"general.architecture": ("str", "bert"), "bert.pooling_type": ("u32", 4)}, "reranker", None),
        ({"general.architecture": ("str", "bert"), "llama.pooling_type": ("u32", 4)}, "embedder", None),
    ],
)
def test_a_header_tells_what_the_model_is_for(
    tmp_path: Path, values: dict[str, tuple[str, Any]], kind: str, pooling: str | None
) -> None:
    found = header(tmp_path, **values)
    assert (kind_of(found), pooling_of(found)) == (kind, pooling)


def test_what_does_not_chat_is_not_started_as_if_it_did(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, engine=EngineSettings(model=str(tmp_path / "m.gguf")))
    header(tmp_path)
    assert look(settings, "1", Machine(2, 10**9)).model.name == "m"
    header(tmp_path, **{"llama.pooling_type": ("u32", 1)})
    with pytest.raises(EngineStartError, match=r"m\.gguf is an embedding model.*mecum models embedder m\.gguf"):
        look(settings, "1", Machine(2, 10**9))
    header(tmp_path, **{"llama.pooling_type": ("u32", 4)})
    with pytest.raises(EngineStartError, match="scores pairs of texts"):
        look(settings, "1", Machine(2, 10**9))
