"""`mecum ask` as people and pipes use it: real processes, with a running server and without one."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import psutil
import pytest
from tests.cli import inside
from tests.cli.inside_library import ENVIRON
from tests.clients.server import Server, clean_environment, serving

from mecum.app.home import running

MECUM = [sys.executable, "-m", "mecum"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    with serving(home, "--demo") as server:
        yield server


def ask(home: Path, *arguments: str, stdin: str | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    given = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
    return subprocess.run(
        [*MECUM, "ask", "--home", str(home), *arguments],
        env=clean_environment() | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **given,
    )


def begin(home: Path, question: str, **environ: str) -> subprocess.Popen[str]:
    """Start a question whose answer begins with "begun", and wait for that word."""
    process = subprocess.Popen(
        [*MECUM, "ask", "--home", str(home), question],
        env=clean_environment() | environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 # a job may run with it ignored
    )
    assert process.stdout is not None
    assert process.stdout.read(5) == "begun"
    return process


def working(server: Server) -> int:
    with urllib.request.urlopen(f"{server.url}/api/kernel2/health", timeout=10) as response:
        return json.load(response)["data"]["queue"]["working"]


# With a server


def test_the_answer_goes_to_stdout_and_nothing_else_does(server, home):
    done = ask(home, "What", "is", "it?")
    assert (done.returncode, done.stdout, done.stderr) == (0, "You said: What is it?\n", "")


def test_the_running_server_answers(server, home):
    before = server.log.read_text().count("POST /api/kernel2/chat")
    ask(home, "Hi")
    assert server.log.read_text().count("POST /api/kernel2/chat") == before + 1
    assert running(home)


@pytest.mark.parametrize(
    ("arguments", "stdin", "answer"),
    [
        (["Sum up:"], "one\ntwo\n", "You said: Sum up:\n\n```\none\ntwo\n```\n"),
        ([], "all of it\n", "You said: all of it\n"),
        (["Hi"], "", "You said: Hi\n"),
        (["--no-stream", "Hi"], None, "You said: Hi\n"),
        (["!say a line\\n"], None, "a line\n"),
    ],
)
def test_questions_and_pipes(server, home, arguments, stdin, answer):
    assert ask(home, *arguments, stdin=stdin).stdout == answer


def test_nothing_to_ask_is_wrong_usage(home):
    done = ask(home)
    assert (done.returncode, done.stdout) == (2, "")
    assert 'mecum ask "…"' in done.stderr


def test_what_is_piped_in_has_a_limit(home):
    done = ask(home, "Sum up", stdin="x" * 2000, MECUM_SERVER_MAX_BODY_MB="0.0009765625")
    assert done.returncode == 2
    assert "larger than 1024 bytes" in done.stderr


def test_an_answer_cut_short_is_said_on_stderr(server, home):
    done = ask(home, "!words 5", "--max-tokens", "2")
    assert (done.returncode, done.stdout) == (0, "word1 word2\n")
    assert "--max-tokens" in done.stderr


def test_a_model_that_is_not_there_is_said_on_stderr(server, home):
    done = ask(home, "Hi", "--model", "gpt-9")
    assert (done.returncode, done.stdout) == (0, "You said: Hi\n")
    assert done.stderr == "mecum: there is no model gpt-9; scripted answered.\n"


def test_an_unknown_role_is_wrong_usage(server, home):
    done = ask(home, "Hi", "--role", "nobody")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("mecum: ")


@pytest.mark.parametrize(("script", "said"), [("!say part\n!break", "part"), ("!refuse 502", ""), ("!refuse 503", "")])
def test_an_engine_at_fault_ends_with_5(server, home, script, said):
    done = ask(home, script)
    assert (done.returncode, done.stdout) == (5, said)
    assert done.stderr.startswith("mecum: The scripted engine")
    assert done.stderr.count("\n") == 1


def test_ctrl_c_ends_the_answer_on_the_server_too(server, home):
    process = begin(home, "!say begun\n!wait 60")
    assert working(server) == 1
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    assert process.communicate()[1] == ""
    deadline = time.monotonic() + 5
    while working(server) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert working(server) == 0


def test_a_reader_that_leaves_is_no_failure_to_talk_about(server, home):
    shell = f"'{sys.executable}' -m mecum ask --home '{home}' '!pause 0.01\n!words 200' | head -c 5"
    done = subprocess.run(
        ["sh", "-c", shell], env=clean_environment(), stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == (b"word1", b"")


def test_a_server_that_was_killed_is_not_asked(tmp_path):
    with pytest.raises(AssertionError), serving(tmp_path, "--demo") as server:
        os.kill(server.pid, signal.SIGKILL)
    assert running(tmp_path)
    assert ask(tmp_path, "Hi", MECUM_ENGINE_SCRIPTED="1").stdout == "You said: Hi\n"


# Alone


def test_without_a_server_it_answers_itself_and_leaves_nothing(tmp_path):
    done = ask(tmp_path, "Sum up:", stdin="one", MECUM_ENGINE_SCRIPTED="1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "You said: Sum up:\n\n```\none\n```\n", "")
    assert {entry.name for entry in tmp_path.iterdir()} == {"lock", "mecum.db", "files", "secret"}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["Hi", "--role", "nobody"], 2, "no active role"),
        (["!say part\n!break"], 5, "broke off"),
        (["Hi", "--model", "gpt-9"], 0, "there is no model gpt-9; scripted answered."),
    ],
)
def test_alone_it_ends_as_with_a_server(tmp_path, arguments, code, words):
    done = ask(tmp_path, *arguments, MECUM_ENGINE_SCRIPTED="1")
    assert done.returncode == code
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_alone_a_model_that_is_not_there_ends_with_5(tmp_path):
    done = ask(tmp_path, "Hi", "--model", "nope.gguf")
    assert done.returncode == 5
    assert "nope.gguf" in done.stderr


def test_alone_ctrl_c_ends_it(tmp_path):
    process = begin(tmp_path, "!say begun\n!wait 60", MECUM_ENGINE_SCRIPTED="1")
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    assert process.communicate()[1] == ""
    assert ask(tmp_path, "Hi", MECUM_ENGINE_SCRIPTED="1").returncode == 0


@pytest.mark.real_model
def test_alone_the_starter_model_answers_and_no_process_stays(tmp_path):
    done = ask(tmp_path, "Say hello.", "--max-tokens", "8")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    engines = [process for process in psutil.process_iter(["cmdline"]) if str(tmp_path) in str(process.info["cmdline"])]
    assert not engines


# Documents


@pytest.mark.parametrize("alone", [False, True])
def test_documents_are_looked_into_if_there_are_any(tmp_path, alone):
    def ask(*arguments: str) -> subprocess.CompletedProcess[str]:
        return inside.mecum("ask", "--home", home, *arguments, **ENVIRON)

    home, note = tmp_path / "home", tmp_path / "boats.md"
    note.write_text("# Boats\n\n## Crew\n\nAnna steers the red boat.")
    with nullcontext() if alone else serving(home, "--demo", env=ENVIRON) as server:
        assert ask("Who steers the red boat?").stderr == ""
        assert inside.mecum("add", "--home", home, note, **ENVIRON).returncode == 0
        done = ask("Who steers the red boat?")
        assert "Anna steers the red boat." in done.stdout  # the script says what it was asked, with the passages
        lines = done.stderr.splitlines()
        assert lines[0].startswith("[1] Boats")
        assert lines[0].endswith(f"({note})")
        if server:
            assert lines[1].startswith(f"    {server.url}/#/d/")
        assert len(lines) == 2 - alone
        done = ask("Who steers the red boat?", "--no-docs")
        assert (done.stdout, done.stderr) == ("You said: Who steers the red boat?\n", "")
        done = ask("zebra quantum chromodynamics", "--docs")
        assert done.stderr == "mecum: your documents hold nothing on this; what the answer says comes from the model.\n"
