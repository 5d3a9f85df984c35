"""`mecum backup` and `mecum restore`: under load, and back again; and whatever else a file may be."""

import io
import json
import socket
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import pytest
from tests.cli.inside import mecum
from tests.cli.inside_library import ENVIRON
from tests.clients.server import clean_environment, serving

from mecum.app.home import Home
from mecum.cli.restore import unpack
from mecum.errors import InvalidRequest

QUESTIONS = ("who steers the red boat", "when are invoices paid", "number 7")


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    (folder / "boats.md").write_text("# Boats\n\nAnna steers the red boat.")
    (folder / "pay.txt").write_text("Invoices are paid on Friday.")
    for n in range(20):
        (folder / f"{n}.md").write_text(f"# Number {n}\n\nThis is the note with the number {n}.")
    return folder


@pytest.fixture(scope="module")
def home(docs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of these documents, which nobody has open."""
    home = tmp_path_factory.mktemp("home")
    assert run("add", home, docs).returncode == 0
    return home


@pytest.fixture(scope="module")
def backup(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of it."""
    file = tmp_path_factory.mktemp("backups") / "mecum.tar"
    done = run("backup", home, file)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"The library is in {file}, ")
    return file


def run(command: str, home: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return mecum(command, "--home", home, *arguments, **ENVIRON)


def found(home: Path) -> list[list[tuple[str, str, float]]]:
    """What the questions find: path, text and score."""
    answers = [json.loads(run("search", home, question, "--json").stdout) for question in QUESTIONS]
    return [[(hit["path"], hit["text"], round(hit["score"], 4)) for hit in answer["hits"]] for answer in answers]


def listed(home: Path) -> set[str]:
    return {document["path"] for document in json.loads(run("documents", home, "--json").stdout)["documents"]}


def test_a_backup_under_load_comes_back_and_answers_the_same(docs, tmp_path):
    home, more, file = tmp_path / "home", tmp_path / "more", tmp_path / "all.tar"
    more.mkdir()
    for n in range(60):
        (more / f"{n}.txt").write_text(f"more and more of it: {n} " * 20)
    with serving(home, "--demo", env=ENVIRON):
        assert run("add", home, docs).returncode == 0
        before = found(home)
        adding = subprocess.Popen(
            [sys.executable, "-m", "mecum", "add", "--home", home, more],
            env=clean_environment() | ENVIRON,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        done = run("backup", home, file)
        assert adding.wait(60) == 0
        refused = run("restore", home, file)
    assert (refused.returncode, "mecum stop" in refused.stderr) == (4, True)
    assert done.returncode == 0, done.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["all.tar"]
    other = tmp_path / "other"
    done = run("restore", other, file)
    assert done.returncode == 0, done.stderr
    assert run("verify", other).returncode == 0
    after = found(other)
    assert [hits[0] for hits in after] == [hits[0] for hits in before]
    assert {str(path) for path in docs.iterdir()} <= listed(other)


def test_what_comes_back_is_what_was_there(home, backup, tmp_path):
    done = run("restore", tmp_path, backup)
    assert (done.returncode, done.stdout) == (0, f"The library is as in {backup}: 22 documents.\n")
    assert found(tmp_path) == found(home)
    assert not list(tmp_path.glob(".restore-*"))


def test_a_library_with_documents_stays_unless_it_may_go(home, backup, tmp_path):
    (tmp_path / "own.md").write_text("my own")
    run("add", tmp_path / "home", tmp_path / "own.md")
    done = run("restore", tmp_path / "home", backup)
    assert (done.returncode, "--replace" in done.stderr) == (2, True)
    assert listed(tmp_path / "home") == {str(tmp_path / "own.md")}
    assert run("restore", tmp_path / "home", backup, "--replace").returncode == 0
    assert listed(tmp_path / "home") == listed(home)


def test_keys_are_no_less_than_documents(backup, tmp_path):
    home = tmp_path / "home"
    assert mecum("keys", "create", "laptop", "--home", home, **ENVIRON).returncode == 0
    done = run("restore", home, backup)
    assert (done.returncode, "1 key" in done.stderr) == (2, True)
    assert run("restore", home, backup, "--replace").returncode == 0
    assert "no keys" in mecum("keys", "list", "--home", home, **ENVIRON).stderr


def test_a_library_that_cannot_be_opened_is_replaced_and_kept(backup, tmp_path):
    (tmp_path / "mecum.db").write_bytes(b"nonsense" * 100)
    (tmp_path / "mecum.db-wal").write_bytes(b"more of it")
    assert run("restore", tmp_path, backup).returncode == 6
    done = run("restore", tmp_path, backup, "--replace")
    assert done.returncode == 0, done.stderr
    assert "could not be opened is kept" in done.stdout
    assert [path.read_bytes() for path in tmp_path.glob("mecum.db.*") if path.suffix != ".db"]
    assert run("verify", tmp_path).returncode == 0


def tar(file: Path, *members: tuple[str, bytes | None]) -> Path:
    """Write a tar with these files; None: a link to /etc/passwd."""
    with tarfile.open(file, "w") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if content is None:
                member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            member.size = len(content or b"")
            archive.addfile(member, io.BytesIO(content or b""))
    return file


HASH = "ab" + "0" * 62


@pytest.mark.parametrize(
    "members",
    [
        [],
        [("notes.txt", b"x")],
        [("../mecum.db", b"x")],
        [("/mecum.db", b"x")],
        [("mecum.db", None)],
        [("mecum.db", b"x"), ("files/ab/../../evil", b"x")],
        [("mecum.db", b"x"), ("files/ab/" + HASH, None)],
        [("mecum.db", b"x"), ("files/cd/" + HASH, b"x")],
        [("mecum.db", b"x"), ("files/ab/" + HASH, b"not what its name says")],
    ],
)
def test_what_is_no_backup_is_told_and_nothing_gets_out_of_it(tmp_path, members):
    folder = tmp_path / "in" / "here"
    folder.mkdir(parents=True)
    with pytest.raises(InvalidRequest, match="is no backup of mecum's"):
        unpack(tar(tmp_path / "x.tar", *members), folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "x.tar"]
    assert [path.name for path in folder.parent.iterdir()] == ["here"]


@pytest.mark.parametrize("damage", ["cut", "database", "original", "noise"])
def test_a_damaged_backup_is_told_and_the_library_stays(backup, tmp_path, damage):
    file, home = tmp_path / "x.tar", tmp_path / "home"
    home.mkdir()
    if damage == "noise":
        file.write_bytes(b"noise" * 1000)
    elif damage == "cut":
        file.write_bytes(backup.read_bytes()[: backup.stat().st_size // 2])
    else:
        with tarfile.open(backup) as archive:
            members = [(one.name, archive.extractfile(one).read()) for one in archive]  # type: ignore[union-attr]
        bad = [("mecum.db", data[:5000] + bytes(5000) + data[10_000:]) for name, data in members if name == "mecum.db"]
        good = [member for member in members if member[0] != "mecum.db"]
        tar(file, *(bad + good if damage == "database" else [*members[:1], *members[2:]]))
    done = run("restore", home, file)
    assert done.returncode in (2, 6)
    assert "Traceback" not in done.stderr
    assert {path.name for path in home.iterdir()} <= {"lock"}


@pytest.mark.parametrize("where", ["nowhere/x.tar", "."])
def test_a_backup_that_cannot_be_written_is_told(tmp_path, where):
    done = run("backup", tmp_path / "home", tmp_path / where)
    assert done.returncode == 2
    assert "Name a" in done.stderr


def test_a_backup_that_breaks_off_leaves_the_one_before(tmp_path):
    file = tmp_path / "x.tar"
    file.write_bytes(b"the one before")
    with socket.create_server(("127.0.0.1", 0)) as listener, Home(tmp_path / "home") as held:
        held.announce(f"http://127.0.0.1:{listener.getsockname()[1]}", "token")
        breaking = threading.Thread(target=break_off, args=[listener])
        breaking.start()
        done = run("backup", tmp_path / "home", file)
        breaking.join()
    assert (done.returncode, done.stderr) == (1, "mecum: The server broke off in the middle of its answer.\n")
    assert file.read_bytes() == b"the one before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "x.tar"]


def break_off(listener: socket.socket) -> None:
    """Serve one connection with half an answer."""
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf of it")
