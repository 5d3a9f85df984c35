"""`mecum doctor` on things that are wrong: each has one finding that says what, and what to do."""

import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.cli.commands import mecum
from tests.clients.server import serving
from tests.engine.embedder.vectors import embedding
from tests.engine.ggufs import LLAMA, Gguf
from tests.engine.servers import hello
from tests.engine.servers import serving as answering

from mecum.app.home import Home
from mecum.cli import checkup
from mecum.cli.checkup import Finding
from mecum.cli.doctor import examine
from mecum.engine.embedder import local, weights
from mecum.errors import MecumError

WHATS = ["machine", "settings", "data", "disk", "lock", "port", "library", "embedder", "model", "memory", "llama.cpp"]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MECUM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MECUM_SERVER_PORT", "0")


async def find(home: Path, what: str, *, deep: bool = False, **flags: Any) -> Finding:
    """Return the one finding about `what`, or of several the last."""
    named = {name.replace("_", ".", 1): value for name, value in flags.items()}
    findings = await examine({"home": home, **named}, None, deep=deep)
    assert all(bool(finding.fix) == (finding.level != "ok") for finding in findings), findings
    return next(finding for finding in reversed(findings) if finding.what == what)


@contextmanager
def busy_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def program(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


# As a command


def test_where_all_is_well_every_line_is_ok_and_nothing_is_made(tmp_path):
    home = tmp_path / "nowhere"
    done = mecum("doctor", "--home", home, MECUM_SERVER_PORT="0")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[1] for line in done.stdout.splitlines()] == WHATS
    assert all(line.startswith("ok ") for line in done.stdout.splitlines()), done.stdout
    assert not home.exists()


def test_what_failed_stands_with_what_to_do_and_ends_with_1(tmp_path):
    done = mecum("doctor", "--home", tmp_path, MECUM_ENGINE_MODEL="nope.gguf")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("fail "))
    assert lines[at].startswith("fail  model      There is no model file nope.gguf")
    assert lines[at + 1].strip() == "-> Set engine.model (--model) to a GGUF file, or to one that `mecum models` lists."


def test_json_is_for_programs(tmp_path):
    done = mecum("doctor", "--json", "--home", tmp_path, MECUM_ENGINE_SCRIPTED="1", MECUM_SERVER_PORT="0")
    told = json.loads(done.stdout)
    assert told["ok"] is True
    assert told["findings"][-1] == {"what": "engine", "level": "ok", "found": "scripted, without a model", "fix": ""}


def test_a_key_never_shows(tmp_path):
    secret = {"MECUM_ENGINE_API_KEY": "canary", "MECUM_ENGINE_BASE_URL": "http://me:canary@127.0.0.1:9/v1"}
    for form in ([], ["--json"]):
        done = mecum("doctor", *form, "--home", tmp_path, **secret)
        assert done.returncode == 1
        assert "canary" not in done.stdout + done.stderr


# Settings and the data directory


async def test_every_wrong_setting_is_a_finding(tmp_path):
    (tmp_path / "mecum.toml").write_text("[server]\nport = 99999\n[log]\nlevel = 'loud'\n")
    del os.environ["MECUM_SERVER_PORT"]
    findings = await examine({"home": tmp_path}, None, deep=True)
    wrong = [finding for finding in findings if finding.level == "fail"]
    assert [finding.what for finding in wrong] == ["settings", "settings"]
    assert "server.port" in wrong[0].found
    assert "log.level" in wrong[1].found


async def test_an_unknown_setting_is_told_with_the_nearest(tmp_path):
    (tmp_path / "mecum.toml").write_text("[server]\nprot = 1\n")
    finding = await find(tmp_path, "settings")
    assert (finding.level, finding.fix) == ("fail", "Did you mean server.port?")


async def test_a_table_of_no_model_that_is_here_is_told(tmp_path):
    (tmp_path / "mecum.toml").write_text("[models.gone]\ncontext = 512\n[models.smollm2-135m-instruct]\ncontext = 512\n")
    finding = await find(tmp_path, "settings")
    assert (finding.level, finding.found) == ("warn", '[models."gone"] is for a model that is not here.')
    assert finding.fix == "Installed: smollm2-135m-instruct."
    assert (await find(tmp_path, "memory")).found.split(" times ")[1].startswith("512 tokens")
    assert (await find(tmp_path, "settings", engine_scripted=True)).level == "ok"


async def test_a_chat_template_that_cannot_be_read_is_told(tmp_path):
    (tmp_path / "mecum.toml").write_text("[models.smollm2-135m-instruct]\nchat_template = 'none.jinja'\n")
    finding = await find(tmp_path, "settings")
    assert finding.level == "fail"
    assert finding.found.startswith(f"The chat template {tmp_path / 'none.jinja'} of smollm2-135m-instruct cannot be read")
    assert finding.fix == 'Name another file: models."smollm2-135m-instruct".chat_template.'


async def test_a_key_in_a_file_that_others_can_read_is_told(tmp_path):
    file = tmp_path / "mecum.toml"
    file.write_text("[engine]\napi_key = 'x'\nscripted = true\n")
    file.chmod(0o644)
    assert (await find(tmp_path, "settings")).fix == f"chmod 600 {file}"
    file.chmod(0o600)
    assert (await find(tmp_path, "settings")).level == "ok"


async def test_a_data_directory_that_cannot_be_is_told(tmp_path):
    (tmp_path / "file").touch()
    finding = await find(tmp_path / "file" / "home", "data")
    assert (finding.level, finding.found) == ("fail", f"{tmp_path / 'file'} is not a folder.")


async def test_a_data_directory_open_to_others_is_told(tmp_path):
    tmp_path.chmod(0o755)
    finding = await find(tmp_path, "data")
    assert (finding.level, finding.fix) == ("warn", f"chmod 700 {tmp_path}")


@pytest.mark.parametrize(("limit", "level"), [("_LITTLE", "warn"), ("_NOTHING", "fail")])
async def test_a_full_disk_is_told(tmp_path, monkeypatch, limit, level):
    monkeypatch.setattr(checkup, "_LITTLE", 1 << 62)
    monkeypatch.setattr(checkup, limit, 1 << 62)
    assert (await find(tmp_path, "disk")).level == level


async def test_what_a_killed_server_left_is_told(tmp_path):
    with pytest.raises(AssertionError, match="code -9"), serving(tmp_path, "--demo") as server:
        os.kill(server.pid, signal.SIGKILL)
    finding = await find(tmp_path, "lock", engine_scripted=True)
    assert finding.level == "warn"
    assert f"process id {server.pid} did not end in order" in finding.found


async def test_another_command_on_the_directory_is_told(tmp_path):
    with Home(tmp_path):
        finding = await find(tmp_path, "lock", engine_scripted=True)
    assert finding.level == "warn"
    assert "another mecum command" in finding.found


# The port and the server


async def test_a_port_in_use_is_told_with_who_has_it(tmp_path):
    with busy_port() as port:
        finding = await find(tmp_path, "port", server_host="127.0.0.1", server_port=port)
    assert finding.level == "fail"
    assert f"Port {port} on 127.0.0.1 is in use by another program. It is " in finding.found
    assert f"process {os.getpid()}." in finding.found
    assert f"--port {port + 1}" in finding.fix


async def test_a_host_that_may_not_be_is_told(tmp_path):
    finding = await find(tmp_path, "port", server_host="example.org")
    assert finding.level == "fail"
    assert "must be localhost" in finding.found


async def test_who_reaches_it_is_told(tmp_path):
    reached: dict[str, Any] = {"server_host": "0.0.0.0", "server_port": 0}
    finding = await find(tmp_path, "reach", **reached)
    assert finding.level == "fail"
    assert "mecum keys create" in finding.found + finding.fix
    finding = await find(tmp_path, "reach", server_allow_open_network=True, **reached)
    assert finding.level == "warn"
    assert "without a key" in finding.found
    done = mecum("keys", "create", "laptop", "--home", tmp_path, MECUM_LIBRARY_EMBEDDER="none")
    assert done.returncode == 0, done.stderr
    assert (await find(tmp_path, "reach", **reached)).level == "ok"


async def test_the_port_of_the_running_server_is_in_order_and_so_is_the_server(tmp_path):
    with serving(tmp_path, "--demo") as server:
        asked = {"server_port": server.port, "engine_scripted": True}
        assert (await find(tmp_path, "port", **asked)).found.endswith("the running server's")
        assert (await find(tmp_path, "server", **asked)).found == "ok, 0 at work, 0 waiting"
        assert (await find(tmp_path, "lock", **asked)).level == "ok"
        finding = await find(tmp_path, "answer", deep=True, **asked)
        assert (finding.level, "by the running server" in finding.found) == ("ok", True)


@pytest.mark.parametrize(
    ("status", "restarts", "level"),
    [("ok", 0, "ok"), ("ok", 2, "warn"), ("starting", 0, "warn"), ("draining", 0, "warn"), ("failed", 3, "fail")],
)
def test_what_the_server_says_of_itself(status, restarts, level):
    engine = {"state": status, "reason": "It crashed.", "restarts": restarts}
    health = {"status": status, "engine": engine, "queue": {"working": 0, "waiting": 0}}
    (finding,) = checkup.server(health, None)
    assert (finding.level, bool(finding.fix)) == (level, level != "ok")


def test_a_server_that_does_not_answer_is_told():
    (finding,) = checkup.server(None, "It does not answer.")
    assert (finding.level, finding.found) == ("fail", "It does not answer.")


# The library


async def test_the_library_is_told_and_nothing_of_it_changed(tmp_path):
    home = tmp_path / "home"
    (tmp_path / "bad.pdf").write_bytes(b"%PDF-1.4 broken")
    mecum("add", "--home", home, tmp_path / "bad.pdf", MECUM_LIBRARY_EMBEDDER="scripted")
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    finding = await find(home, "library", engine_scripted=True)
    assert (finding.level, finding.found) == ("warn", "1 document (1 failed), 0 passages.")
    assert "--state failed" in finding.fix
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


async def test_a_library_that_cannot_be_read_is_told(tmp_path):
    (tmp_path / "mecum.db").write_bytes(b"nonsense" * 100)
    finding = await find(tmp_path, "library", engine_scripted=True)
    assert finding.level == "fail"
    assert "mecum restore" in finding.fix


@pytest.mark.parametrize(
    ("content", "level", "fix"), [(None, "warn", "mecum pull starter"), (b"no weights", "fail", "mecum pull starter")]
)
async def test_an_embedder_that_is_not_well_is_told(tmp_path, monkeypatch, content, level, fix):
    monkeypatch.setattr(local, "PACKAGE", "no_such_package")
    if content is not None:
        (tmp_path / "models").mkdir()
        (tmp_path / "models" / weights.FILE).write_bytes(content)
    finding = await find(tmp_path, "embedder", engine_scripted=True)
    assert (finding.level, fix in finding.fix) == (level, True)


async def test_an_embedder_that_was_chosen_is_looked_at(tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    good = {**LLAMA, "llama.pooling_type": ("u32", 1)}
    (tmp_path / "models" / "good.gguf").write_bytes(Gguf(values=good).build())
    (tmp_path / "models" / "chat.gguf").write_bytes(Gguf().build())
    for name, level, found in (
        ("good", "ok", "good, vectors of 64 numbers"),
        ("chat", "fail", "is a chat model"),
        ("none.gguf", "fail", "There is no model file"),
    ):
        monkeypatch.setenv("MECUM_LIBRARY_EMBEDDER", name)
        finding = await find(tmp_path, "embedder", engine_scripted=True)
        assert (finding.level, found in finding.found) == (level, True), finding
    monkeypatch.delenv("MECUM_LIBRARY_EMBEDDER")
    async with embedding() as (where, _):
        monkeypatch.setenv("MECUM_LIBRARY_EMBEDDER_URL", f"{where.url}/v1")
        assert (await find(tmp_path, "embedder", engine_scripted=True)).found == "letters, vectors of 16 numbers"
    finding = await find(tmp_path, "embedder", engine_scripted=True)
    assert (finding.level, "cannot be reached" in finding.found) == ("fail", True)


async def test_a_running_server_is_asked_for_its_library(tmp_path):
    with serving(tmp_path, "--demo", env={"MECUM_LIBRARY_EMBEDDER": "none"}):
        asked = {"engine_scripted": True}
        assert (await find(tmp_path, "library", **asked)).found == "no documents yet"
        finding = await find(tmp_path, "embedder", **asked)
    assert (finding.level, finding.found) == ("warn", "There is no embedder.")


# The engine


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "There is no model file"), (b"#!/bin/sh", "is not a GGUF model"), (Gguf().build()[:200], "is cut off")],
)
async def test_a_model_that_cannot_be_read_is_told(tmp_path, content, words):
    file = tmp_path / "m.gguf"
    if content is not None:
        file.write_bytes(content)
    finding = await find(tmp_path, "model", engine_model=str(file))
    assert finding.level == "fail"
    assert words in finding.found


async def test_too_little_memory_is_told(tmp_path):
    finding = await find(tmp_path, "memory", engine_context=500_000_000)
    assert finding.level == "fail"
    assert "needs about" in finding.found


@pytest.mark.parametrize(
    ("script", "words", "fix"),
    [
        ("echo 'ImportError: no libfoo' >&2; exit 1", "ImportError: no libfoo.", "Install it again"),
        ("kill -ILL $$", "this processor lacks instructions", "engine.binary"),
    ],
)
async def test_a_wheel_that_does_not_load_is_told(tmp_path, monkeypatch, script, words, fix):
    monkeypatch.setattr(sys, "executable", str(program(tmp_path / "python", script)))
    finding = await find(tmp_path, "llama.cpp")
    assert finding.level == "fail"
    assert words in finding.found
    assert fix in finding.fix


async def test_a_program_in_its_place_is_tried(tmp_path):
    good = program(tmp_path / "llama-server", 'echo "version: 1 (x)"; echo "--api-key-file FNAME"')
    finding = await find(tmp_path, "llama.cpp", engine_binary=good)
    assert (finding.level, finding.found) == ("ok", f"llama-server version: 1 (x) ({good})")
    finding = await find(tmp_path, "llama.cpp", engine_binary=tmp_path / "nope")
    assert (finding.level, finding.fix) == ("fail", "Set engine.binary to a llama-server.")


async def test_a_server_elsewhere_is_asked(tmp_path):
    async with answering(hello) as server:
        finding = await find(tmp_path, "engine", engine_base_url=f"{server.url}/v1")
        assert (finding.level, finding.found) == ("ok", f"{server.url}/v1 answers with one, 2 models in all")
        assert [request.path for request in server.requests] == ["/v1/models"]
    finding = await find(tmp_path, "engine", engine_base_url=f"{server.url}/v1")
    assert finding.level == "fail"
    assert "cannot be reached" in finding.found


async def test_deep_asks_for_an_answer(tmp_path):
    finding = await find(tmp_path, "answer", deep=True, engine_scripted=True)
    assert finding.level == "ok"
    with Home(tmp_path):
        finding = await find(tmp_path, "answer", deep=True, engine_scripted=True)
    assert finding.level == "fail"
    assert "in use by another mecum command" in finding.found


@pytest.mark.real_model
async def test_deep_asks_the_starter_model(tmp_path):
    finding = await find(tmp_path, "answer", deep=True)
    assert (finding.level, "with the model's loading" in finding.found) == ("ok", True), finding


def test_an_error_without_advice_gets_some():
    finding = checkup.failed("x", MecumError("It broke."), "Mend it.")
    assert (finding.found, finding.fix) == ("It broke.", "Mend it.")
