"""Servers for the API's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.api.server import Running, serving


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
