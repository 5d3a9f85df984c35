"""The hub's own client: that it downloads from our test hub, and that nothing of it is where it has no business."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients.server import clean_environment, serving
from tests.models.conftest import Pulling
from tests.models.hubs import COMMIT, REPO, FakeHub, model, running
from tests.models.onnx import with_data

from mecum.models import client

NAME = "Tiny-Q4_K_M.gguf"
FETCH = "import huggingface_hub as hub; print(hub.{call})"


@pytest.fixture
def fake() -> Iterator[FakeHub]:
    with running(FakeHub(files={NAME: model(300_000), "config.json": b"{}", "onnx/model.onnx": b"x" * 2000})) as hub:
        yield hub


def fetched(fake: FakeHub, home: Path, call: str) -> Path:
    """Let the library itself fetch something, in a process of its own, and return where it says that it is."""
    mine = {name: value for name, value in clean_environment().items() if not name.startswith("HF_")}
    env = {**mine, "HF_ENDPOINT": fake.url, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    code = FETCH.format(call=call)
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


def test_it_downloads_a_repository_from_the_test_hub(fake: FakeHub, tmp_path: Path) -> None:
    folder = fetched(fake, tmp_path, f"snapshot_download('{REPO}')")
    assert folder.name == COMMIT
    assert {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()} == fake.files
    assert {one.server for one in fake.asked("/blob/")} == {"cdn"}


def test_it_goes_on_with_a_download_that_broke_off(fake: FakeHub, tmp_path: Path) -> None:
    fake.files[NAME], fake.cut = model(12_000_000), [11_000_000]
    assert fetched(fake, tmp_path, f"hf_hub_download('{REPO}', '{NAME}')").read_bytes() == fake.files[NAME]
    assert [one.headers.get("range") for one in fake.asked("/blob/")] == [None, f"bytes={10 * 1024 * 1024}-"]  # its pieces


@pytest.mark.parametrize("call", [f"snapshot_download('{REPO}')", f"hf_hub_download('{REPO}', '{NAME}')"])
async def test_what_it_downloaded_is_taken_from_its_cache(fake: FakeHub, tmp_path: Path, pull: Pulling, call: str) -> None:
    fetched(fake, tmp_path / "hf", call)
    pull.cache = tmp_path / "hf" / "hub"
    fake.seen.clear()
    pulled = await pull(f"hf:{REPO}")
    assert pulled.model.file.read_bytes() == fake.files[NAME]
    assert pulled.model.file.samefile(next(pull.cache.rglob(NAME)))
    assert [one.path for one in fake.seen] == [f"/api/models/{REPO}?blobs=true"]


async def test_small_files_are_taken_from_its_cache_too(fake: FakeHub, tmp_path: Path, pull: Pulling) -> None:
    fake.files = with_data()
    fetched(fake, tmp_path / "hf", f"snapshot_download('{REPO}')")
    pull.cache = tmp_path / "hf" / "hub"
    fake.seen.clear()
    pulled = await pull(f"hf:{REPO}")
    assert {name: file.read_bytes() for name, file in pulled.model.names.items()} == fake.files
    assert not any(file.is_symlink() for file in pulled.model.files)
    assert [one.path for one in fake.seen] == [f"/api/models/{REPO}?blobs=true"]


# ---- what it may not do


def test_a_pull_asks_for_nothing_else_and_the_library_says_nothing(fake: FakeHub, tmp_path: Path) -> None:
    fake.listing_headers = {"X-HF-Warning": "test; This is what the library would print."}
    fake.statuses = [-503]
    env = {
        "MECUM_HOME": str(tmp_path / "home"),
        "HF_ENDPOINT": fake.url,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_TOKEN": "hf_canary",
        "HF_DEBUG": "1",
        "HF_HUB_VERBOSITY": "debug",
        "HF_HUB_ENABLE_HF_TRANSFER": "1",
    }
    command = [sys.executable, "-m", "mecum", "pull", f"hf:{REPO}:{NAME}"]
    done = subprocess.run(command, env=clean_environment() | env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    listing = f"/api/models/{REPO}?blobs=true"
    assert [one.path for one in fake.seen][:3] == [listing, listing, f"/{REPO}/resolve/{COMMIT}/{NAME}"]
    assert len(fake.seen) == 4
    assert {one.headers["user-agent"].partition("/")[0] for one in fake.seen} == {"mecum"}
    assert not (tmp_path / "hf").exists()


def test_what_others_log_is_logged_after_it(caplog: pytest.LogCaptureFixture) -> None:
    client.environment()
    logging.getLogger("mecum.test").warning("still here")
    assert caplog.messages == ["still here"]


def test_it_leaves_this_machine_to_no_proxy(fake: FakeHub, tmp_path: Path) -> None:
    nobody = "http://127.0.0.1:1"
    env = {"MECUM_HOME": str(tmp_path / "home"), "HF_ENDPOINT": fake.url, "HTTP_PROXY": nobody, "ALL_PROXY": nobody}
    command = [sys.executable, "-m", "mecum", "pull", f"hf:{REPO}:{NAME}"]
    done = subprocess.run(command, env=clean_environment() | env, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_it_goes_by_the_proxy_that_the_environment_names(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        env = {
            "MECUM_HOME": str(tmp_path / "home"),
            "HF_ENDPOINT": "https://hub.invalid",
            "HTTPS_PROXY": f"http://127.0.0.1:{proxy.getsockname()[1]}",
        }
        command = [sys.executable, "-m", "mecum", "pull", f"hf:{REPO}"]
        with subprocess.Popen(command, env=clean_environment() | env, stderr=subprocess.PIPE) as process:
            proxy.settimeout(60)
            connection, _ = proxy.accept()
            with connection:
                asked = connection.recv(100)
            process.kill()
    assert asked.startswith(b"CONNECT hub.invalid:443 ")


def test_a_server_never_imports_it(tmp_path: Path) -> None:
    env = {"MECUM_ENGINE_SCRIPTED": "true", "PYTHONPROFILEIMPORTTIME": "1"}
    with serving(tmp_path / "home", env=env) as server:
        log = server.log
        time.sleep(0.5)
    imported = {line.rpartition("|")[2].strip() for line in log.read_text().splitlines() if line.startswith("import time:")}
    assert "mecum.models.shelf" in imported
    assert not {name for name in imported if name.partition(".")[0] in ("huggingface_hub", "httpx2", "hf_xet")}


def test_a_look_at_the_models_never_imports_it(tmp_path: Path) -> None:
    code = "import sys; from mecum.cli import shelf, shelf_check, shelf_remove, pull; print([*sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout.replace("'", '"'))
    assert "mecum.models.client" in loaded
    assert not {name for name in loaded if name.partition(".")[0] in ("huggingface_hub", "httpx2", "hf_xet")}
