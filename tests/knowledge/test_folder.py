"""Walking folders, over real files."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec
from tests.knowledge.extract import files
from tests.knowledge.folders import LARGEST, anybody

from mecum.knowledge.folder import FoundFile, SkippedFile, open_found, walk
from mecum.knowledge.ignore import Rules


def fill(root: Path, contents: dict[str, str | bytes]) -> Path:
    for name, content in contents.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def looked(root: Path, **options) -> tuple[list[str], dict[str, str]]:
    """What a walk gives, and what it skips and why; paths relative to the root."""
    found, skipped = [], {}
    for one in walk(root, **{"largest": LARGEST, **options}):
        path = one.path.relative_to(root.resolve()).as_posix()
        if isinstance(one, FoundFile):
            found.append(path)
        else:
            assert one.reason
            skipped[path] = one.why
    return found, skipped


def test_documents_are_given_in_order_with_what_tells_a_change(tmp_path):
    fill(tmp_path, {"b.md": "12345", "a/z.txt": "x", "a/b/c.pdf": "x", "a.txt": "y"})
    os.utime(tmp_path / "b.md", ns=(1, 1_700_000_000_123_456_789))
    assert looked(tmp_path) == (["a/b/c.pdf", "a/z.txt", "a.txt", "b.md"], {})
    assert list(walk(tmp_path, largest=LARGEST))[-1] == FoundFile(tmp_path.resolve() / "b.md", 5, 1_700_000_000_123_456_789)


def test_what_is_nobody_s_document_is_skipped_and_said(tmp_path):
    fill(
        tmp_path,
        {
            "kept.md": "x",
            ".hidden": "x",
            ".git/config": "x",
            "node_modules/a/readme.md": "x",
            "__pycache__/a.txt": "x",
            "venv/pyvenv.cfg": "x",
            "venv/lib/readme.txt": "x",
            "target/CACHEDIR.TAG": "x",
            "photo.JPG": "x",
            "film.mp4": "x",
            "all.zip": "x",
            "notes.db": "x",
            "empty.txt": "",
            "report.docx~": "x",
            "~$report.docx": "x",
            "book.pdf.part": "x",
        },
    )
    found, skipped = looked(tmp_path)
    assert found == ["kept.md"]
    folders = {one.path.name for one in walk(tmp_path, largest=LARGEST) if isinstance(one, SkippedFile) and one.folder}
    assert folders == {".git", "node_modules", "__pycache__", "venv", "target"}
    assert skipped == {
        ".hidden": "hidden",
        ".git": "hidden",
        "node_modules": "made",
        "__pycache__": "made",
        "venv": "made",
        "target": "made",
        "photo.JPG": "binary",
        "film.mp4": "binary",
        "all.zip": "binary",
        "notes.db": "binary",
        "empty.txt": "empty",
        "report.docx~": "temporary",
        "~$report.docx": "temporary",
        "book.pdf.part": "temporary",
    }


def test_keys_are_skipped_by_their_names_and_by_what_is_in_them(tmp_path):
    names = ["id_rsa", "id_ed25519", "id_rsa.pub", "server.pem", "A.KEY", "x.p12", "x.pfx", "safe.kdbx", ".env", "prod.env"]
    fill(tmp_path, dict.fromkeys(names, "secret") | {"mine": "x\n-----BEGIN OPENSSH PRIVATE KEY-----\nabc"})
    found, skipped = looked(tmp_path)
    assert found == []
    assert skipped == dict.fromkeys([*names, "mine"], "key") | {".env": "hidden"}


def test_files_whose_names_say_nothing_are_known_by_their_first_bytes(tmp_path):
    fill(
        tmp_path,
        {
            "README": "Plain words.",
            "letter.old": "Grüße".encode("utf-16"),
            "latin": "Grüße aus Köln".encode("cp1252"),
            "paper": files.pdf(["Text"]),
            "report": files.docx(files.paragraph("x")),
            "book": files.epub(a="<p>x</p>"),
            "ancient.doc": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),  # it fails, with advice
            "picture": b"\x89PNG\r\n\x1a\n" + bytes(100),
            "program": b"\x7fELF" + bytes(range(256)),
            "archive": files.zipped({"a.txt": "x"}),
            "film.ts": b"G" + bytes(187),
            "module.ts": "export const a = 1;",
        },
    )
    found, skipped = looked(tmp_path)
    assert skipped == dict.fromkeys(["picture", "program", "archive", "film.ts"], "binary")
    assert len(found) == 8


def test_ignore_files_hold_for_their_folder_and_below(tmp_path):
    fill(
        tmp_path,
        {
            ".gitignore": "*.log\n/build/\n# a comment\nsecret/*\n!secret/open.md\n",
            ".mecumignore": "!kept.log\ndrafts\n",
            "a.log": "x",
            "kept.log": "x",
            "build/x.md": "x",
            "sub/build/x.md": "x",
            "sub/.gitignore": "!a.log\nonly-here.md\n",
            "sub/a.log": "x",
            "sub/deep/a.log": "x",
            "sub/only-here.md": "x",
            "only-here.md": "x",
            "secret/a.md": "x",
            "secret/open.md": "x",
            "sub/drafts/x.md": "x",
        },
    )
    found, skipped = looked(tmp_path)
    assert found == ["kept.log", "only-here.md", "secret/open.md", "sub/a.log", "sub/build/x.md", "sub/deep/a.log"]
    ignored = {path for path, why in skipped.items() if why == "ignored"}
    assert ignored == {"a.log", "build", "secret/a.md", "sub/drafts", "sub/only-here.md"}


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_what_is_ignored_is_what_git_ignores(tmp_path):
    lines = ["*.md\n!a.md\n/b/\n", "c\n\\#x.txt\n**/deep/*.txt\n", "[a-b].txt\n!/b.txt\n a.txt\nx/**/y.txt\nz.txt\\ \n"]
    names = ["a.md", "b.md", "a.txt", "b.txt", "#x.txt", "c/a.txt", " a.txt", "y.txt", "z.txt"]
    tree = {f"{folder}{name}": "x" for folder in ("", "b/", "x/", "x/deep/", "x/b/", "x/b/deep/") for name in names}
    for number, folder in enumerate(("", "x/", "x/b/")):
        tree[f"{folder}.gitignore"] = lines[number]
    fill(tmp_path, tree)
    git = ["git", "-C", str(tmp_path), "-c", "core.excludesFile="]
    subprocess.run([*git, "init", "-q"], check=True)
    listed = subprocess.run([*git, "ls-files", "-zco", "--exclude-standard"], check=True, capture_output=True).stdout
    expected = {name for name in listed.decode().split("\0") if name and not name.endswith(".gitignore")}
    assert set(looked(tmp_path)[0]) == expected


# Without "[!a]": pathspec lets it match a slash, which git does not.
PIECES = st.sampled_from(["*", "**", "?", "a", "b", "ab", "/", "[ab]", ".", "\\*", "!"])


@given(
    st.lists(PIECES, min_size=1, max_size=8).map("".join),
    st.lists(st.text("ab.", min_size=1, max_size=5), min_size=1, max_size=4),
)
def test_patterns_mean_what_they_mean_to_pathspec(pattern, parts):
    with contextlib.suppress(ValueError):
        plain = GitIgnoreSpec.from_lines([pattern])
        path = "/".join(parts)
        for folder in (False, True):
            wanted = plain.check_file(path + "/" * folder).include is True
            assert Rules().below("", [pattern]).ignore(path, folder=folder) is wanted


@pytest.mark.parametrize(
    "pattern", ["*a" * 40 + "b", "**/a*" * 3 + "/b", "a**/" * 60 + "b", "**/" * 60 + "b", "?*" * 50 + "b", "[", "a" * 10_000]
)
def test_no_pattern_holds_the_walk_up(pattern):
    rules = Rules().below("", [pattern] * 20)
    began = time.monotonic()
    for path in ("a" * 250, "/".join(["a" * 40] * 60)):
        rules.ignore(path, folder=False)
    assert time.monotonic() - began < 5


def test_everything_takes_what_may_be_taken_and_no_more(tmp_path):
    fill(
        tmp_path / "root", {".env": "x", ".gitignore": "a.md", "a.md": "x", "node_modules/b.md": "x", "c.png": "x", "d": ""}
    )
    fill(tmp_path, {"outside.md": "x"})
    (tmp_path / "root/link.md").symlink_to(tmp_path / "outside.md")
    os.truncate(fill(tmp_path, {"root/large.txt": "x"}) / "root/large.txt", LARGEST + 1)
    found, skipped = looked(tmp_path / "root", everything=True)
    assert found == [".env", ".gitignore", "a.md", "c.png", "d", "node_modules/b.md"]
    assert skipped == {"link.md": "link", "large.txt": "large"}


def test_what_is_too_large_says_how_large(tmp_path):
    os.truncate(fill(tmp_path, {"a.txt": "x"}) / "a.txt", 300 * 1024**2)
    (skipped,) = walk(tmp_path, largest=200 * 1024**2)
    assert isinstance(skipped, SkippedFile)
    assert skipped.reason == "too large: 300 MiB; the most is 200 MiB"


def test_a_root_that_is_a_file_is_given_whatever_it_is(tmp_path):
    fill(tmp_path, {".gitignore": "*", ".secret.pem": "", "node_modules/a.png": "x"})
    for name in (".secret.pem", "node_modules/a.png"):
        (found,) = walk(tmp_path / name, largest=LARGEST)
        assert isinstance(found, FoundFile)
        assert found.path == tmp_path.resolve() / name
    assert looked(tmp_path / "node_modules") == ([], {"a.png": "binary"})  # the folder itself was named


def test_links_lead_nowhere(tmp_path):
    fill(tmp_path, {"outside/secret.md": "x", "root/a/real.md": "x"})
    root = tmp_path / "root"
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "out.md").symlink_to(tmp_path / "outside/secret.md")
    (root / "up").symlink_to(root)
    (root / "a/round").symlink_to(root / "a")
    (root / "again.md").symlink_to(root / "a/real.md")
    (root / "self").symlink_to(root / "self")
    (root / "broken").symlink_to(root / "nothing")
    found, skipped = looked(root)
    assert found == ["a/real.md"]
    assert skipped == dict.fromkeys(["out", "out.md", "up", "a/round", "again.md", "self", "broken"], "link")
    assert [one.why for one in walk(root / "self", largest=LARGEST)] == ["unreadable"]
    (tmp_path / "way").symlink_to(root)
    assert [one.path for one in walk(tmp_path / "way/a", largest=LARGEST) if isinstance(one, FoundFile)] == [
        root / "a/real.md"
    ]


def test_an_ignore_file_that_is_a_link_or_a_pipe_is_not_read(tmp_path):
    fill(tmp_path, {"rules": "*.md", "root/a.md": "x", "root/sub/b.md": "x"})
    (tmp_path / "root/.gitignore").symlink_to(tmp_path / "rules")
    os.mkfifo(tmp_path / "root/sub/.mecumignore")
    assert looked(tmp_path / "root")[0] == ["a.md", "sub/b.md"]


def test_pipes_sockets_and_devices_are_skipped(tmp_path):
    os.mkfifo(tmp_path / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket.txt"))
        assert looked(tmp_path) == ([], {"pipe.txt": "special", "socket.txt": "special"})
        assert looked(tmp_path, everything=True)[0] == []
    assert [one.why for one in walk(Path("/dev/zero"), largest=LARGEST)] == ["special"]
    with pytest.raises(OSError, match="no file"):
        open_found(tmp_path / "pipe.txt")
    (tmp_path / "link.txt").symlink_to("/etc/hostname")
    with pytest.raises(OSError):  # noqa: PT011 -- the system's own words
        open_found(tmp_path / "link.txt")


def test_what_cannot_be_read_is_said(tmp_path):
    with anybody() as folder:
        fill(folder, {"a.md": "x", "locked/b.md": "x", "unknown": "x", "private/.gitignore": "b.md", "private/b.md": "x"})
        (folder / "locked").chmod(0)
        (folder / "unknown").chmod(0)
        (folder / "private/.gitignore").chmod(0)
        found, skipped = looked(folder)
        assert found == ["a.md"]
        assert skipped == dict.fromkeys(["locked", "unknown", "private"], "unreadable")  # who knows what it would ignore
        (folder / "locked").chmod(0o700)
    assert [one.why for one in walk(tmp_path / "none", largest=LARGEST)] == ["unreadable"]
    assert [one.why for one in walk(Path("a\0b"), largest=LARGEST)] == ["unreadable"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")
def test_names_that_are_no_text(tmp_path):
    fill(tmp_path, {"a\nb.md": "x", "é😀.md": "x"})
    fill(tmp_path, {os.fsdecode(b"\xff\xfe/a.md"): "x", os.fsdecode(b"\xe9.md"): "x"})
    assert looked(tmp_path)[0] == ["a\nb.md", "é😀.md"]
    assert [one.why for one in walk(tmp_path, largest=LARGEST) if isinstance(one, SkippedFile)] == ["name", "name"]


def test_folders_far_below(tmp_path):
    deep = os.open(tmp_path, os.O_RDONLY)
    for _ in range(60):  # further than a path may be long
        os.mkdir("d" * 100, dir_fd=deep)
        deep, before = os.open("d" * 100, os.O_RDONLY, dir_fd=deep), deep
        os.close(before)
    os.close(deep)
    fill(tmp_path, {"a.md": "x"})
    found, skipped = walk(tmp_path, largest=LARGEST)
    assert found.path.name == "a.md"
    assert isinstance(skipped, SkippedFile)
    assert (skipped.why, skipped.folder) == ("unreadable", True)
    shutil.rmtree(tmp_path)


def test_the_library_is_never_added_to_itself(tmp_path):
    fill(tmp_path, {"a.md": "x", "mine/mecum.db": "x", "mine/files/ab/ab12": "text"})
    for everything in (False, True):
        assert looked(tmp_path, everything=everything) == (["a.md"], {"mine": "library"})
        assert [one.why for one in walk(tmp_path / "mine", largest=LARGEST, everything=everything)] == ["library"]


def test_what_goes_away_during_a_walk(tmp_path):
    fill(tmp_path, {"a.md": "x", "b.md": "x", "c/d.md": "x", "e.md": "x"})
    walking = walk(tmp_path, largest=LARGEST)
    assert next(walking).path.name == "a.md"
    (tmp_path / "b.md").unlink()
    shutil.rmtree(tmp_path / "c")
    assert [one.path.name for one in walking] == ["e.md"]


def test_ten_thousand_files(tmp_path):
    (tmp_path / ".gitignore").write_text("*.log\n*.pyc\nbuild/\n!keep.log\n/out\n")
    for number in range(100):
        (tmp_path / str(number)).mkdir()
        for name in range(100):
            (tmp_path / str(number) / f"{name}.md").touch()
    began = time.monotonic()
    assert len(list(walk(tmp_path, largest=LARGEST))) == 10_001
    assert time.monotonic() - began < 10  # a fifth of a second on a quiet machine
