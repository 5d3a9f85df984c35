"""Servers for the API's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.api.server import Running, serving, wait_until
from tests.api.uploads import call
from tests.api.whole import Whole, whole


@pytest.fixture(scope="session")
def shared() -> Iterator[Running]:
    """A server with the defaults, for all tests that only ask."""
    with serving() as running:
        yield running


@pytest.fixture
def server(shared: Running) -> Iterator[Running]:
    """The shared server, with an engine that was asked nothing yet."""
    shared.engine.prompts.clear()
    return shared


@pytest.fixture(scope="session")
def hasty() -> Iterator[Running]:
    """A server that waits for nothing long: comments every 50 ms, headers after 200, bodies have half a second."""
    with serving(keepalive=0.05, header_wait=0.2, body_timeout=0.5, max_body_mb=0.25) as running:
        yield running


@pytest.fixture(scope="session")
def shared_library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """The whole program, where documents are read; files of at most 1 MiB, bodies that may stop for 2 s."""
    home = tmp_path_factory.mktemp("library") / "home"
    with whole(home, library={"max_upload_mb": 1}, body_timeout=2, keepalive=0.3, max_body_mb=0.5) as program:
        yield program


@pytest.fixture
def library(shared_library: Whole) -> Iterator[Whole]:
    """The shared library, empty; after the test nothing is on its way any more, and the store is sound."""
    call(shared_library, "POST", "/api/forget", {"all": True})
    yield shared_library
    wait_until(lambda: shared_library.leftovers() == [], 10)
    assert call(shared_library, "GET", "/api/verify").json()["data"] == {"faults": []}
