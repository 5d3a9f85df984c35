"""Roles to test, in a store of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mecum.roles.stored import StoredRoles
from mecum.store.sqlite import Sqlite


@pytest.fixture
async def roles(tmp_path: Path) -> AsyncIterator[StoredRoles]:
    store = Sqlite(tmp_path)
    await store.start()
    yield StoredRoles(store.roles)
    assert await store.check() == ()
    await store.aclose()
