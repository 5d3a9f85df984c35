import os
from pathlib import Path

from tests.capabilities import like_anybody

from mecum.cli.gather import Gathered, gather

LARGE = 1000


def put(folder: Path, *names: str, content: bytes = b"some text") -> None:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def names(found: Gathered, folder: Path) -> list[str]:
    return [str(file.path.relative_to(folder)) for file in found.files]


def take(*wanted: object, everything: bool = False) -> Gathered:
    return gather([str(one) for one in wanted], everything=everything, largest=LARGE)


def test_files_folders_and_patterns_and_each_file_once(tmp_path):
    put(tmp_path, "a.md", "b/c.txt", "b/d.md", "x/1.log", "x/2.log")
    found = take(tmp_path / "a.md", tmp_path / "b", tmp_path / "b" / "c.txt", tmp_path / "x" / "*.log")
    assert names(found, tmp_path) == ["a.md", "b/c.txt", "b/d.md", "x/1.log", "x/2.log"]
    assert (found.failed, found.skipped) == ([], {})


def test_a_pattern_may_reach_into_folders_and_finds_no_hidden_files(tmp_path):
    put(tmp_path, "a.md", "b/c.md", "b/.d.md", ".e/f.md")
    assert names(take(tmp_path / "**" / "*.md"), tmp_path) == ["a.md", "b/c.md"]


def test_a_file_named_like_a_pattern_is_a_file(tmp_path):
    put(tmp_path, "notes[1].md")
    assert names(take(tmp_path / "notes[1].md"), tmp_path) == ["notes[1].md"]


def test_paths_are_absolute_and_without_links(tmp_path, monkeypatch):
    put(tmp_path, "real/a.md")
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path)
    assert [file.path for file in take("link").files] == [tmp_path / "real" / "a.md"]
    assert [file.path for file in take("./real/../link/a.md", "real").files] == [tmp_path / "real" / "a.md"]


def test_what_is_not_there_is_told(tmp_path):
    found = take(tmp_path / "nope.md", tmp_path / "*.nope")
    assert [(one.code, one.message) for one in found.failed] == [
        ("not_found", "There is no such file or folder."),
        ("not_found", "No file matches this pattern."),
    ]


def test_what_a_folder_holds_besides_documents_is_counted(tmp_path):
    put(tmp_path, "a.md", ".hidden", "id_rsa", "p.png", ".git/x")
    put(tmp_path, "empty.txt", content=b"")
    found = take(tmp_path)
    assert names(found, tmp_path) == ["a.md"]
    assert found.skipped == {"hidden": 2, "may hold a key or password": 1, "holds no text": 1, "empty": 1}
    assert len(take(tmp_path, everything=True).files) == 6


def test_a_file_that_is_named_is_taken_unless_it_may_be_a_key(tmp_path):
    put(tmp_path, ".profile", "p.png", "id_rsa", "server.key")
    found = take(*(tmp_path / name for name in (".profile", "p.png", "id_rsa", "server.key")))
    assert names(found, tmp_path) == [".profile", "p.png"]
    assert {one.code for one in found.failed} == {"key"}
    assert len(take(tmp_path / "id_rsa", everything=True).files) == 1


def test_a_pattern_names_nothing_itself(tmp_path):
    put(tmp_path, "a.md", "p.png", "id_rsa")
    found = take(tmp_path / "*")
    assert names(found, tmp_path) == ["a.md"]
    assert (found.failed, sum(found.skipped.values())) == ([], 2)


def test_what_cannot_be_read_is_told(tmp_path):
    put(tmp_path, "locked/a.md")
    (tmp_path / "locked").chmod(0)
    with like_anybody():
        found = take(tmp_path)
    (tmp_path / "locked").chmod(0o700)
    assert [one.code for one in found.failed] == ["unreadable"]


def test_what_is_too_large_or_no_file_is_told(tmp_path):
    put(tmp_path, "large.txt", content=b"x" * (LARGE + 1))
    os.mkfifo(tmp_path / "pipe")
    found = take(tmp_path / "large.txt", tmp_path / "pipe")
    assert [one.code for one in found.failed] == ["large", "special"]
    assert [one.code for one in take(tmp_path).failed] == ["large"]
