import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path

import pytest
from tests.cli.commands import MECUM, mecum
from tests.clients.server import Server, clean_environment, serving
from tests.engine.waiting import wait_gone

from mecum.app.home import Home, is_held, running

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


@contextmanager
def stream(server: Server, script: str) -> Iterator[HTTPResponse]:
    """Have an answer run for the block, begun."""
    body = json.dumps({"messages": [{"role": "user", "content": script}]}).encode()
    request = urllib.request.Request(f"{server.url}/api/kernel2/chat", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        response.readline()
        yield response


@contextmanager
def cut_off(home: Path) -> Iterator[Server]:
    """Run a server that a second signal is to end."""
    with pytest.raises(AssertionError, match="code 143"), serving(home, "--demo") as server:
        yield server


@contextmanager
def another_process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(SLEEPER) as process:
        try:
            yield process
        finally:
            process.kill()


def announced(pid: int) -> str:
    """Return run.json as a server with that process id writes it."""
    return json.dumps({"pid": pid, "url": "http://127.0.0.1:9", "token": "t", "started": 0})


def test_where_none_runs_it_says_so_and_makes_nothing(tmp_path):
    home = tmp_path / "nowhere"
    done = mecum("stop", "--home", home)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"No mecum server runs on {home}. There is nothing to stop.\n"
    assert not home.exists()


def test_it_stops_the_server_and_waits_for_its_end(tmp_path):
    with serving(tmp_path, "--demo") as server:
        done = mecum("stop", "--home", tmp_path)
        assert not is_held(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"The mecum server with process id {server.pid} has stopped.\n"
    assert running(tmp_path) is None


def test_running_answers_end_first(tmp_path):
    with serving(tmp_path, "--demo") as server, stream(server, "!pause 0.1\n!words 80") as answer:
        done = mecum("stop", "--home", tmp_path)
        assert (done.returncode, is_held(tmp_path)) == (0, False)
        assert done.stderr == "mecum: the server waits for 1 running answer; mecum stop --now cuts them off.\n"
        assert b"[DONE]" in answer.read()


def test_asked_twice_it_still_lets_them_end(tmp_path):
    with serving(tmp_path, "--demo") as server, stream(server, "!pause 0.1\n!words 80") as answer:
        os.kill(server.pid, signal.SIGTERM)
        assert mecum("stop", "--home", tmp_path).returncode == 0
        assert b"[DONE]" in answer.read()


def test_now_cuts_them_off(tmp_path):
    with cut_off(tmp_path) as server, stream(server, "!say begun\n!wait 60"):
        began = time.monotonic()
        done = mecum("stop", "--now", "--home", tmp_path)
        assert time.monotonic() - began < 10
        assert (done.returncode, done.stderr) == (0, "")
        assert not is_held(tmp_path)


def test_now_ends_a_stop_that_waits(tmp_path):
    with cut_off(tmp_path) as server, stream(server, "!say begun\n!wait 60"):
        waits = subprocess.Popen(
            [*MECUM, "stop", "--home", str(tmp_path)], env=clean_environment(), stderr=subprocess.PIPE, text=True
        )
        with waits:
            assert waits.stderr is not None
            assert "waits for 1 running answer" in waits.stderr.readline()
            assert mecum("stop", "--now", "--home", tmp_path).returncode == 0
            assert waits.wait(10) == 0


def test_ctrl_c_ends_the_waiting_and_not_the_drain(tmp_path):
    with serving(tmp_path, "--demo") as server, stream(server, "!pause 0.2\n!words 20") as answer:
        with subprocess.Popen(
            [*MECUM, "stop", "--home", str(tmp_path)],
            env=clean_environment(),
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509 # may be ignored
        ) as waits:
            assert waits.stderr is not None
            assert waits.stderr.readline()
            waits.send_signal(signal.SIGINT)
            assert waits.wait(10) == 130
        assert is_held(tmp_path)
        assert b"[DONE]" in answer.read()
        wait_gone(server.pid)


def test_a_process_that_only_has_the_servers_old_number_is_left_alone(tmp_path):
    with another_process() as process:
        (tmp_path / "lock").touch()
        (tmp_path / "run.json").write_text(announced(process.pid))
        done = mecum("stop", "--home", tmp_path)
        assert done.returncode == 0
        assert "There is nothing to stop." in done.stdout
        assert process.poll() is None


def test_a_process_that_does_not_hold_the_lock_is_left_alone(tmp_path):
    with another_process() as process, Home(tmp_path):
        (tmp_path / "run.json").write_text(announced(process.pid))
        done = mecum("stop", "--home", tmp_path)
        assert done.returncode == 1
        assert done.stdout == ""
        assert f"is not the process {process.pid} of this machine" in done.stderr
        assert process.poll() is None
