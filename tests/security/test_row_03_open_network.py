"""Row 3: a server without keys that the whole network reaches. `tests/app/test_exposure.py` has every address.

Invariants: the program refuses to start before it listens; the override says so at each start.
"""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from tests.cli.commands import mecum
from tests.clients.server import serving
from tests.clients.wire import request


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("given", ["option", "file"])
def test_it_does_not_start(tmp_path: Path, given: str) -> None:
    home, port = tmp_path / "home", free_port()
    arguments: list[object] = ["serve", "--demo", "--port", port, "--home", home]
    environ = {"MECUM_LIBRARY_EMBEDDER": "none"}
    if given == "option":
        arguments += ["--host", "0.0.0.0"]
    else:
        home.mkdir(mode=0o700)
        (home / "mecum.toml").write_text('[server]\nhost = "::"\n')
    done = mecum(*arguments, **environ)
    assert done.returncode == 3, done.stderr
    assert "mecum keys create NAME" in done.stderr
    assert not (home / "run.json").exists()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_the_override_is_said(tmp_path: Path) -> None:
    environ = {"MECUM_LIBRARY_EMBEDDER": "none"}
    with serving(tmp_path / "home", "--demo", "--host", "0.0.0.0", "--allow-open-network", env=environ) as server:
        assert request(server.url, "GET", "/v1/models").status == 200
        assert request(server.url, "GET", "/v1/models", None, {"Host": "evil.test"}).status == 403
    said = "not only this machine reaches the server (server.allow_open_network)"
    assert server.log.read_text().count(said) == 1
