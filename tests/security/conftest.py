"""Servers for the attacks: one that asks for keys, in a process of its own, and one that is open, in a thread."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.api.people import ANN, People, people
from tests.api.server import Running, serving
from tests.security.routes import Routes


@pytest.fixture(scope="session")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    """The whole program with keys; it stays as it is, so a test may add, but not shut anybody out."""
    with people(tmp_path_factory.mktemp("security") / "home", keepalive=0.2, library={"max_upload_mb": 2}) as known:
        yield known


@pytest.fixture(scope="session")
def routes(known: People) -> Routes:
    """Every route that there is."""
    return Routes(known.ask(ANN, "GET", "/openapi.json").json())


@pytest.fixture(scope="session")
def shared() -> Iterator[Running]:
    """A server without keys whose engine remembers what it was asked. Its documents are never read."""
    with serving(body_timeout=1, max_body_mb=1) as running:
        yield running


@pytest.fixture
def server(shared: Running) -> Running:
    """That server, with an engine that was asked nothing yet."""
    shared.engine.prompts.clear()
    return shared
