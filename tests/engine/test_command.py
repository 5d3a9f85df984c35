"""How children are started: places that only we may enter, keys that nobody sees, and a `llama-server` of any age."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.engine.ggufs import Gguf
from tests.engine.waiting import gone, until, wait_gone

from mecum.engine.base import Traits
from mecum.engine.command import SOCKET_PATH, Binary, Place, Wheel, listens, make_place, wheel_params
from mecum.engine.embedded import Embedded
from mecum.engine.plan import Plan
from mecum.engine.process import Process
from mecum.engine.supervisor import Policy
from mecum.errors import EngineDown, EngineStartError
from mecum.settings.schema import EngineSettings, Settings
from mecum.types import Message, Prompt, Sampling

FAKE = Path(__file__).with_name("fake_llama_server.py")
PLAN = Plan(slots=2, context=1024, threads=3, batch=64, cache_mib=77)
LISTEN = """
import socket, time
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
time.sleep(60)
"""
HELLO = Prompt("tiny", (Message("user", "Hello."),), Sampling(max_tokens=5))


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A `llama-server`, as a program of its own."""
    file = tmp_path / "bin" / "llama-server"
    file.parent.mkdir()
    file.write_text(f"#!{sys.executable} -IS\n{FAKE.read_text()}")
    file.chmod(0o755)
    return file


@pytest.fixture
def home() -> Iterator[Path]:
    """A home whose path is short enough for a socket in it, as people's are."""
    with tempfile.TemporaryDirectory(prefix="m-") as folder:
        yield Path(folder)


def mode(program: Path, name: str) -> None:
    (program.parent / "mode").write_text(name)


def settings(program: Path, home: Path) -> Settings:
    home.mkdir(exist_ok=True)
    model = home / "tiny.gguf"
    model.write_bytes(Gguf().build())
    return Settings(home=home, engine=EngineSettings(binary=program, model=str(model)))


# Places


def test_a_place_is_ours_alone_and_every_one_differs(home: Path) -> None:
    one, other = make_place(home, unix=True), make_place(home, unix=True)
    assert stat.S_IMODE(one.folder.stat().st_mode) == 0o700
    assert one.socket
    assert one.socket.parent == one.folder
    assert one.folder.is_relative_to(home)
    assert one.key != other.key
    assert len(one.key) >= 40
    one.clear()
    assert not one.folder.exists()
    assert other.folder.exists()


def test_a_long_home_gets_a_short_socket(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 30)
    place = make_place(home, unix=True)
    assert len(os.fsencode(place.socket or "")) < SOCKET_PATH
    assert stat.S_IMODE(place.folder.stat().st_mode) == 0o700
    place.clear()


def test_what_a_killed_process_left_is_removed(home: Path) -> None:
    left = home / "run" / "mecum-engine-4194305-abcdefgh"  # no process has so high a number
    left.mkdir(parents=True)
    (left / "key").touch()
    mine = make_place(home, unix=True)
    make_place(home, unix=True)
    assert not left.exists()
    assert mine.folder.exists()


async def test_a_port_is_the_childs_or_nobodys() -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    process = Process.spawn([sys.executable, "-I", "-S", "-c", LISTEN])
    await until(lambda: process.lines)
    assert not listens(process, port)
    assert listens(process, int(process.lines[0]))
    await process.stop()
    server.close()


# The wheel


def test_the_wheel_is_told_the_plan() -> None:
    params = wheel_params(PLAN)
    assert (params["n_ctx"], params["n_parallel"]) == (2048, 2)
    assert params["n_batch"] == params["n_ubatch"] == 64
    assert params["cpuparams.n_threads"] == params["cpuparams_batch.n_threads"] == 3
    assert params["cache_ram_mib"] == 77
    assert "chat_template" not in params
    assert wheel_params(dataclasses.replace(PLAN, chat_template="{{ x }}"))["chat_template"] == "{{ x }}"
    assert "xllamacpp" in Wheel().version
    assert "xllamacpp" not in sys.modules


# A llama-server


async def test_a_binary_is_asked_what_it_understands(program: Path, tmp_path: Path) -> None:
    binary = await Binary.examine(program)
    assert binary.version == "llama-server version: 4711 (abcdef)"
    assert binary.unix
    place = Place(tmp_path, "k", tmp_path / "e.sock")
    arguments = binary.arguments(tmp_path / "m.gguf", PLAN, place, tmp_path / "key")
    assert arguments[:4] == ["--model", str(tmp_path / "m.gguf"), "--host", str(tmp_path / "e.sock")]
    assert {"--jinja", "--no-ui", "--cache-ram", "--verbosity"} <= set(arguments)
    assert not {"--no-webui", "--no-kv-unified"} & set(arguments)


async def test_a_binary_reads_the_chat_template_from_a_file(program: Path, home: Path) -> None:
    binary = await Binary.examine(program)
    place = make_place(home, unix=True)
    process = binary.start(home / "m.gguf", dataclasses.replace(PLAN, chat_template="{{ ü }}"), place)
    try:
        file = place.folder / "template.jinja"
        assert file.read_text(encoding="utf-8") == "{{ ü }}"
        child = psutil.Process(process.pid)
        await until(lambda: "--chat-template-file" in child.cmdline())  # the launcher has become the program
        command = child.cmdline()
        assert command[command.index("--chat-template-file") + 1] == str(file)
    finally:
        await process.stop()
        place.clear()


async def test_an_old_binary_gets_what_it_knows(program: Path, tmp_path: Path) -> None:
    mode(program, "old")
    binary = await Binary.examine(program)
    assert not binary.unix
    arguments = binary.arguments(tmp_path, PLAN, Place(tmp_path, "k", None, 4711), tmp_path / "key")
    assert arguments[2:6] == ["--host", "127.0.0.1", "--port", "4711"]
    assert "--no-webui" in arguments
    assert not {"--jinja", "--cache-ram", "--verbosity"} & set(arguments)  # its 1 would print prompts


@pytest.mark.parametrize("version", ["", "old"])
async def test_a_binary_takes_the_wheels_place(program: Path, home: Path, version: str) -> None:
    mode(program, version)
    engine = Embedded(settings(program, home))
    await engine.start()
    try:
        await asyncio.wait_for(engine.ready(), 30)
        model = engine.status().models[0]
        assert (model.name, model.context, model.slots) == ("tiny", 1024, 3)
        assert model.traits == Traits(system_role=False, alternation=True)
        assert await engine.count(HELLO) == 5
        key = key_of(program)
        child = psutil.Process(engine.status().pid or 0)
        assert key not in " ".join([*child.cmdline(), *child.environ().values()])
    finally:
        await engine.aclose()
    assert not list((home / "run").iterdir())


def key_of(program: Path) -> str:
    """The key that a `llama-server` was given, from a file that only we can read."""
    arguments = (program.parent / "arguments").read_text().split()
    file = Path(arguments[arguments.index("--api-key-file") + 1])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    return file.read_text().strip()


async def test_a_binary_that_fails_says_why(program: Path, tmp_path: Path) -> None:
    mode(program, "dead")
    engine = Embedded(settings(program, tmp_path / "home"))
    await engine.start()
    try:
        with pytest.raises(EngineStartError, match="made of cheese"):
            await asyncio.wait_for(engine.ready(), 10)
        with pytest.raises(EngineDown, match="made of cheese"):
            await engine.chat(HELLO)
    finally:
        await engine.aclose()


@pytest.mark.parametrize("busy", [False, True])
async def test_one_that_works_without_a_result_is_replaced_unless_the_machine_is_to_blame(
    program: Path, tmp_path: Path, busy: bool
) -> None:
    mode(program, "mute")
    policy = Policy(silence_timeout=1, poll=0.2)
    engine = Embedded(settings(program, tmp_path / "home"), policy=policy, busy=lambda: busy)
    await engine.start()
    try:
        await asyncio.wait_for(engine.ready(), 30)
        first = engine.status().pid
        with pytest.raises(EngineDown):
            await asyncio.wait_for(engine.chat(HELLO), 10)
        await asyncio.sleep(0.5)
        await asyncio.wait_for(engine.ready(), 30)
        assert engine.status().restarts == (0 if busy else 1)
        assert (engine.status().pid == first) == busy
    finally:
        await engine.aclose()


PARENT = """
import asyncio, sys
from pathlib import Path
from mecum.engine.embedded import Embedded
from mecum.settings.schema import EngineSettings, Settings
async def main():
    binary, home = map(Path, sys.argv[1:])
    engine = Embedded(Settings(home=home, engine=EngineSettings(binary=binary, model=str(home / "tiny.gguf"))))
    await engine.start()
    await engine.ready()
    print(engine.status().pid, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


def test_a_binary_ends_with_a_server_that_is_killed(program: Path, home: Path) -> None:
    settings(program, home)
    with subprocess.Popen([sys.executable, "-c", PARENT, str(program), str(home)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        assert not gone(child)
        parent.kill()
        wait_gone(child)


async def test_what_is_no_llama_server_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(EngineStartError, match="no program"):
        await Binary.examine(tmp_path / "nothing")
    with pytest.raises(EngineStartError, match="not a llama-server"):
        await Binary.examine(Path("/bin/true"))
    with pytest.raises(EngineStartError, match="no program"):
        await Embedded(settings(tmp_path / "nothing", tmp_path)).start()
