"""Where a command on documents finds the API: at the server that runs on the data directory, else in this very process.

Then the command holds the directory, opens the library without an engine, and serves the same API to itself. So there is
one way to the documents, whoever runs (`rulings.md` 12; `tests/cli/test_add.py`).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from mecum.app import local
from mecum.app.build import build
from mecum.app.home import Home, Running, find
from mecum.cli.ask import level
from mecum.cli.remote import Api, to_address, to_server
from mecum.observe.log import configure, on_loop_error
from mecum.settings.load import load
from mecum.settings.schema import Settings

T = TypeVar("T")
Work = Callable[[Api], Coroutine[Any, Any, T]]


def prepared(flags: Mapping[str, Any], config: Path | None) -> Settings:
    """Return the settings, with logging set up as a command has it: silent, unless somebody asked for more.

    Raises:
        SettingsError: one is wrong.
    """
    loaded = load(flags, os.environ, config=config)
    configure(level(loaded), loaded.settings.log.format)
    return loaded.settings


def run(settings: Settings, work: Work[T]) -> T:
    """Do some work with the API, and return what it gives.

    Raises:
        HomeInUse: another command works on the data directory, and goes on doing so.
        StartError: the library cannot be opened.
        MecumError: as the work has it.
    """
    where = find(settings.home)
    try:
        return asyncio.run(_with(where, settings, work))
    finally:
        if isinstance(where, Home):
            where.release()


async def _with(where: Running | Home, settings: Settings, work: Work[T]) -> T:
    async with to_server(where) if isinstance(where, Running) else here(settings) as api:
        return await work(api)


@asynccontextmanager
async def here(settings: Settings) -> AsyncIterator[Api]:
    """Open the library in this process for the block, and yield its API. The caller holds the data directory."""
    asyncio.get_running_loop().set_exception_handler(on_loop_error)
    app = build(settings)
    try:
        await app.start(engine=False)
        async with local.served(app) as address, to_address(address) as api:
            yield api
    finally:
        await app.aclose()
