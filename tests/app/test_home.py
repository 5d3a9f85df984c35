import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mecum.app.home import Home, Running, find, is_held, living, running
from mecum.errors import HomeInUse, SettingsError

HOLDER = """
import sys, time
from pathlib import Path
from mecum.app.home import Home
home = Home(Path(sys.argv[1]))
home.take()
if "announce" in sys.argv:
    home.announce("http://127.0.0.1:1", "token")
print("holding", flush=True)
time.sleep(60)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "home"


@pytest.fixture
def hold(path: Path):
    """Let another process hold the directory."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HOLDER, str(path), *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "holding\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_it_is_made_for_its_owner_only(path):
    with Home(path) as home:
        server = home.announce("http://127.0.0.1:8002", "token")
        assert path.stat().st_mode & 0o777 == 0o700
        assert (path / "run.json").stat().st_mode & 0o777 == 0o600
        assert (path / "lock").stat().st_mode & 0o777 == 0o600
        assert running(path) == server
        assert (server.pid, server.url) == (os.getpid(), "http://127.0.0.1:8002")
        assert server.token == "token"
        assert abs(server.started - time.time()) < 5
    assert running(path) is None
    assert sorted(entry.name for entry in path.iterdir()) == ["lock"]


def test_a_directory_open_to_others_is_used_with_a_warning(path, caplog):
    path.mkdir(parents=True, mode=0o755)
    path.chmod(0o755)
    with Home(path):
        pass
    assert "chmod 700" in caplog.text


def test_a_second_process_is_refused_and_told_who_holds_it(path, hold):
    holder = hold("announce")
    with pytest.raises(HomeInUse) as caught, Home(path):
        pass
    assert f"process id {holder.pid}" in caught.value.message
    assert caught.value.exit_code == 4


def test_a_holder_that_does_not_serve_is_told_apart(path, hold):
    hold()
    with pytest.raises(HomeInUse, match="another mecum command"):
        Home(path).take(timeout=0)


def test_what_a_killed_server_left_is_taken_for_what_it_is(path, hold):
    holder = hold("announce")
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert running(path) is not None
    with Home(path):
        assert running(path) is None


def test_a_refused_attempt_leaves_the_server_alone(path, hold):
    hold("announce")
    with pytest.raises(HomeInUse):
        Home(path).take(timeout=0)
    assert running(path) is not None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"pid": 1, "url": "x", "token": "t", "started": 0, "x": 1}'])
def test_a_broken_run_file_is_no_server(path, text):
    path.mkdir(parents=True)
    (path / "run.json").write_text(text)
    assert running(path) is None


def test_find_gives_the_server_where_one_runs(path, hold):
    holder = hold("announce")
    found = find(path)
    assert isinstance(found, Running)
    assert found.pid == holder.pid


def test_find_takes_the_directory_where_none_runs(path):
    found = find(path)
    assert isinstance(found, Home)
    with pytest.raises(HomeInUse):
        Home(path).take(timeout=0)
    found.release()


def test_find_waits_for_a_command_that_ends(path, hold):
    holder = hold()
    threading.Timer(0.3, holder.kill).start()
    found = find(path, timeout=30)
    assert isinstance(found, Home)
    found.release()


def test_find_does_not_wait_for_ever(path, hold):
    hold()
    with pytest.raises(HomeInUse):
        find(path, timeout=0.2)


def test_a_place_that_cannot_be_used_is_a_setting_at_fault(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="Not a directory"):
        Home(tmp_path / "file" / "home").take()
    with pytest.raises(SettingsError, match="--home or MECUM_HOME"):
        Home(tmp_path / "file").take()


def test_the_run_file_is_json_for_other_programs(path):
    with Home(path) as home:
        home.announce("http://127.0.0.1:8002", "token")
        assert set(json.loads((path / "run.json").read_text())) == {"pid", "url", "token", "started"}


def test_looking_changes_nothing(path, hold):
    assert not is_held(path)
    assert not path.exists()
    holder = hold("announce")
    assert is_held(path)
    found = living(path)
    assert found
    assert found.pid == holder.pid
    holder.kill()
    holder.wait()
    assert not is_held(path)
    assert living(path) is None
    assert running(path) == found
