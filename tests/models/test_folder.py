"""The folder of an ONNX model: looked at, and on the shelf."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.capabilities import like_anybody
from tests.models.hubs import sha256
from tests.models.onnx import CONFIG, MODEL, decoder, repository, with_data

from mecum.errors import EngineStartError
from mecum.models.folder import check_folder, root_of
from mecum.models.installed import Installed
from mecum.models.record import Origin
from mecum.models.shelf import Shelf


def put(folder: Path, files: dict[str, bytes] | None = None) -> Path:
    for name, content in (files or repository()).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def mine(shelf: Shelf) -> list[Installed]:
    return [one for one in shelf.installed() if not one.starter]


def test_what_is_one(tmp_path: Path) -> None:
    assert check_folder(put(tmp_path / "x"), "x").model == tmp_path / "x" / MODEL
    assert len(check_folder(put(tmp_path / "y", with_data()), "y").weights) == 1


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("config.json", b"{", "Tiny has a damaged file: config.json is no JSON"),
        ("1_Pooling/config.json", b"", "damaged file: 1_Pooling/config.json"),
        (MODEL, b"<html>", "Tiny cannot be used as an embedder. onnx/model.onnx is damaged"),
        (MODEL, b"", "is damaged, or no ONNX model"),
        (MODEL, decoder(), "generates text"),
        (MODEL, with_data()[MODEL], "needs the file 'model.onnx_data' beside it, which is not there"),
    ],
)
def test_what_is_none(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    folder = put(tmp_path / "x", {**repository(), name: content})
    with pytest.raises(EngineStartError, match=says) as caught:
        check_folder(folder, "Tiny")
    assert str(tmp_path) not in caught.value.message


def test_what_is_too_large_is_not_read(tmp_path: Path) -> None:
    folder = put(tmp_path / "x")
    with (folder / "special_tokens_map.json").open("wb") as file:
        file.truncate(1 << 40)  # 1 TB, of which nothing is on the disk
    with pytest.raises(EngineStartError, match="Tiny has a file that is too large: special_tokens_map"):
        check_folder(folder, "Tiny")


def test_which_folder_is_meant(tmp_path: Path) -> None:
    folder = put(tmp_path / "x")
    assert root_of(folder) == root_of(folder / MODEL) == folder
    assert root_of(folder / "config.json") is None
    assert root_of(folder / "gone.onnx") is None


# ---- on the shelf


def test_one_that_was_put_there_by_hand(shelf: Shelf) -> None:
    put(shelf.folder / "All-Tiny-v1.5")
    (shelf.folder / "All-Tiny-v1.5" / ".git").mkdir()
    (one,) = mine(shelf)
    assert (one.name, one.kind, one.file, one.origin, one.fault) == (
        "all-tiny-v1.5",
        "embedder",
        shelf.folder / "All-Tiny-v1.5",
        None,
        "",
    )
    assert one.size == sum(map(len, repository().values()))
    assert one.facts is not None
    assert (one.facts.architecture, one.facts.context, one.facts.quantisation) == ("bert", 64, "")
    assert set(one.names) == set(repository())
    assert shelf.find("ALL-TINY-V1.5").file == one.file


def test_what_stands_beside_it_is_believed_while_it_is_the_same(shelf: Shelf) -> None:
    folder = put(shelf.folder / "Tiny")
    files = {name: folder / name for name in repository()}
    hashes = {name: sha256(content) for name, content in repository().items()}
    shelf.record("Tiny", files, hashes, Origin("hf:a/b:c", licence="mit"))
    (one,) = mine(shelf)
    assert (one.licence, one.sha256, one.changed) == ("mit", hashes, False)
    (folder / "config.json").write_text(json.dumps({**CONFIG, "max_position_embeddings": 8}))
    (one,) = mine(shelf)
    assert one.changed
    assert one.facts is not None
    assert one.facts.context == 8
    (folder / "new.json").write_text("{}")
    assert mine(shelf)[0].changed


def test_a_broken_one_is_listed_with_what_is_wrong(shelf: Shelf) -> None:
    put(shelf.folder / "Bad", {**repository(), MODEL: b"x"})
    put(shelf.folder / "Chats", {**repository(), MODEL: decoder()})
    bad, chats = mine(shelf)
    assert "is damaged" in bad.fault
    assert "generates text" in chats.fault
    assert (bad.kind, bad.name) == ("embedder", "bad")


def test_one_that_may_not_be_read_is_listed_and_keeps_nothing_from_the_others(shelf: Shelf) -> None:
    locked = put(shelf.folder / "Locked") / "onnx"
    put(shelf.folder / "Tiny")
    locked.chmod(0)
    try:
        with like_anybody():
            one, other = mine(shelf)
        assert (one.name, one.fault) == ("locked", "It cannot be read: Permission denied.")
        assert (other.name, other.fault) == ("tiny", "")
    finally:
        locked.chmod(0o700)


def test_it_goes_whole_and_is_chosen_no_more(shelf: Shelf) -> None:
    put(shelf.folder / "Tiny")
    shelf.set_embedder("Tiny")
    shelf.remove(shelf.find("tiny"))
    assert shelf.embedder() is None
    assert [one.name for one in shelf.folder.rglob("*")] == [".partial"]


def test_half_of_it_is_never_left_as_a_model(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    put(shelf.folder / "Tiny")

    def killed(*_: object, **__: object) -> None:
        raise SystemExit

    model = shelf.find("tiny")
    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", killed)
        patched.setattr(os, "rmdir", killed)
        with pytest.raises(SystemExit):
            shelf.remove(model)
    assert mine(shelf) == []
    put(shelf.folder / "Tiny")
    shelf.remove(shelf.find("tiny"))
    assert [one.name for one in shelf.folder.rglob("*")] == [".partial"]


def test_a_link_to_a_folder_of_yours_goes_and_that_stays(shelf: Shelf, tmp_path: Path) -> None:
    own = put(tmp_path / "own")
    (shelf.folder / "Tiny").symlink_to(own)
    shelf.remove(shelf.find("tiny"))
    assert not (shelf.folder / "Tiny").is_symlink()
    assert (own / MODEL).is_file()
