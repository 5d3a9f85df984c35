"""`mecum pull` as a person sees it, against a hub on this machine."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from tests.cli import inside
from tests.clients.server import clean_environment
from tests.models.hubs import REPO, FakeHub, model, running, sha256
from tests.models.onnx import DATA, with_data

from mecum.cli.fetching import words
from mecum.models.meter import Meter
from mecum.models.shelf import Shelf

NAME = "Tiny-Q4_K_M.gguf"


@pytest.fixture
def fake() -> Iterator[FakeHub]:
    with running(FakeHub(files={NAME: model(300_000), "Tiny-Q8_0.gguf": model(500_000)})) as hub:
        yield hub


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def environ(fake: FakeHub, home: Path) -> dict[str, str]:
    return {"MECUM_HOME": str(home), "HF_ENDPOINT": fake.url, "HF_HOME": str(home.parent / "hf"), "HF_TOKEN": "hf_canary"}


def mecum(fake: FakeHub, home: Path, *arguments: object) -> CompletedProcess[str]:
    return inside.mecum(*arguments, **environ(fake, home))


def test_a_model_is_pulled_and_chosen_in_one_command(fake: FakeHub, home: Path) -> None:
    done = mecum(fake, home, "pull", f"hf:{REPO}", "--default")
    assert done.returncode == 0
    first, second = done.stdout.splitlines()
    assert first.startswith("tiny is here: 301 kB, Q4_K_M, context of 4,096 tokens, apache-2.0 (")
    assert second == "tiny is the default now: mecum serve answers with it."
    assert "Q4_K_M (" in done.stderr
    assert "Others there" in done.stderr
    assert "hf_canary" not in done.stdout + done.stderr
    config = mecum(fake, home, "config").stdout
    assert f"{home}/models/{NAME} models/default ({home})" in config
    assert home.stat().st_mode & 0o777 == (home / "models").stat().st_mode & 0o777 == 0o700


def test_the_same_again_says_so(fake: FakeHub, home: Path) -> None:
    mecum(fake, home, "pull", f"hf:{REPO}:{NAME}")
    fake.seen.clear()
    done = mecum(fake, home, "pull", f"hf:{REPO}:{NAME}")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("tiny is here already: ")
    assert done.stdout.endswith("To answer with it: mecum models default tiny\n")
    assert fake.seen == []


def test_a_page_of_the_hub_is_what_it_shows(fake: FakeHub, home: Path) -> None:
    assert mecum(fake, home, "pull", f"{fake.url}/{REPO}/blob/main/Tiny-Q8_0.gguf").returncode == 0
    assert (home / "models" / "Tiny-Q8_0.gguf").is_file()


def test_with_a_hash(fake: FakeHub, home: Path) -> None:
    url = f"{fake.cdn}/blob/{NAME}"
    done = mecum(fake, home, "pull", url, "--sha256", "x")
    assert (done.returncode, "64 hexadecimal digits" in done.stderr) == (2, True)
    done = mecum(fake, home, "pull", url, "--sha256", "0" * 64)
    assert (done.returncode, "is not what was promised" in done.stderr) == (5, True)
    assert mecum(fake, home, "pull", url, "--sha256", sha256(fake.files[NAME]).upper()).returncode == 0
    done = mecum(fake, home, "pull", "starter", "--sha256", "0" * 64)
    assert (done.returncode, "not for the starter" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("what", "code", "says"),
    [
        ("nonsense", 2, "neither a name of the catalogue"),
        ("hf:no/body", 5, "no such repository"),
        ("http://example.org/x.gguf", 2, "only asked over https"),
        ("gone.gguf", 2, "There is no file gone.gguf"),
        (f"hf:{REPO}:Q6_K", 2, "It has: Q4_K_M"),
    ],
)
def test_what_cannot_be_pulled_is_one_sentence(fake: FakeHub, home: Path, what: str, code: int, says: str) -> None:
    fake.token = "hf_other" if what == "hf:no/body" else ""
    done = mecum(fake, home, "pull", what)
    assert done.returncode == code
    assert says in done.stderr
    assert done.stdout == ""


def test_a_name_of_the_catalogue_is_a_file_of_the_hub(fake: FakeHub, home: Path) -> None:
    done = mecum(fake, home, "pull", "phi-4")
    assert done.returncode == 5
    assert [one.path for one in fake.seen] == ["/api/models/bartowski/phi-4-GGUF?blobs=true"]


def test_ctrl_c_keeps_what_came_and_the_next_goes_on(fake: FakeHub, home: Path) -> None:
    fake.files = {NAME: model(6_000_000)}
    fake.pause = 0.1
    command = [sys.executable, "-m", "mecum", "pull", f"hf:{REPO}"]
    env = clean_environment() | environ(fake, home)
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 30
        while not fake.asked("/blob/") and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.5)
        os.kill(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert f"stopped. What came of {NAME} (" in said
    assert "the same command goes on with it" in said
    assert "Traceback" not in said
    part = home / "models" / ".partial" / f"{NAME}.part"
    came = part.stat().st_size
    assert 0 < came < 6_000_000
    assert not (home / "models" / NAME).exists()
    fake.pause = 0
    assert mecum(fake, home, "pull", f"hf:{REPO}").returncode == 0
    assert fake.asked("/blob/")[-1].headers["range"] == f"bytes={came}-"
    assert Shelf(home).find("tiny").sha256 == {NAME: sha256(fake.files[NAME])}


def test_ctrl_c_ends_it_at_once_while_the_hub_says_nothing(fake: FakeHub, home: Path) -> None:
    fake.hang = 30
    command = [sys.executable, "-m", "mecum", "pull", f"hf:{REPO}"]
    env = clean_environment() | environ(fake, home)
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 30
        while not fake.seen and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.2)
        began = time.monotonic()
        os.kill(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=20)
    assert (process.returncode, said) == (130, "")
    assert time.monotonic() - began < 10


def test_an_embedding_model_in_onnx_is_pulled_chosen_and_removed(fake: FakeHub, home: Path) -> None:
    fake.files = with_data()
    done = mecum(fake, home, "pull", f"hf:{REPO}")
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert re.fullmatch(r"tiny-gguf is here: \S+ kB, context of 64 tokens, apache-2.0 \(.*/models/Tiny-GGUF\)", first)
    assert second == "To search your documents with it: mecum models embedder tiny-gguf"
    assert mecum(fake, home, "pull", f"hf:{REPO}", "--default").stdout.count("makes vectors from now on") == 1
    assert (home / "models" / "embedder").read_text() == "Tiny-GGUF\n"
    assert re.search(r"tiny-gguf +\S+ kB +64 +apache-2.0 +makes vectors +hf:", mecum(fake, home, "models").stdout)
    listed = json.loads(mecum(fake, home, "models", "list", "--json").stdout)["models"]
    one = next(one for one in listed if one["name"] == "tiny-gguf")
    assert (one["kind"], one["fit"], one["architecture"], set(one["files"])) == ("embedder", None, "bert", set(with_data()))
    assert "does not chat" in mecum(fake, home, "models", "default", "tiny-gguf").stderr
    assert "SHA-256 as when it came" in mecum(fake, home, "models", "verify", "tiny-gguf").stdout
    (home / "models" / "Tiny-GGUF" / "special_tokens_map.json").unlink()
    done = mecum(fake, home, "models", "verify", "tiny-gguf")
    assert (done.returncode, "special_tokens_map.json came with it, and is gone" in done.stdout) == (5, True)
    done = mecum(fake, home, "models", "remove", "tiny-gguf", "--yes")
    assert (done.returncode, "the built-in model does that again" in done.stderr) == (0, True)
    assert {one.name for one in (home / "models").iterdir()} == {".partial"}


def test_one_that_is_not_whole_is_listed_and_removed(fake: FakeHub, home: Path) -> None:
    fake.files = {**with_data(), DATA: bytes(300_000)}
    fake.statuses = [404]
    assert mecum(fake, home, "pull", f"hf:{REPO}").returncode == 5
    assert re.search(r"Tiny-GGUF is not whole \(.+ came\): the same mecum pull goes on", mecum(fake, home, "models").stderr)
    assert mecum(fake, home, "models", "remove", "Tiny-GGUF").returncode == 0
    assert "not whole" not in mecum(fake, home, "models").stderr


def test_what_was_killed_goes_on_too(fake: FakeHub, home: Path) -> None:
    fake.files = {NAME: model(3_000_000)}
    fake.pause = 0.03
    env = clean_environment() | environ(fake, home)
    command = [sys.executable, "-m", "mecum", "pull", f"hf:{REPO}"]
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    part = home / "models" / ".partial" / f"{NAME}.part"
    deadline = time.monotonic() + 30
    while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    came = part.stat().st_size
    assert came > 0
    fake.pause = 0
    assert mecum(fake, home, "pull", f"hf:{REPO}").returncode == 0
    assert fake.asked("/blob/")[-1].headers["range"] == f"bytes={came}-"


def test_how_far_it_is() -> None:
    meter = Meter()
    assert words(meter, 0) == "asking"
    meter.begin("x.gguf", 4_000_000_000)
    meter.skip(1_000_000_000)
    meter.add(1, 0)
    meter.add(99_999_999, 10)
    assert words(meter, 10) == "x.gguf, 1.1 GB of 4.0 GB, 10.0 MB/s, 4 min 50 s left"
    meter.begin("y.gguf", None)
    meter.add(5_000_000, 20)
    assert words(meter, 20) == "y.gguf, 5.0 MB"
