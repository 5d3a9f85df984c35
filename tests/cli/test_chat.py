"""`mecum chat` as a person uses it: typed on a real terminal, with a running server and without one."""

import json
import signal
import stat
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.cli.typist import Typist, at_terminal
from tests.clients.server import Server, clean_environment, is_idle, serving

from mecum.app.home import is_held
from mecum.cli.slash import COMMANDS

ALT_ENTER, UP, CTRL_C, CTRL_D = "\x1b\r", "\x1b[A", "\x03", "\x04"
DEMO = {"MECUM_ENGINE_SCRIPTED": "1"}
ENDLESS = "\x1b[200~!say begun\n!wait 60\x1b[201~"
LIBRARY = {"mecum.db", "files", "secret"}  # in the data directory


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    with serving(home, "--demo") as server:
        yield server


@pytest.fixture
def chat(server: Server, home: Path) -> Iterator[Typist]:
    """A chat with the server, at its first prompt. It ends in order, and leaves the terminal as it was."""
    with at_terminal("chat", "--home", str(home)) as chat:
        before = termios.tcgetattr(chat.terminal)
        assert f"scripted, in the server at {server.url}" in chat.prompt()
        yield chat
        chat.type(CTRL_D)
        assert chat.ended() == 0
        assert termios.tcgetattr(chat.terminal) == before
    assert is_idle(server)


def saved(chat: Typist, file: Path) -> list[str]:
    chat.say(f"/save {file}")
    chat.see("Saved in ")
    chat.prompt()
    return [message["content"] for message in json.loads(file.read_text())]


# Asking


def test_a_conversation_goes_on(chat, tmp_path):
    chat.say("Hi")
    chat.see("You said: Hi\n")
    chat.prompt()
    chat.say("And you?")
    chat.see("You said: And you?\n")
    chat.prompt()
    assert saved(chat, tmp_path / "x.json") == ["Hi", "You said: Hi", "And you?", "You said: And you?"]
    assert stat.S_IMODE((tmp_path / "x.json").stat().st_mode) == 0o600


def test_several_lines_in_every_way(chat):
    for typed in (f"one{ALT_ENTER}two\r", "one\\\rtwo\r", '"""\rone\rtwo\r"""\r', "\x1b[200~one\r\ntwo\x1b[201~\r"):
        chat.type(typed)
        chat.see("You said: one\ntwo\n")
        chat.prompt()


def test_what_no_longer_fits_is_left_out_and_said(chat):
    for _ in range(4):
        chat.say("!words 1990")
        chat.see("word1990\n")
        assert "left out" not in chat.prompt()
    chat.say("Hi")
    chat.see("You said: Hi\n")
    chat.see("mecum: the oldest 2 messages no longer fit the model's context and were left out.\n")


def test_the_model_cannot_steer_the_terminal(chat):
    chat.say("\x1b[200~!chars a\x1b]0;evil\x07b\x1b[201~")
    chat.see("a]0;evilb\n")
    assert b"\x1b]0;" not in chat.raw


# Stopping


def test_ctrl_c_ends_the_answer_and_not_the_program(chat, server, tmp_path):
    chat.say(ENDLESS)
    chat.see("\nbegun")
    chat.type(CTRL_C)
    chat.see("\nmecum: stopped. /retry asks again.\n")
    chat.prompt()
    assert is_idle(server)
    chat.say("Hi")
    chat.see("You said: Hi\n")
    chat.prompt()
    assert saved(chat, tmp_path / "x.json") == ["!say begun\n!wait 60", "begun", "Hi", "You said: Hi"]


def test_ctrl_c_at_the_prompt_empties_it_and_then_hints(chat):
    chat.type("not this")
    chat.see("not this")
    chat.type(CTRL_C)
    chat.say("this")
    chat.see("You said: this\n")
    chat.prompt()
    chat.type(CTRL_C)
    chat.see("mecum: Ctrl-D or /exit ends the chat.\n")


def test_what_is_typed_ahead_is_the_next_question_and_stays_out_of_the_answer(chat):
    chat.say("\x1b[200~!pause 0.2\n!words 5\x1b[201~")
    chat.see("\nword1")
    chat.say("next")
    assert "next" not in chat.see("word5\n")
    chat.see("You said: next\n")


def test_a_signal_ends_it_in_order(server, home):
    with at_terminal("chat", "--home", str(home)) as chat:
        before = termios.tcgetattr(chat.terminal)
        chat.prompt()
        chat.say(ENDLESS)
        chat.see("\nbegun")
        chat.process.send_signal(signal.SIGTERM)
        assert chat.ended() == 128 + signal.SIGTERM
        assert termios.tcgetattr(chat.terminal) == before
        assert "Traceback" not in chat.seen
    assert is_idle(server)


# What goes wrong


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("!refuse 502", "mecum: The scripted engine"),
        ("\x1b[200~!say part\n!break\x1b[201~", "part\nmecum: The scripted engine"),
    ],
)
def test_an_error_is_one_line_and_the_conversation_goes_on(chat, tmp_path, typed, said):
    chat.say(typed)
    chat.see(said)
    assert chat.prompt().count("\n") == 1
    chat.say("Hi")
    chat.see("You said: Hi\n")
    chat.prompt()
    assert saved(chat, tmp_path / "x.json") == ["Hi", "You said: Hi"]


def test_a_server_that_is_started_anew_is_found(tmp_path):
    first = ExitStack()
    server = first.enter_context(serving(tmp_path, "--demo"))  # before the chat, which would take the home for itself
    with first, at_terminal("chat", "--home", str(tmp_path)) as chat:
        assert server.url in chat.prompt()
        first.close()
        chat.say("Hi")
        chat.see(f"mecum: The mecum server with process id {server.pid} does not answer at {server.url}.\n")
        chat.prompt()
        with serving(tmp_path, "--demo"):
            chat.say("/retry")
            chat.see("You said: Hi\n")


# Commands


def test_commands(chat, tmp_path):
    for typed, said in [
        ("/system Be brief.", "The model is told this before every question.\n"),
        ("/model", "* scripted\n"),
        ("/model scripted", "scripted answers from now on.\n"),
        ("/model gpt-9", "mecum: There is no model gpt-9 here, only scripted.\n"),
        ("/docs off", "Your documents are left alone.\n"),
        ("/docs maybe", "mecum: Write it like this: /docs on, or /docs off.\n"),
        ("/retry", "mecum: There is nothing to ask again yet.\n"),
        (f"/save {tmp_path}/x.json", "mecum: There is nothing to save yet.\n"),
        ("/role nobody", "The role is nobody.\n"),
        ("Hi", "mecum: There is no active role"),
        ("/role", "No role.\n"),
        ("/retry", "You said: Hi\n"),
        (f"/save {tmp_path}", f"mecum: {tmp_path} is there already. Name another file.\n"),
        ("/save", "mecum: Write it like this: /save FILE.\n"),
        ("/sav x", "mecum: There is no command /sav. Did you mean /save?"),
        (" /new", "You said:  /new\n"),
    ]:
        chat.say(typed)
        chat.see(said)
        chat.prompt()
    assert saved(chat, tmp_path / "x.json") == ["Be brief.", "Hi", "You said: Hi", " /new", "You said:  /new"]
    chat.say("/new")
    chat.see("A new conversation.")
    chat.say("/retry")
    chat.see("There is nothing to ask again yet.")


def test_help_has_every_command_and_exit_ends(server, home):
    with at_terminal("chat", "--home", str(home)) as chat:
        chat.prompt()
        chat.say("/help")
        for name, (usage, what) in COMMANDS.items():
            chat.see(f"{name} {usage}".rstrip())
            chat.see(what)
        chat.prompt()
        chat.say("/exit")
        assert chat.ended() == 0


# Alone, and what stays


def test_without_a_server_it_answers_itself_and_keeps_what_was_typed(tmp_path):
    with at_terminal("chat", "--home", str(tmp_path), **DEMO) as chat:
        assert "scripted, in this process, because no server runs" in chat.prompt()
        assert is_held(tmp_path)
        chat.say(ENDLESS)
        chat.see("\nbegun")
        chat.type(CTRL_C)
        chat.see("stopped")
        chat.prompt()
        chat.say("Hi")
        chat.see("You said: Hi\n")
        chat.prompt()
        chat.type(CTRL_D)
        assert chat.ended() == 0
    assert not is_held(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == LIBRARY | {"lock", "history"}
    assert stat.S_IMODE((tmp_path / "history").stat().st_mode) == 0o600
    with at_terminal("chat", "--home", str(tmp_path), **DEMO) as chat:
        chat.prompt()
        chat.say(UP)
        chat.see("You said: Hi\n")


def test_history_can_be_left_out(tmp_path):
    with at_terminal("chat", "--home", str(tmp_path), "--no-history", **DEMO) as chat:
        chat.prompt()
        chat.say("secret")
        chat.see("You said: secret\n")
        chat.prompt()
        chat.type(CTRL_D)
        assert chat.ended() == 0
    assert {file.name for file in tmp_path.iterdir()} == LIBRARY | {"lock"}


def test_a_model_that_is_not_there_ends_it_with_5(tmp_path):
    with at_terminal("chat", "--home", str(tmp_path), "--model", "nope.gguf") as chat:
        assert chat.ended() == 5
        assert "mecum: There is no model file nope.gguf" in chat.seen


def test_without_a_terminal_it_says_what_to_do(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mecum", "chat", "--home", str(tmp_path)],
        env=clean_environment() | DEMO,
        input="Hi",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "mecum: mecum chat needs a terminal to type in. In a pipe: mecum ask.\n"
    assert not list(tmp_path.iterdir())
