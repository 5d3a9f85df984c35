"""`mecum add` as people and scripts use it: with a server, without one, interrupted and killed in the middle."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli import commands
from tests.cli.inside import mecum
from tests.cli.inside_library import ENVIRON
from tests.cli.typist import at_terminal
from tests.clients.server import clean_environment, serving

from mecum.cli.added import Outcome, remarks, summary
from mecum.cli.adding import Adding, Wish
from mecum.cli.gather import Failed, Gathered

MANY = 100  # more than one request takes


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data directory of a running server."""
    home = tmp_path_factory.mktemp("home")
    with serving(home, "--demo", env=ENVIRON):
        yield home


def put(folder: Path, number: int, size: int = 300) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for n in range(number):
        (folder / f"{n:03}.md").write_text(f"# Note {n}\n\n{f'word{n} ' * (size // 8)}")
    return folder


def add(home: Path, *arguments: object, **environ: str) -> subprocess.CompletedProcess[str]:
    return timeless(mecum("add", "--home", home, *arguments, **ENVIRON | environ))


def timeless(done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    """Take out how long it took: that is for the machine to say."""
    done.stdout = re.sub(r" in (\d+ \w+ ?)+", "", done.stdout)
    return done


def listed(home: Path, folder: Path, **environ: str) -> list[dict]:
    done = mecum("documents", "--home", home, "--path", folder, "--json", **ENVIRON | environ)
    return json.loads(done.stdout)["documents"]


def kept(home: Path) -> int:
    """Return how many originals there are."""
    return len(list(home.glob("files/??/*")))


def begin(home: Path, folder: Path) -> subprocess.Popen[str]:
    """Start an adding, and wait until something more is in the library."""
    before = kept(home)
    process = subprocess.Popen(
        [*commands.MECUM, "add", "--home", str(home), str(folder)],
        env=clean_environment() | ENVIRON,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 # a job may run with it ignored
    )
    deadline = time.monotonic() + 30
    while kept(home) <= before:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return process


# With a server


def test_the_server_adds_and_the_same_again_adds_nothing(home, tmp_path):
    folder = put(tmp_path, 3)
    done = add(home, folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "3 files added: 3 passages.\n", "")
    assert {document["state"] for document in listed(home, folder)} == {"ready"}
    assert add(home, folder).stdout == "0 files added, 3 unchanged: 0 passages.\n"
    (folder / "001.md").write_text("changed")
    assert add(home, folder).stdout == "1 file added, 2 unchanged: 1 passage.\n"
    assert len(listed(home, folder)) == 3


def test_what_failed_stands_with_its_reason_and_the_rest_goes_in(home, tmp_path):
    put(tmp_path, 1)
    (tmp_path / "bad.pdf").write_bytes(b"%PDF-1.4 broken")
    (tmp_path / ".hidden").write_text("x")
    done = add(home, tmp_path, tmp_path / "nope")
    assert done.returncode == 1
    assert done.stdout == "1 file added, 2 failed: 1 passage.\n"
    lines = done.stderr.splitlines()
    assert lines[0] == f"{tmp_path / 'nope'}: not_found: There is no such file or folder."
    assert lines[1].startswith(f"{tmp_path / 'bad.pdf'}: damaged: ")
    assert lines[2].startswith("mecum: left out: 1 hidden. --all ")
    assert add(home, tmp_path).stdout == "0 files added, 1 unchanged, 1 failed: 0 passages.\n"  # it is tried again
    assert add(home, "--all", tmp_path).stdout == "1 file added, 1 unchanged, 1 failed: 1 passage.\n"


def test_json_is_for_programs(home, tmp_path):
    put(tmp_path, 1)
    (tmp_path / "bad.pdf").write_bytes(b"%PDF-1.4 broken")
    told = json.loads(add(home, "--json", tmp_path).stdout)
    assert (told["ok"], told["added"], told["unchanged"], told["passages"], told["skipped"]) == (False, 1, 0, 1, {})
    assert [(one["path"], one["code"]) for one in told["failed"]] == [(str(tmp_path / "bad.pdf"), "damaged")]
    assert {Path(one["path"]).name: one["state"] for one in told["documents"]} == {"000.md": "ready", "bad.pdf": "failed"}


def test_a_collection_has_its_own(home, tmp_path):
    folder = put(tmp_path, 1)
    add(home, folder)
    assert add(home, "--collection", "Work", folder).stdout == "1 file added: 1 passage.\n"
    assert sorted(document["collection"] for document in listed(home, folder)) == ["Work", "default"]


def test_what_is_piped_in_has_the_name_that_it_is_given(home):  # and a process does as the others do
    command = [*commands.MECUM, "add", "--home", str(home), "-"]
    environ = clean_environment() | ENVIRON
    done = subprocess.run(
        [*command, "--name", "piped.md"], input=b"# Piped\n\nin", env=environ, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"1 file added: 1 passage")
    (document,) = listed(home, Path("piped.md"))
    assert (document["path"], document["title"]) == ("piped.md", "Piped")
    assert mecum("add", "-", "--home", home).returncode == 2


def test_on_a_terminal_a_bar_shows_and_a_table_says_what_failed(home, tmp_path):
    put(tmp_path, 20)
    (tmp_path / "bad\x1b]0;evil\x07.pdf").write_bytes(b"%PDF-1.4 broken")
    (tmp_path / "worse.pdf").write_bytes(b"%PDF-1.4 broken")
    with at_terminal("add", "--home", str(home), str(tmp_path), **ENVIRON) as typist:
        table = typist.see("20 files added, 2 failed")
        assert typist.ended() == 1
    assert "of 22 files" in table
    assert "what to do" in table
    assert "The PDF is damaged." in table
    assert b"\x1b]0;evil" not in typist.raw


# Alone


def test_stopped_and_killed_in_the_middle_the_same_again_goes_on(tmp_path):
    home, folder = tmp_path / "home", put(tmp_path / "docs", MANY)
    process = begin(home, folder)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, "")
    assert err.startswith("mecum: stopped")
    assert err.count("\n") == 1
    process = begin(home, folder)
    process.kill()
    process.communicate()
    done = add(home, folder)
    assert done.returncode == 0, done.stderr
    documents = listed(home, folder)
    assert (len(documents), {document["state"] for document in documents}) == (MANY, {"ready"})
    assert mecum("verify", "--home", home, **ENVIRON).returncode == 0


def test_without_an_embedder_it_is_done_when_all_is_found_by_its_words(tmp_path):
    none = {"MECUM_LIBRARY_EMBEDDER": "none"}
    done = add(tmp_path / "home", put(tmp_path / "docs", 2), **none)
    assert (done.returncode, done.stdout) == (0, "2 files added: 2 passages.\n")
    assert done.stderr == "mecum: There is no embedder.\n"
    assert {document["state"] for document in listed(tmp_path / "home", tmp_path / "docs", **none)} == {"searchable"}
    home = tmp_path / "home"
    assert {path.name for path in home.iterdir()} - {"run"} == {"files", "lock", "mecum.db", "secret"}
    assert not list(home.glob("run/*"))
    assert (home / "mecum.db").stat().st_mode & 0o777 == 0o600


# What is said


def adding(*, files: int, stored: int, here: bool = True) -> Adding:
    """An adding in the middle of its work."""
    one = Adding(Wish(names=(), collection="default"), Gathered(), None)
    one._here = here
    one._tally.expect(files, 100 * files)
    one._tally.lose(stored)
    return one


@pytest.mark.parametrize(
    ("one", "stopped", "broken"),
    [
        (adding(files=0, stored=0), "stopped, before anything was sent.", ""),
        (adding(files=9, stored=0), "The same command again adds the others.", ""),
        (
            adding(files=9, stored=4),
            "4 of 9 files are in the library, and stay there. The same",
            "The same command again goes on.",
        ),
        (adding(files=9, stored=9), "or mecum serve, goes on with them.", "The same command again goes on."),
        (adding(files=9, stored=9, here=False), "The server goes on with them.", "The same command again goes on."),
    ],
)
def test_it_says_how_to_go_on(one, stopped, broken):
    assert stopped in one.stopped()
    assert one.broken().endswith(broken)


def outcome(*, states: tuple[str, ...] = (), here: bool = False, **more: object) -> Outcome:
    error = {"code": "c", "message": "Why. What to do."}
    documents = tuple({"path": "p", "state": state, "passages": 2, "error": error} for state in states)
    given = {"unchanged": 0, "not_sent": (), "skipped": {}, "embedder": {"state": "ready"}, "waited": True, "seconds": 0.1}
    return Outcome(documents=documents, here=here, **(given | more))


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (outcome(), "0 files added: 0 passages."),
        (outcome(states=("ready",), seconds=70), "1 file added: 2 passages in 1 min 10 s."),
        (
            outcome(states=("ready", "no_text", "failed"), unchanged=2),
            "1 file added, 2 unchanged, 1 without text, 1 failed: 6 passages.",
        ),
        (outcome(not_sent=(Failed("a", "c", "m"),)), "0 files added, 1 failed: 0 passages."),
    ],
)
def test_one_sentence_says_what_was_done(told, said):
    assert summary(told) == said


@pytest.mark.parametrize(("here", "who"), [(True, "The next mecum command"), (False, "The server")])
def test_who_makes_the_vectors_is_said_where_nobody_waited_for_them(here, who):
    (said,) = remarks(outcome(states=("searchable",), waited=False, here=here))
    assert who in said
    assert remarks(outcome(states=("ready",), waited=False)) == []
