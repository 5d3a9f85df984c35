"""What is installed, and what is believed of what stands beside it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import orjson
import pytest
from tests.models.hubs import model, sha256

from mecum.engine.inventory import Inventory
from mecum.errors import ModelNotFound, SettingsError
from mecum.models import record
from mecum.models.installed import Installed
from mecum.models.record import Origin
from mecum.models.shelf import Shelf
from mecum.settings.load import CHOSEN, load


def put(shelf: Shelf, name: str, content: bytes | None = None, **origin: str) -> Path:
    file = shelf.folder / name
    file.write_bytes(model() if content is None else content)
    if origin:
        shelf.record(name, {name: file}, {name: sha256(file.read_bytes())}, Origin(**{"source": "hf:a/b:c", **origin}))
    return file


def mine(shelf: Shelf) -> list[Installed]:
    return [one for one in shelf.installed() if not one.starter]


def test_an_empty_shelf_has_the_starter_of_its_wheel(shelf: Shelf) -> None:
    (starter,) = shelf.installed()
    assert starter.starter
    assert starter.name == "smollm2-135m-instruct"
    assert starter.licence == "apache-2.0"
    assert mine(Shelf(shelf.home / "nowhere")) == []


def test_what_was_put_there_by_hand_is_a_model_too(shelf: Shelf) -> None:
    put(shelf, "By.Hand-Q8_0.gguf", model(**{"general.license": ("str", "mit")}))
    (one,) = mine(shelf)
    assert (one.name, one.licence, one.origin, one.sha256, one.changed) == ("by.hand", "mit", None, {}, False)
    assert one.facts is not None
    assert (one.facts.quantisation, one.facts.context, one.facts.architecture) == ("Q8_0", 4096, "llama")


def test_what_stands_beside_it_is_believed_while_the_file_is_the_same(shelf: Shelf) -> None:
    file = put(shelf, "A-Q8_0.gguf", licence="mit", revision="r1")
    (one,) = mine(shelf)
    assert one.origin is not None
    assert (one.licence, one.origin.revision, one.changed) == ("mit", "r1", False)
    assert one.sha256 == {file.name: sha256(model())}
    put(shelf, "A-Q8_0.gguf", model(9000, **{"llama.context_length": ("u32", 512)}))
    (one,) = mine(shelf)
    assert one.changed
    assert one.facts is not None
    assert one.facts.context == 512  # read anew
    assert (shelf.folder / "A-Q8_0.gguf.json").stat().st_mode & 0o777 == 0o600


def test_a_header_that_was_read_is_not_read_again(shelf: Shelf) -> None:
    file = put(shelf, "A-Q8_0.gguf", licence="mit")
    stat = file.stat()
    file.write_bytes(bytes(stat.st_size))  # no header any more, but size and time as they were
    os.utime(file, ns=(stat.st_mtime_ns, stat.st_mtime_ns))
    (one,) = mine(shelf)
    assert one.facts is not None
    assert one.facts.context == 4096


@pytest.mark.parametrize(
    "kept",
    [b"", b"{", b"[]", b"3", b'{"files": 3}', b'{"files": [3, {}]}', b'{"files": [{"name": "A-Q8_0.gguf"}], "pulled": "x"}'],
)
def test_nonsense_beside_it_is_as_nothing(shelf: Shelf, kept: bytes) -> None:
    put(shelf, "A-Q8_0.gguf")
    (shelf.folder / "A-Q8_0.gguf.json").write_bytes(kept)
    (one,) = mine(shelf)
    assert one.facts is not None
    assert one.name == "a"
    assert one.sha256 == {}


def test_a_header_kept_by_somebody_else_is_read_carefully(shelf: Shelf) -> None:
    put(shelf, "A-Q8_0.gguf", licence="mit")
    sidecar = shelf.folder / "A-Q8_0.gguf.json"
    kept = orjson.loads(sidecar.read_bytes())
    for header in ([], {"general.architecture": 3}, {"general.architecture": "llama", "llama.context_length": "x"}):
        sidecar.write_bytes(orjson.dumps({**kept, "header": header}))
        assert mine(shelf)[0].name == "a"


def test_a_broken_model_is_listed_with_what_is_wrong(shelf: Shelf) -> None:
    put(shelf, "Bad-Q8_0.gguf", b"GGUF")
    put(shelf, "Split-00001-of-00002.gguf")
    bad, part = mine(shelf)
    assert "is cut off" in bad.fault
    assert "Split-00002-of-00002.gguf is not beside it" in part.fault
    assert (bad.facts, bad.name) == (None, "bad-q8_0")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_model_whose_name_is_no_text_is_broken_and_answers_nothing(shelf: Shelf) -> None:
    file = put(shelf, "tiny.gguf").rename(shelf.folder / os.fsdecode(b"caf\xe9.gguf"))
    (one,) = mine(shelf)
    assert one.fault.endswith("/caf?.gguf has a name that is no text. Rename it, with letters that are UTF-8.")
    assert file not in [entry.file for entry in Inventory(shelf.home, lambda: None).look()]  # which goes into answers


def test_a_split_model_is_one_and_hidden_files_are_none(shelf: Shelf) -> None:
    for name in ("Big-00001-of-00002.gguf", "Big-00002-of-00002.gguf", ".hidden.gguf"):
        put(shelf, name)
    (one,) = mine(shelf)
    assert [file.name for file in one.files] == ["Big-00001-of-00002.gguf", "Big-00002-of-00002.gguf"]
    assert one.size == 2 * len(model())
    assert one.name == "big"


@pytest.mark.parametrize("name", ["tiny", "TINY", "Tiny-Q4_K_M.gguf", "tiny-q4_k_m"])
def test_a_name_means_one_model(shelf: Shelf, name: str) -> None:
    file = put(shelf, "Tiny-Q4_K_M.gguf")
    put(shelf, "Other-Q4_K_M.gguf")
    assert shelf.find(name).file == file


def test_a_name_means_the_first_that_was_there_or_none(shelf: Shelf) -> None:
    first, second = put(shelf, "Tiny-Q8_0.gguf"), put(shelf, "Tiny-Q4_K_M.gguf")
    os.utime(first, (1_000, 1_000))
    os.utime(second, (2_000, 2_000))
    assert shelf.find("tiny").file == first
    assert shelf.find("Tiny-Q4_K_M").file == second
    with pytest.raises(ModelNotFound, match=r"no model gone\. Installed: tiny, tiny-q4_k_m, smollm2"):
        shelf.find("gone")
    first.unlink()
    assert shelf.find("tiny").file == shelf.find("tiny-q4_k_m").file == second


def test_the_default_is_a_setting_below_the_users_own(shelf: Shelf) -> None:
    file = put(shelf, "Tiny-Q4_K_M.gguf")
    environ = {"MECUM_HOME": str(shelf.home)}
    assert load({}, environ).settings.engine.model is None
    shelf.set_default(shelf.find("tiny"))
    loaded = load({}, environ)
    assert loaded.settings.engine.model == str(file)
    assert loaded.origins["engine.model"] == f"models/default ({shelf.home})"
    (shelf.home / "mecum.toml").write_text("[engine]\nmodel = 'x.gguf'\n")
    assert load({}, environ).settings.engine.model == "x.gguf"
    (shelf.home / "mecum.toml").write_text("[engine]\nbase_url = 'http://127.0.0.1:1/v1'\n")
    loaded = load({}, environ)
    assert loaded.settings.engine.model is None
    assert "sets it aside" in loaded.origins["engine.model"]
    assert load({"engine.scripted": True}, environ).settings.engine.model is None
    (shelf.home / "mecum.toml").unlink()
    shelf.set_default(None)
    assert load({}, environ).settings.engine.model is None


@pytest.mark.parametrize("content", ["../x.gguf", "/etc/x.gguf", "a/b.gguf", "..", "x\0y"])
def test_a_default_leads_nowhere_else(shelf: Shelf, content: str) -> None:
    (shelf.home / CHOSEN).write_text(content)
    with pytest.raises(SettingsError, match=r"mecum models default NAME. writes it anew"):
        load({}, {"MECUM_HOME": str(shelf.home)})


def test_an_unreadable_default_is_told_and_an_empty_one_is_none(shelf: Shelf) -> None:
    (shelf.home / CHOSEN).write_bytes(b"\xff")
    with pytest.raises(SettingsError, match="cannot be read"):
        load({}, {"MECUM_HOME": str(shelf.home)})
    (shelf.home / CHOSEN).write_bytes(b"\n")
    assert load({}, {"MECUM_HOME": str(shelf.home)}).settings.engine.model is None


def test_what_cannot_be_written_leaves_nothing(shelf: Shelf) -> None:
    (shelf.folder / "Tiny.json").mkdir()
    with pytest.raises(OSError, match="directory"):
        record.write(shelf.folder / "Tiny.json", b"{}")
    assert [one.name for one in shelf.folder.iterdir()] == ["Tiny.json"]


def test_what_is_removed_takes_its_notes_and_the_default_along(shelf: Shelf) -> None:
    put(shelf, "A-Q8_0.gguf", licence="mit")
    put(shelf, "B-Q8_0.gguf", licence="mit")
    shelf.set_default(shelf.find("a"))
    shelf.remove(shelf.find("b"))
    assert shelf.default() == "A-Q8_0.gguf"
    shelf.remove(shelf.find("a"))
    assert shelf.default() is None
    assert list(shelf.folder.iterdir()) == []
