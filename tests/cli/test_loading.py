"""A person watches a model load: at a terminal, and a script that waits for it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.commands import mecum
from tests.cli.typist import at_terminal
from tests.clients.server import serving
from tests.engine.fakes import fake_home

from mecum.cli import words
from mecum.cli.loading import bar
from mecum.cli.loads import now

SETTINGS = {"MECUM_LIBRARY_EMBEDDER": "none", "MECUM_ENGINE_CONTEXT": "512"}


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A server that runs on it, with models that load at once, after a second, and never."""
    with fake_home("a", "slow-d", "dead-e") as home:
        home.chmod(0o700)
        engine = {"MECUM_ENGINE_BINARY": str(home / "llama-server"), "MECUM_ENGINE_MODEL": "a"}
        with serving(home, env=SETTINGS | engine):
            yield home


def unload(home: Path) -> None:
    assert mecum("models", "unload", "slow-d", MECUM_HOME=str(home)).stdout == "slow-d: unloaded\n"


def test_a_person_sees_a_bar_until_it_is_loaded(home: Path) -> None:
    unload(home)
    with at_terminal("models", "load", "slow-d", MECUM_HOME=str(home)) as terminal:
        terminal.see("slow-d: loading, ")
        terminal.see(" %, ")
        terminal.see("slow-d: loaded (up to ")
        assert terminal.ended() == 0


def test_a_script_waits_for_it_without_a_word(home: Path) -> None:
    unload(home)
    done = mecum("models", "load", "slow-d", MECUM_HOME=str(home))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("slow-d: loaded (up to ")
    assert mecum("models", "load", "slow-d", MECUM_HOME=str(home)).stdout == done.stdout, "it is"


def test_who_does_not_wait_is_told_how_far_it_is_by_the_other_commands(home: Path) -> None:
    unload(home)
    assert mecum("models", "load", "slow-d", "--no-wait", MECUM_HOME=str(home)).stdout.startswith("slow-d: loading (up to ")
    assert "slow-d, load" in mecum("status", MECUM_HOME=str(home)).stdout


def test_ctrl_c_ends_the_watching_and_not_the_loading(home: Path) -> None:
    unload(home)
    with at_terminal("models", "load", "slow-d", MECUM_HOME=str(home)) as terminal:
        terminal.see("slow-d: loading, ")
        terminal.type("\x03")
        terminal.see("slow-d goes on loading; mecum status tells how far it is.")
        assert terminal.ended() == 130
    done = mecum("models", "load", "slow-d", MECUM_HOME=str(home))
    assert done.stdout.startswith("slow-d: loaded")


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "script"])
def test_one_that_cannot_be_loaded_says_why(home: Path, *, terminal: bool) -> None:
    why = "error: this model is made of cheese"
    if terminal:
        with at_terminal("models", "load", "dead-e", MECUM_HOME=str(home)) as typist:
            typist.see("dead-e is not loaded. ")
            typist.see("this model is made of cheese")
            assert typist.ended() == 5
    else:
        done = mecum("models", "load", "dead-e", MECUM_HOME=str(home))
        assert (done.returncode, done.stdout, why in done.stderr) == (5, "", True)


def test_a_server_that_starts_shows_it() -> None:
    with fake_home("slow-d") as home:
        home.chmod(0o700)
        engine = {"MECUM_ENGINE_BINARY": str(home / "llama-server"), "MECUM_ENGINE_MODEL": "slow-d"}
        environ = SETTINGS | engine | {"MECUM_HOME": str(home), "MECUM_SERVER_PORT": "0"}
        with at_terminal("serve", **environ) as terminal:
            terminal.see("Ctrl-C")
            terminal.see("slow-d: loading, ")
            terminal.see("ready model=slow-d")
            before, _, _ = terminal.raw.partition(b" info    mecum.app.server: ready")
            assert before[:-29].endswith((b"\r\x1b[2K", b"\n")), "the log has lines of its own"
            terminal.type("\x03")
            assert terminal.ended() == 0


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"progress": 0.404, "loading_seconds": 3.2, "reason": None}, "loading, 40 %, 3 s"),
        ({"progress": None, "loading_seconds": 61.0, "reason": None}, "loading, 1 min 1 s"),
        ({"progress": None, "loading_seconds": None, "reason": "It waits for room in memory."},
         "loading: It waits for room in memory."),
    ],
)  # fmt: skip
def test_how_far_it_is_in_words(told: dict[str, object], said: str) -> None:
    assert words.loading(told) == said
    assert now({"state": "loading", **told}) == said


def test_where_nobody_looks_nothing_is_drawn() -> None:
    stream = io.StringIO()
    with bar(stream) as draw:
        draw({"id": "x", "progress": 0.5, "loading_seconds": 1.0, "reason": None})
    assert stream.getvalue() == ""
