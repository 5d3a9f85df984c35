"""Requests, settings and commands mean the same file by a name, whatever came, went and was chosen before."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.ggufs import LLAMA, Gguf

from mecum.engine.base import Model, Status
from mecum.engine.inventory import Inventory
from mecum.engine.models import locate
from mecum.errors import EngineStartError, ModelNotFound
from mecum.models.shelf import Shelf

CHAT = Gguf().build()
EMBEDDER = Gguf(values={**LLAMA, "llama.pooling_type": ("u32", 1)}).build()
STEMS = ("Tiny-Q4_K_M", "Tiny-Q8_0", "tiny", "tiny-q8_0-Q4_0", "モデル", "模型")
NAMES = ("tiny", "TINY", "tiny-q4_k_m", "tiny-q8_0", "tiny-q8_0.gguf", "tiny-test", "モデル", "gone")
STEPS = st.lists(st.tuples(st.sampled_from(["add", "remove", "default", "none"]), st.sampled_from(STEMS)), max_size=10)


class Home:
    """A data directory in which time passes from step to step."""

    def __init__(self, home: Path) -> None:
        self.shelf = Shelf(home)
        self.shelf.folder.mkdir()
        self.clock = 1_000

    def do(self, what: str, stem: str) -> None:
        file = self.shelf.folder / f"{stem}.gguf"
        self.clock += 1
        if what == "add" and not file.exists():
            file.write_bytes(CHAT)
            os.utime(file, (self.clock, self.clock))
        elif what == "remove":
            file.unlink(missing_ok=True)
        elif what == "default" and file.exists():
            self.shelf.set_default(self.shelf.at(file.name))
        elif what == "none":
            self.shelf.set_default(None)

    def requested(self, name: str) -> Path | None:
        """What a request means by a name."""
        chosen = self.shelf.default()
        inventory = Inventory(self.shelf.home, lambda: str(self.shelf.folder / chosen) if chosen else None)
        models = tuple(Model(entry.name, "", file=entry.file) for entry in inventory.look())
        found = Status("ready", "embedded", models).named(name)
        return found.file if found else None

    def commanded(self, name: str) -> Path | None:
        """What a command means."""
        with contextlib.suppress(ModelNotFound):
            return self.shelf.find(name).file
        return None

    def configured(self, name: str) -> Path | None:
        """What the settings mean."""
        with contextlib.suppress(EngineStartError):
            return locate(name, self.shelf.home)
        return None


@pytest.fixture(autouse=True, scope="module")
def no_starter() -> Iterator[None]:
    """Its vocabulary takes a tenth of a second to read past."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mecum.engine.models.STARTER_PACKAGE", "no_such_package")
        yield


@settings(deadline=None, max_examples=20)
@given(STEPS)
def test_all_mean_the_same_and_go_on_meaning_it(steps: Sequence[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory(prefix="m-") as folder:
        home = Home(Path(folder))
        before: dict[str, Path | None] = {}
        for what, stem in [("none", ""), *steps]:
            home.do(what, stem)
            now = {name: home.requested(name) for name in NAMES}
            assert {name: home.commanded(name) for name in NAMES} == now
            assert {name: home.configured(name) for name in NAMES} == now
            assert all(now[name] == file for name, file in before.items() if file and file.exists())
            before = now


def test_an_embedder_takes_no_name_from_what_chats(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.folder.mkdir()
    for number, (name, content) in enumerate((("Tiny-Q8_0", EMBEDDER), ("Tiny-Q4_K_M", CHAT))):
        file = shelf.folder / f"{name}.gguf"
        file.write_bytes(content)
        os.utime(file, (1_000 + number, 1_000 + number))
    assert {one.name: one.kind for one in shelf.installed() if not one.starter} == {"tiny": "chat", "tiny-q8_0": "embedder"}
    assert shelf.find("tiny").kind == "chat"
