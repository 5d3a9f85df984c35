"""Stores to test, each on a home of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mecum.store.sqlite import Sqlite


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Sqlite]:
    """An open store, empty; what its invariants say still holds when the test is over."""
    opened = Sqlite(tmp_path)
    await opened.start()
    yield opened
    assert await opened.check() == ()
    await opened.aclose()
