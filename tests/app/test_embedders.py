"""Which embedder the settings name."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.engine.embedder.encoders import put
from tests.engine.ggufs import LLAMA, Gguf

from mecum.app.embedders import embedder_of, others
from mecum.engine.embedder.file import FileEmbedder
from mecum.engine.embedder.local import LocalEmbedder
from mecum.engine.embedder.scripted import ScriptedEmbedder
from mecum.engine.embedder.upstream import UpstreamEmbedder
from mecum.settings.schema import LibrarySettings, Settings


@pytest.mark.parametrize(
    ("library", "kind"),
    [
        (LibrarySettings(), LocalEmbedder),
        (LibrarySettings(embedder="none"), ScriptedEmbedder),
        (LibrarySettings(embedder="scripted"), ScriptedEmbedder),
        (LibrarySettings(embedder="bge-small"), FileEmbedder),
        (LibrarySettings(embedder_url="http://127.0.0.1:1/v1"), UpstreamEmbedder),
    ],
)
async def test_the_settings_name_one(tmp_path: Path, library: LibrarySettings, kind: type) -> None:
    assert isinstance(embedder_of(Settings(home=tmp_path, library=library)), kind)


async def test_the_others_are_the_built_in_one_and_those_on_the_shelf(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "chat.gguf").write_bytes(Gguf().build())
    (tmp_path / "models" / "bge.gguf").write_bytes(Gguf(values={**LLAMA, "llama.pooling_type": ("u32", 2)}).build())
    put(tmp_path / "models" / "Tiny")
    put(tmp_path / "models" / ".partial")
    here = others(Settings(home=tmp_path, library=LibrarySettings(embedder_url="http://127.0.0.1:1/v1")))
    assert [one.name for one in here] == ["multilingual-e5-small", "bge", "tiny"]
    assert others(Settings(home=tmp_path, library=LibrarySettings(embedder="none"))) == ()
