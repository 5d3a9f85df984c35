"""An embedding model is told from one that chats, chosen, used and removed as one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from tests.cli import inside
from tests.engine.embedder.encoders import put as put_encoder
from tests.models.hubs import REPO, FakeHub, model, running

from mecum.cli.serve import screen
from mecum.settings.schema import LibrarySettings, Settings

BERT: dict[str, tuple[str, Any]] = {"general.architecture": ("str", "nomic-bert"), "nomic-bert.pooling_type": ("u32", 1)}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("mecum.models.fit._MEASURE", 0.005)
    home = tmp_path / "home"
    (home / "models").mkdir(parents=True, mode=0o700)
    home.chmod(0o700)
    return home


def put(home: Path, name: str, **values: tuple[str, Any]) -> None:
    (home / "models" / name).write_bytes(model(**values))


def mecum(home: Path, *arguments: object, **environ: str) -> CompletedProcess[str]:
    return inside.mecum(*arguments, MECUM_HOME=str(home), **environ)


def test_it_is_listed_as_what_it_is(home: Path) -> None:
    put(home, "Nomic-Q8_0.gguf", **BERT)
    put(home, "Rank-Q8_0.gguf", **{"llama.pooling_type": ("u32", 4)})
    lines = mecum(home, "models").stdout.splitlines()
    assert re.search(r"^   nomic .* makes vectors ", lines[1])
    assert re.search(r"^   rank .* scores pairs ", lines[2])
    listed = {one["name"]: one for one in json.loads(mecum(home, "models", "list", "--json").stdout)["models"]}
    assert (listed["nomic"]["kind"], listed["nomic"]["fit"]) == ("embedder", None)
    assert (listed["rank"]["kind"], listed["smollm2-135m-instruct"]["kind"]) == ("reranker", "chat")


def test_it_is_chosen_and_what_chats_is_not(home: Path) -> None:
    put(home, "Nomic-Q8_0.gguf", **BERT)
    put(home, "Chat-Q8_0.gguf")
    put(home, "Rank-Q8_0.gguf", **{"llama.pooling_type": ("u32", 4)})
    assert "multilingual-e5-small, the built-in model" in mecum(home, "models", "embedder").stdout
    done = mecum(home, "models", "embedder", "nomic")
    assert done.stdout.startswith("nomic makes vectors from now on.")
    assert (home / "models" / "embedder").read_text() == "Nomic-Q8_0.gguf\n"
    assert "Embedder: Nomic-Q8_0.gguf (models/embedder" in mecum(home, "models", "embedder").stdout
    assert "Embedder: Nomic-Q8_0.gguf" in mecum(home, "models").stdout
    for name, says in (("chat", "is a chat model: mecum models default Chat"), ("rank", "scores pairs")):
        done = mecum(home, "models", "embedder", name)
        assert done.returncode != 0
        assert says in done.stderr
    for name, says in (("nomic", "mecum models embedder Nomic"), ("rank", "is a reranker")):
        done = mecum(home, "models", "default", name)
        assert done.returncode != 0
        assert says in done.stderr
    assert not (home / "models" / "default").exists()
    over = mecum(home, "models", "embedder", "nomic", MECUM_LIBRARY_EMBEDDER_URL="http://127.0.0.1:9/v1")
    assert "library.embedder_url is set in a stronger place" in over.stderr
    assert mecum(home, "models", "embedder", "local").returncode == 0
    assert not (home / "models" / "embedder").exists()


def test_a_folder_is_chosen_by_its_name(home: Path) -> None:
    put_encoder(home / "models" / "Tiny-Encoder")
    assert mecum(home, "models", "embedder", "tiny-encoder").stdout.startswith("tiny-encoder makes vectors from now on.")
    assert (home / "models" / "embedder").read_text() == "Tiny-Encoder\n"
    done = mecum(home, "config")
    assert f"{home}/models/Tiny-Encoder" in done.stdout


def test_what_is_removed_is_chosen_no_more(home: Path) -> None:
    put(home, "Nomic-Q8_0.gguf", **BERT)
    mecum(home, "models", "embedder", "nomic")
    assert mecum(home, "models", "remove", "nomic", "--yes").returncode == 0
    assert not (home / "models" / "embedder").exists()


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with running(FakeHub()) as fake:
        yield fake


@pytest.mark.parametrize("default", [False, True])
def test_it_is_pulled_like_any_other(hub: FakeHub, home: Path, default: bool) -> None:
    hub.files = {"Nomic-Q8_0.gguf": model(**BERT)}
    environ = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home / "hf")}
    done = mecum(home, "pull", f"hf:{REPO}", *(["--default"] if default else []), **environ)
    assert done.returncode == 0, done.stderr
    chosen = home / "models" / "embedder"
    if default:
        assert "makes vectors from now on" in done.stdout
        assert chosen.read_text() == "Nomic-Q8_0.gguf\n"
    else:
        assert "To search your documents with it: mecum models embedder nomic" in done.stdout
        assert not chosen.exists()
    assert not (home / "models" / "default").exists()


def test_serve_says_where_passages_go(home: Path) -> None:
    library = LibrarySettings(embedder_url="http://me:secret@127.0.0.1:9/v1")
    said = dict(screen(Settings(home=home, library=library), (), "http://localhost:1", closed=False))
    assert said["vectors"] == "by http://***@127.0.0.1:9/v1, which is sent all passages and questions"
    assert "vectors" not in dict(screen(Settings(home=home), (), "http://localhost:1", closed=False))
