"""Which embedder the settings name."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.engine.embedder.encoders import put
from tests.engine.embedder.test_room import heavy
from tests.engine.ggufs import LLAMA, Gguf

from mecum.app.build import build
from mecum.app.embedders import embedder_of, left, others
from mecum.engine.embedder.file import FileEmbedder
from mecum.engine.embedder.folder import FolderEmbedder
from mecum.engine.embedder.local import LocalEmbedder
from mecum.engine.embedder.scripted import ScriptedEmbedder
from mecum.engine.embedder.upstream import UpstreamEmbedder
from mecum.engine.plan import OVERHEAD
from mecum.engine.several import Several
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


async def test_chats_leave_room_for_an_embedder_that_is_no_small_one(tmp_path: Path) -> None:
    folder = put(tmp_path / "x", model_onnx=heavy())
    embedder = embedder_of(Settings(home=tmp_path, library=LibrarySettings(embedder=str(folder))))
    assert isinstance(embedder, FolderEmbedder)
    assert left(embedder, 16_000_000_000) == 2 * (embedder.need() + OVERHEAD)
    assert left(embedder, 100_000_000) == 0
    assert left(LocalEmbedder(tmp_path), 16_000_000_000) == 0  # the tenth that models never take holds it
    assert left(ScriptedEmbedder(), 16_000_000_000) == 0
    app = build(Settings(home=tmp_path, library=LibrarySettings(embedder=str(folder))))
    assert isinstance(app.engine, Several)
    assert app.engine._reserved(16_000_000_000) == left(embedder, 16_000_000_000)
