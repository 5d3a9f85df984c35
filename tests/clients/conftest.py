"""Servers for the client tests, one of each kind for the whole session, and the clients that must be installed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients.install import Installed, install_node, install_python
from tests.clients.server import Server, is_idle, serving
from tests.clients.wire import post

ADA = "Ada Lovelace wrote the first published program in 1843, for a machine that was never built."


def pytest_collection_finish(session: pytest.Session) -> None:
    """Install what the chosen tests need before the first of them runs: an installation may take longer than a test may."""
    if not session.config.option.collectonly:
        needed = {name for item in session.items for name in getattr(item, "fixturenames", ())}
        for fixture, install in (("other_python", install_python), ("node", install_node)):
            if fixture in needed:
                install()


@pytest.fixture(scope="session")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the scripted engine and embedder, which fills silences at once and sends headers early."""
    waits = {"MECUM_SERVER_KEEPALIVE": "0.2", "MECUM_SERVER_HEADER_WAIT": "0.5", "MECUM_LIBRARY_EMBEDDER": "scripted"}
    with serving(tmp_path_factory.mktemp("scripted"), "--demo", env=waits) as server:
        yield server
        assert is_idle(server), "an answer is still held after all clients have gone"


@pytest.fixture(scope="session")
def documented(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the scripted engine and a document about Ada Lovelace."""
    with serving(tmp_path_factory.mktemp("documented"), "--demo", env={"MECUM_LIBRARY_EMBEDDER": "scripted"}) as server:
        document = {"path": "ada.md", "title": "Ada", "text": ADA}
        answer = post(server.url, "/api/documents?wait=searchable", {"documents": [document]})
        assert [one["state"] for one in answer.json()["data"]] in (["searchable"], ["ready"]), answer.body
        yield server
        assert is_idle(server), "an answer is still held after all clients have gone"


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with llama.cpp and the starter model, on one thread: on a busy machine two wait for each other."""
    with serving(tmp_path_factory.mktemp("real"), env={"MECUM_ENGINE_THREADS": "1"}) as server:
        yield server
        assert is_idle(server), "an answer is still held after all clients have gone"


@pytest.fixture(scope="session")
def other_python() -> Path:
    """The interpreter with the clients that need another openai-python than ours."""
    return _program(install_python())


@pytest.fixture(scope="session")
def node() -> Path:
    """The Node program; the npm packages are beside its drivers."""
    return _program(install_node())


def _program(installed: Installed) -> Path:
    """Return the program. Without its registry a developer may go on, CI may not."""
    if installed.program is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(installed.problem)
    return installed.program
