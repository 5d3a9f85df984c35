"""Servers for the client tests: one of each kind for the whole session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients.install import Installed, install_node, install_python
from tests.clients.server import Server, is_idle, serving


@pytest.fixture(scope="session")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the scripted engine, which fills silences at once and sends headers early."""
    waits = {"MECUM_SERVER_KEEPALIVE": "0.2", "MECUM_SERVER_HEADER_WAIT": "0.5"}
    with serving(tmp_path_factory.mktemp("scripted"), "--demo", env=waits) as server:
        yield server
        assert is_idle(server), "an answer is still held after all clients have gone"


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with llama.cpp and the starter model."""
    with serving(tmp_path_factory.mktemp("real")) as server:
        yield server
        assert is_idle(server), "an answer is still held after all clients have gone"


@pytest.fixture(scope="session")
def other_python() -> Path:
    """The interpreter with the clients that need another openai-python than ours."""
    return _available(install_python())


@pytest.fixture(scope="session")
def node() -> Path:
    """The Node program; the npm packages are beside its drivers."""
    return _available(install_node())


def _available(installed: Installed) -> Path:
    if installed.program is None:
        pytest.skip(installed.problem)
    return installed.program
