"""The two sample clients of the Local Chat API: byte for byte against `localhost:8002`, and against a stream that breaks."""

from __future__ import annotations

import hashlib
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from filelock import FileLock
from tests.clients.alone import LIMIT, UNSHARE
from tests.clients.server import Server, clean_environment
from tests.clients.wire import Answer

SAMPLES = Path(__file__).parent / "samples"
CURL = ("sh", str(SAMPLES / "curl.sh"))
HTTP_CLIENT = (sys.executable, str(SAMPLES / "http_client.py.sample"))
QUESTION = "Tell me about artificial intelligence."
CHECKSUMS = {
    "curl.sh": "b5bcc14b532abadae8175892b129729f6fad0a4300c319d39dff549e0e70bab7",
    "http_client.py.sample": "276d0a3c7682578f4a7ec2fadb35389ecbec4ac58432136a6d784dcc5246e5cd",
}


def on_8002(home: Path, command: Sequence[str], *options: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command beside a server on port 8002: on a network of our own, else on this machine's if the port is free."""
    alone = [sys.executable, "-m", "tests.clients.alone", str(home), *options, "--", *command]
    run = {"cwd": Path(__file__).parents[2], "env": clean_environment(), "capture_output": True, "timeout": LIMIT + 20}
    if shutil.which(UNSHARE[0]) and subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0:
        return subprocess.run([*UNSHARE, *alone], check=False, **run)  # type: ignore[call-overload]
    with FileLock(Path(sys.prefix) / "port-8002.lock"):
        if taken(8002):
            pytest.skip("port 8002 is taken, and this system does not give us a network of our own")
        return subprocess.run(alone, check=False, **run)  # type: ignore[call-overload]


def taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl(tmp_path: Path) -> None:
    done = on_8002(tmp_path, CURL, "--demo")
    assert done.returncode == 0, done.stderr.decode()
    answer = Answer(200, {"content-type": "text/event-stream; charset=utf-8"}, done.stdout)
    assert answer.text() == f"You said: {QUESTION}"


def test_http_client(tmp_path: Path) -> None:
    done = on_8002(tmp_path, HTTP_CLIENT, "--demo")
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode() == f"You said: {QUESTION}"


@pytest.mark.real_model
@pytest.mark.timeout(LIMIT + 40)
def test_real_answers(tmp_path: Path) -> None:
    """The context is small, so that an answer without an end is short; one thread suffers least beside other work."""
    (tmp_path / "mecum.toml").write_text("[engine]\ncontext = 256\nthreads = 1\n[server]\ndrain_timeout = 1\n")
    curl, http_client = tmp_path / "curl.out", tmp_path / "http_client.out"
    both = f"{shlex.join(CURL)} > {curl} && {shlex.join(HTTP_CLIENT)} > {http_client}"
    done = on_8002(tmp_path, ("sh", "-c", both))
    assert done.returncode == 0, done.stderr.decode()
    streamed = Answer(200, {"content-type": "text/event-stream; charset=utf-8"}, curl.read_bytes())
    for text in (streamed.text(), http_client.read_text()):
        assert len(text.split()) > 20
        assert "intelligence" in text.lower()
    assert len(streamed.chunks()) > 20, "token by token"


@pytest.mark.parametrize("script", ["!say one\\n!wait 0.1\\n!break", "!silent 1.2\\n!refuse 503"])
def test_the_sample_survives_a_stream_that_breaks_off(scripted: Server, tmp_path: Path, script: str) -> None:
    """Everything but the address and the question is the sample's own text."""
    sample = (SAMPLES / "http_client.py.sample").read_text()
    changed = sample.replace("localhost:8002", f"localhost:{scripted.port}").replace(QUESTION, script)
    assert changed.count(script) == 1
    (tmp_path / "sample.py").write_text(changed)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "sample.py")], env=clean_environment(), capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode() == ("one" if "one" in script else "")


@pytest.mark.parametrize("name", CHECKSUMS)
def test_the_samples_are_untouched(name: str) -> None:
    """The sums are of the blocks on the contract's page."""
    assert hashlib.sha256((SAMPLES / name).read_bytes()).hexdigest() == CHECKSUMS[name]
