"""Which models there are: what is listed, under which names, and when files are looked at."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engine.fakes import fake_home, make
from tests.engine.ggufs import LLAMA, Gguf

from mecum.engine import gguf
from mecum.engine.inventory import COPIED, Inventory
from mecum.errors import EngineStartError

STARTER = "smollm2-135m-instruct"


@pytest.fixture
def home() -> Iterator[Path]:
    with fake_home() as home:
        yield home


def names(home: Path, default: str | None = None) -> list[str]:
    """The names of all models but the starter of its wheel, which need not be installed."""
    return [entry.name for entry in Inventory(home, lambda: default).look() if not entry.starter]


def settle(folder: Path) -> None:
    """Make the folder look as if nothing had changed, or been written, for a while."""
    long_ago = time.time_ns() - 2 * COPIED
    for path in (folder, *folder.iterdir()):
        os.utime(path, ns=(long_ago, long_ago))


def test_the_default_is_the_first(home: Path) -> None:
    for name in ("a", "b", "c"):
        make(home, name)
    assert names(home, "b") == ["b", "a", "c"]
    assert names(home, "gone") == ["a", "b", "c"]


def test_a_default_elsewhere(home: Path, tmp_path: Path) -> None:
    make(home, "a")
    elsewhere = tmp_path / "Mine-Q4_0.gguf"
    elsewhere.write_bytes(Gguf().build())
    found = Inventory(home, lambda: str(elsewhere)).look()
    assert [(entry.name, entry.file) for entry in found[:2]] == [("mine", elsewhere), ("a", home / "models" / "a.gguf")]


def test_of_namesakes_the_first_one_has_the_short_name_whatever_is_the_default(home: Path) -> None:
    for number, name in enumerate(("Tiny-Q8_0", "Tiny-Q4_K_M", "other-Q8_0")):
        file = make(home, name)
        os.utime(file, (1_000 + number, 1_000 + number))
    assert sorted(names(home)) == ["other", "tiny", "tiny-q4_k_m"]
    found = Inventory(home, lambda: "Tiny-Q4_K_M.gguf").look()
    assert [(entry.name, entry.known_as) for entry in found[:2]] == [("tiny-q4_k_m", "tiny"), ("tiny", "tiny")]
    assert Inventory(home, lambda: "Tiny-Q4_K_M.gguf").default().name == "tiny-q4_k_m", "also while it is alone known"
    assert Inventory(home, lambda: "tiny").default().file.name == "Tiny-Q8_0.gguf"


def test_what_was_pulled_was_there_when_it_was_pulled(home: Path) -> None:
    old, pulled = make(home, "Tiny-Q8_0"), make(home, "Tiny-Q4_K_M")
    os.utime(old, (2_000, 2_000))
    os.utime(pulled, (3_000, 3_000))
    assert sorted(names(home)) == ["tiny", "tiny-q4_k_m"]
    pulled.with_name(f"{pulled.name}.json").write_text('{"pulled": 1000.5}')
    assert sorted(names(home)) == ["tiny", "tiny-q8_0"]
    for broken in ("", "[]", '{"pulled": null}', '{"pulled": "x"}'):
        pulled.with_name(f"{pulled.name}.json").write_text(broken)
        assert sorted(names(home)) == ["tiny", "tiny-q4_k_m"]


def test_the_starter_was_there_before_all_others(home: Path) -> None:
    make(home, "SmolLM2-135M-Instruct-Q8_0")
    found = {entry.name: entry.starter for entry in Inventory(home, lambda: None).look()}
    assert found == {STARTER: True, f"{STARTER}-q8_0": False}


def test_names_in_another_script_are_told_apart(home: Path) -> None:
    for number, name in enumerate(("モデル", "模型", "модель")):
        os.utime(make(home, name), (1_000 + number, 1_000 + number))
    found = {entry.file.stem: entry.name for entry in Inventory(home, lambda: None).look() if not entry.starter}
    assert len(set(found.values())) == len(found) == 3
    assert found["モデル"] == "tiny-test", "as it says inside"
    (home / "models" / "モデル.gguf").unlink()
    left = {entry.file.stem: entry.name for entry in Inventory(home, lambda: None).look() if not entry.starter}
    assert left == {"模型": "tiny-test", "модель": found["модель"]}


def test_a_link_is_no_other_model_and_a_copy_is(home: Path) -> None:
    first = make(home, "a")
    (home / "models" / "link.gguf").symlink_to(first)
    (home / "models" / "copy.gguf").write_bytes(first.read_bytes())
    assert names(home, "a") == ["a", "copy"]


def test_what_is_broken_or_does_not_chat_is_not_listed(home: Path) -> None:
    make(home, "good")
    make(home, "broken", magic=b"GGUX")
    make(home, "vectors", values={**LLAMA, "llama.pooling_type": ("u32", 1)})
    make(home, "half-00001-of-00002")
    (home / "models" / ".hidden.gguf").write_bytes(b"x")
    assert names(home) == ["good"]
    for name in ("broken", "vectors", "half-00001-of-00002", "none such"):
        with pytest.raises(EngineStartError):
            Inventory(home, lambda name=name: name).default()  # type: ignore[misc]


def test_a_split_model_is_one(home: Path) -> None:
    first, second = make(home, "big-q4_0-00001-of-00002"), make(home, "big-q4_0-00002-of-00002", data=5000)
    (entry,) = (entry for entry in Inventory(home, lambda: None).look() if not entry.starter)
    assert (entry.name, entry.files) == ("big", (first, second))
    assert entry.size == first.stat().st_size + second.stat().st_size


def test_headers_are_read_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    real = gguf.read
    monkeypatch.setattr(gguf, "read", lambda path: read.append(path.name) or real(path))
    file = make(home, "a")
    inventory = Inventory(home, lambda: "a")
    before = inventory.look()
    assert read.count("a.gguf") == 1
    assert inventory.look() == before
    assert read.count("a.gguf") == 1
    file.write_bytes(Gguf(data=5000).build())
    assert inventory.look()[0].stamp != before[0].stamp
    assert read.count("a.gguf") == 2


def test_nothing_is_looked_at_while_nothing_changed(home: Path) -> None:
    inventory = Inventory(home, lambda: None)
    assert inventory.changed()
    settle(home / "models")
    inventory.look()
    assert not inventory.changed()
    make(home, "a")
    assert inventory.changed()
    inventory.look()
    assert inventory.changed(), "more may come within the same tick of the clock"
    settle(home / "models")
    inventory.look()
    (home / "models" / "a.gguf").unlink()
    assert inventory.changed()


def test_a_file_that_is_being_copied_is_listed_when_it_is_whole(home: Path) -> None:
    content = Gguf(data=5000).build()
    file = home / "models" / "slow.gguf"
    file.write_bytes(content[:200])
    long_ago = time.time_ns() - 2 * COPIED
    os.utime(home / "models", ns=(long_ago, long_ago))  # the folder changed when the copy began
    inventory = Inventory(home, lambda: None)
    assert "slow" not in [entry.name for entry in inventory.look()]
    with file.open("ab") as rest:
        rest.write(content[200:])
    assert inventory.changed()
    assert "slow" in [entry.name for entry in inventory.look()]


def test_without_a_folder(tmp_path: Path) -> None:
    inventory = Inventory(tmp_path / "none", lambda: None)
    assert all(entry.starter for entry in inventory.look())
    assert not inventory.changed()


def test_a_folder_from_the_future_is_not_looked_at_for_ever(home: Path) -> None:
    inventory = Inventory(home, lambda: None)
    tomorrow = time.time_ns() + 86_400_000_000_000
    os.utime(home / "models", ns=(tomorrow, tomorrow))
    inventory.look()
    assert not inventory.changed()
