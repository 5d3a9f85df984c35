"""`mecum documents`, `search`, `show`, `remove`, `forget` and `verify`: against a running server, and some without one."""

import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.inside import mecum
from tests.cli.inside_library import ENVIRON
from tests.cli.typist import at_terminal
from tests.clients.server import serving

from mecum.cli.show import write_file
from mecum.cli.terminal import confirmed
from mecum.errors import InvalidRequest

MAIL = "From a@x Mon Jan  1 00:00:00 2024\nMessage-ID: <{0}@x>\nSubject: Mail {0}\n\nMail {0} tells of boats.\n\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data directory of a running server."""
    home = tmp_path_factory.mktemp("home")
    with serving(home, "--demo", env=ENVIRON):
        yield home


@pytest.fixture(scope="module")
def folder(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose files are in the library."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "boats.md").write_text("# Boats\n\n## Crew\n\nAnna steers the red boat, and nobody walks.\n")
    (folder / "pay.txt").write_text("Invoices are paid on Friday.")
    (folder / "evil.md").write_text("# Evil \x1b]0;title\x07\n\nThe password \x1b[31mturns red\x1b[0m here.")
    (folder / "bad.pdf").write_bytes(b"%PDF-1.4 broken")
    (folder / "old.mbox").write_text(MAIL.format(0) + MAIL.format(1))
    assert run("add", home, folder).returncode == 1
    return folder


def run(command: str, home: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return mecum(command, "--home", home, *arguments, **ENVIRON)


def documents(home: Path, *arguments: object) -> dict[str, dict]:
    found = json.loads(run("documents", home, "--json", *arguments).stdout)["documents"]
    return {Path(document["path"]).name: document for document in found}


# documents


def test_documents_are_listed_with_what_is_wrong_and_the_totals(home, folder):
    done = run("documents", home, "--path", folder)
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["state", "kind", "size", "passages", "path,", "id"]
    (boats,) = (line.split() for line in lines if str(folder / "boats.md") in line)
    assert boats[:5] == ["ready", "markdown", "62", "B", "1"]
    at = next(number for number, line in enumerate(lines) if line.startswith("failed"))
    assert lines[at + 1].strip().startswith("damaged: The PDF is damaged.")
    assert "listed 7. The library: " in done.stderr
    assert "1 failed" in done.stderr


def test_filters_and_json(home, folder):
    assert set(documents(home, "--path", folder)) == {
        *("bad.pdf", "boats.md", "evil.md", "old.mbox", "old.mbox#0@x", "old.mbox#1@x", "pay.txt")
    }
    assert set(documents(home, "--path", folder, "--kind", "text", "--kind", "markdown")) == {
        "boats.md",
        "evil.md",
        "pay.txt",
    }
    assert set(documents(home, "--state", "failed", "--path", folder)) == {"bad.pdf"}
    assert documents(home, "--collection", "none") == {}
    assert "none of 7 documents is like that" in run("documents", home, "--collection", "none").stderr
    done = run("documents", home, "--state", "lost")
    assert (done.returncode, "state must be" in done.stderr) == (2, True)


def test_a_library_without_documents_says_how_to_add_some(tmp_path):
    done = run("documents", tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("mecum: there are no documents yet. mecum add ")


# search


def test_a_search_shows_score_place_and_words(home, folder):
    done = run("search", home, "who", "steers", "the boat?", "--path", folder)
    first, where, text = done.stdout.splitlines()[:3]
    assert re.match(r"1\. [01]\.\d\d  Boats, § ", first)
    assert where.split()[0] == str(folder / "boats.md")
    assert "Anna steers the red boat" in text
    assert (done.returncode, done.stderr) == (0, "")


def test_the_words_stand_out_on_a_terminal_and_no_text_steers_it(home, folder):
    with at_terminal("search", "--home", str(home), "steering password", "--min-score", "0", **ENVIRON) as typist:
        assert typist.ended() == 0
    assert b"\x1b[1;33msteers\x1b[0m" in typist.raw
    assert "turns red" in typist.seen
    assert b"\x1b[31m" not in typist.raw
    assert b"\x07" not in typist.raw


def test_search_says_when_there_is_nothing_and_when_it_was_by_keywords(home, folder, tmp_path):
    done = run("search", home, "zebra quantum chromodynamics", "--mode", "keyword")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("mecum: nothing in your documents answers this.")
    (tmp_path / "a.md").write_text("The red boat.")
    plain = {"MECUM_LIBRARY_EMBEDDER": "none"}
    assert mecum("add", "--home", tmp_path / "home", tmp_path / "a.md", **plain).returncode == 0
    done = mecum("search", "--home", tmp_path / "home", "red boat", **plain)
    assert "The red boat." in done.stdout
    assert done.stderr == "mecum: searched by keywords: There is no embedder.\n"


def test_search_takes_filters_and_gives_json(home, folder):
    done = run("search", home, "boats", "--json", "-k", 3, "--kind", "email", "--min-score", 0, "--since", "2000-01-01")
    told = json.loads(done.stdout)
    assert {hit["kind"] for hit in told["hits"]} <= {"email"}
    assert told["retrieval"]["mode"] in ("hybrid", "keyword")
    assert json.loads(run("search", home, "boats", "--json", "--until", "1990-01-01").stdout)["hits"] == []
    assert run("search", home, "boats", "--since", "soon").returncode == 2
    assert run("search", home, " ").returncode == 2


# show


def test_a_document_is_shown_by_its_path_or_id(home, folder):
    by_path = run("show", home, folder / "boats.md")
    facts = dict(line.split(maxsplit=1) for line in by_path.stdout.splitlines()[:8])
    assert (facts["path"], facts["title"]) == (str(folder / "boats.md"), "Boats")
    assert (facts["state"], facts["size"]) == ("ready", "62 B")
    assert "Anna steers the red boat" in by_path.stdout
    assert run("show", home, facts["id"]).stdout == by_path.stdout
    told = json.loads(run("show", home, facts["id"], "--json").stdout)
    assert (told["document"]["id"], len(told["passages"])) == (facts["id"], 1)


def test_one_passage_is_shown(home, folder):
    done = run("show", home, folder / "pay.txt", "--passage", 0)
    assert done.stdout.strip().splitlines() == ["[0] line 1", "Invoices are paid on Friday."]
    assert run("show", home, folder / "pay.txt", "--passage", 1).returncode == 2


def test_the_file_is_written_as_it_was_added(home, folder, monkeypatch):
    out = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "stdout", out)
    write_file(str(folder / "bad.pdf"), {"home": home}, None)
    assert out.buffer.getvalue() == b"%PDF-1.4 broken"  # type: ignore[attr-defined]


def test_a_file_is_not_for_a_terminal(home, folder, monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdout", terminal)
    with pytest.raises(InvalidRequest, match="may steer a terminal"):
        write_file(str(folder / "evil.md"), {"home": home}, None)
    assert terminal.getvalue() == ""


def test_the_parts_of_a_container_are_listed_and_shown(home, folder):
    assert "Mail 0" in run("show", home, folder / "old.mbox").stdout
    assert "Mail 1 tells" in run("show", home, documents(home)["old.mbox#1@x"]["id"]).stdout


def test_a_name_is_found_in_either_spelling_of_its_accents(home, tmp_path):
    """macOS stores the accent behind the letter, a keyboard types both in one."""
    (tmp_path / "Mu\u0308ller.md").write_text("Müller pays on Monday.")
    assert run("add", home, tmp_path).returncode == 0
    typed = tmp_path / "M\u00fcller.md"
    assert "pays on Monday" in run("show", home, typed).stdout
    assert run("remove", home, typed).stdout.startswith("1 document removed.")


def test_what_is_not_there_is_told(home):
    for command in ("show", "remove"):
        done = run(command, home, "nope.md")
        assert (done.returncode, done.stderr) == (2, "mecum: There is no document 'nope.md'. mecum documents lists them.\n")


# remove


def test_files_folders_and_ids_are_removed_and_the_files_stay(home, tmp_path):
    names = ["a.md", "b.md", "sub/c.md", "sub/d.md", "sub2/e.md"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert run("add", home, tmp_path).returncode == 0
    done = run("remove", home, documents(home, "--path", tmp_path)["a.md"]["id"], tmp_path / "b.md", tmp_path / "sub")
    assert done.stdout == "4 documents removed. Your own files are as they were.\n"
    assert set(documents(home, "--path", tmp_path)) == {"e.md"}
    assert all((tmp_path / name).exists() for name in names)
    (tmp_path / "sub2" / "e.md").unlink()
    assert run("remove", home, tmp_path / "sub2" / "e.md").returncode == 0  # also when the file is gone


def test_one_wrong_name_removes_nothing(home, tmp_path):
    (tmp_path / "a.md").write_text("a")
    run("add", home, tmp_path)
    assert run("remove", home, tmp_path / "a.md", "nope").returncode == 2
    assert set(documents(home, "--path", tmp_path)) == {"a.md"}


def test_on_a_terminal_it_asks_before_more_than_one_goes(home, tmp_path):
    for name in ("a.md", "b.md"):
        (tmp_path / name).write_text(name)
    run("add", home, tmp_path)
    with at_terminal("remove", "--home", str(home), str(tmp_path), **ENVIRON) as typist:
        typist.see("Remove 2 documents from the library? Your files stay. [y/N] ")
        typist.say("")
        assert typist.ended() == 1
    assert len(documents(home, "--path", tmp_path)) == 2
    assert run("remove", home, tmp_path, "--yes").returncode == 0


@pytest.mark.parametrize(
    ("answer", "yes"), [("y\n", True), ("YES\n", True), ("\n", False), ("", False), ("no\n", False), ("yet\n", False)]
)
def test_nothing_but_yes_is_a_yes(monkeypatch, capsys, answer, yes):
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    assert confirmed("Sure?") is yes
    assert capsys.readouterr().err == "Sure? [y/N] "


# verify and forget


def test_a_library_in_order_is_told(home, folder):
    done = run("verify", home)
    assert (done.returncode, done.stdout) == (0, "The library is in order.\n")
    assert json.loads(run("verify", home, "--json").stdout) == {"ok": True, "faults": []}


def test_a_library_that_is_damaged_ends_with_6(tmp_path):
    (tmp_path / "a.md").write_text("some text")
    run("add", tmp_path / "home", tmp_path / "a.md")
    (original,) = (tmp_path / "home").glob("files/??/*")
    original.unlink()
    done = run("verify", tmp_path / "home")
    assert done.returncode == 6
    assert "mecum restore" in done.stdout
    (tmp_path / "home" / "mecum.db").write_bytes(b"SQLite format 3\0 and nonsense")
    assert run("verify", tmp_path / "home").returncode == 6


def test_to_forget_takes_the_word_and_leaves_nothing(tmp_path):
    home = tmp_path / "home"
    (tmp_path / "a.md").write_text("the canary sings")
    run("add", home, tmp_path / "a.md")
    (home / "history").write_text("typed")
    assert run("forget", home).returncode == 2
    assert run("forget", home, "--all").returncode == 2
    assert len(documents(home)) == 1
    done = run("forget", home, "--all", "--yes")
    assert done.returncode == 0
    assert done.stdout.startswith("Forgotten: 1 document and what was typed in chats. What stays: your own files, ")
    assert documents(home) == {}
    assert not (home / "history").exists()
    assert not list(home.glob("files/??/*"))
    assert b"canary" not in (home / "mecum.db").read_bytes()
    assert (tmp_path / "a.md").exists()
