"""Runs the embedded engine for a test, and sees that nothing of it is left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from mecum.engine.embedded import Embedded
from mecum.engine.supervisor import Policy
from mecum.settings.schema import EngineSettings, Settings


@asynccontextmanager
async def running(
    home: Path, settings: EngineSettings, *, policy: Policy | None = None, wait: bool = True
) -> AsyncIterator[Embedded]:
    engine = Embedded(Settings(home=home, engine=settings), policy=policy)
    await engine.start()
    try:
        if wait:
            await asyncio.wait_for(engine.ready(), 60)
        yield engine
    finally:
        await engine.aclose()
        assert engine.status().pid is None
