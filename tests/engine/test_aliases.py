"""What a name means where settings give models further names."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.models.hubs import model

from mecum.engine.aliases import default_model, meant
from mecum.settings.schema import Settings


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    for name in ("Tiny-Q4_K_M.gguf", "Other-Q8_0.gguf"):
        (tmp_path / "models" / name).write_bytes(model())
    return tmp_path


def settings(home: Path, asked: str | None = None, **aliases: list[str]) -> Settings:
    tables = {name: {"aliases": names} for name, names in aliases.items()}
    return Settings.model_validate({"home": home, "engine": {"model": asked}, "models": tables})


@pytest.mark.parametrize(
    ("asked", "means"),
    [("coder", "tiny"), ("CODER", "tiny"), ("tiny", "tiny"), ("Tiny-Q4_K_M", "Tiny-Q4_K_M"), ("nobody", "nobody")],
)
def test_an_alias_means_its_model_and_what_is_none_stays(home: Path, asked: str, means: str) -> None:
    assert meant(asked, settings(home, tiny=["coder"])) == means


def test_a_models_own_name_comes_first(home: Path) -> None:
    assert meant("other", settings(home, tiny=["other", "x"])) == "other"
    assert meant("x", settings(home, tiny=["other", "x"])) == "tiny"
    assert meant("starter", settings(home)) == "starter"


def test_the_default(home: Path) -> None:
    assert default_model(settings(home)) is None
    assert default_model(settings(home, "coder", tiny=["coder"])) == "tiny"
    file = str(home / "models" / "Tiny-Q4_K_M.gguf")
    assert default_model(settings(home, file, tiny=["coder"])) == file
