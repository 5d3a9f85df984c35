import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.commands import mecum
from tests.cli.inside_library import ENVIRON
from tests.clients.server import Server, serving

from mecum.app.home import Home, running
from mecum.cli.status import rows


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    with serving(home, "--demo", env=ENVIRON) as server:
        yield server


def lines(text: str) -> dict[str, str]:
    return {line.split()[0]: line.split(maxsplit=1)[1] for line in text.splitlines()}


def test_a_running_server_is_told_line_by_line(server, home):
    done = mecum("status", "--home", home)
    assert (done.returncode, done.stderr) == (0, "")
    told = lines(done.stdout)
    assert told["state"] == "ready"
    assert told["address"] == server.url
    assert told["process"].startswith(f"{server.pid}, for ")
    assert told["model"] == "scripted, context of 8,192 tokens, 4 at once"
    assert told["engine"] == "scripted (scripted), restarted never"
    assert told["queue"] == "0 at work, 0 waiting"
    assert told["library"] == "no documents yet"
    assert told["embedder"] == "scripted, ready"
    assert told["data"] == str(home)


def test_json_is_for_programs_and_keeps_the_token(server, home):
    done = mecum("status", "--json", "--home", home)
    told = json.loads(done.stdout)
    assert done.returncode == 0
    assert (told["running"], told["pid"], told["url"], told["home"]) == (True, server.pid, server.url, str(home))
    assert told["health"]["status"] == "ok"
    assert (told["library"]["passages"], told["library"]["embedder"]["state"]) == (0, "ready")
    found = running(home)
    assert found
    assert found.token not in done.stdout


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_where_none_runs_it_says_so_and_makes_nothing(tmp_path, form):
    home = tmp_path / "nowhere"
    done = mecum("status", *form, "--home", home)
    assert (done.returncode, done.stderr) == (1, "")
    expected = f"No mecum server runs on {home}. Start one: mecum serve.\n"
    assert json.loads(done.stdout) == {"running": False, "home": str(home)} if form else done.stdout == expected
    assert not home.exists()


def test_what_a_killed_server_left_is_no_server_and_stays(tmp_path):
    with pytest.raises(AssertionError, match="code -9"), serving(tmp_path, "--demo") as server:
        os.kill(server.pid, signal.SIGKILL)
    assert mecum("status", "--home", tmp_path).returncode == 1
    assert running(tmp_path)


def test_another_command_on_the_directory_is_told(tmp_path):
    with Home(tmp_path):
        done = mecum("status", "--home", tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.endswith("Another mecum command works on it now.\n")


def test_a_server_that_does_not_answer_is_told(tmp_path):
    with serving(tmp_path, "--demo") as server:
        os.kill(server.pid, signal.SIGSTOP)
        try:
            done = mecum("status", "--home", tmp_path)
        finally:
            os.kill(server.pid, signal.SIGCONT)
    assert done.returncode == 1
    assert lines(done.stdout)["state"] == "does not answer"
    assert done.stderr == f"mecum: The mecum server with process id {server.pid} does not answer at {server.url}.\n"


def test_a_default_model_that_loads_says_how_far_it_is(tmp_path):
    engine = {"state": "starting", "kind": "embedded", "version": "", "restarts": 0, "reason": None}
    model = {"id": "tiny", "size": 2_000_000, "context_length": 512, "slots": 2, "loaded": False}
    load = {"id": "tiny", "state": "loading", "progress": 0.4, "loading_seconds": 3.3, "reason": None}
    queue = {"working": 0, "waiting": 0}
    health = {"status": "starting", "uptime": 3.5, "engine": engine, "model": model, "models": [load], "queue": queue}
    with Home(tmp_path) as home:
        server = home.announce("http://127.0.0.1:1", "token")
        told = [
            dict(rows(tmp_path, server, health | {"models": [load | {"state": state}]})) for state in ("loading", "unloaded")
        ]
    assert told[0]["model"] == "tiny, 2 MB, context of 512 tokens, 2 at once, loading, 40 %, 3 s"
    assert told[1]["model"] == "tiny, 2 MB, context of 512 tokens, 2 at once, not loaded now"


def test_an_engine_that_is_not_well_says_why(tmp_path):
    found = running(tmp_path / "none")
    assert found is None
    engine = {"state": "failed", "kind": "embedded", "version": "", "restarts": 2, "reason": "It crashed."}
    health = {"status": "failed", "uptime": 1.0, "engine": engine, "model": None, "queue": {"working": 0, "waiting": 3}}
    with Home(tmp_path) as home:
        told = dict(rows(tmp_path, home.announce("http://127.0.0.1:1", "token"), health))
    assert told["state"] == "failed: It crashed."
    assert told["model"] == "not known yet"
    assert told["engine"] == "embedded (elsewhere), restarted 2 times"
    assert told["queue"] == "0 at work, 3 waiting"
