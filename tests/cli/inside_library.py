"""The API of a library in this very process, on a socket of its own, as commands use it where no server runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from mecum.cli import served, upload
from mecum.cli.gather import Failed
from mecum.cli.remote import Api
from mecum.cli.upload import DOCUMENTS, Sendable
from mecum.settings.load import load
from mecum.types import Json

ENVIRON = {"MECUM_LIBRARY_EMBEDDER": "scripted", "MECUM_ENGINE_SCRIPTED": "1"}


@asynccontextmanager
async def library(home: Path, **flags: object) -> AsyncIterator[Api]:
    """Open the library of a data directory, which exists, for the block."""
    named = {name.replace("_", ".", 1): value for name, value in flags.items()}
    async with served.here(load({"home": home, **named}, ENVIRON).settings) as api:
        yield api


async def put(api: Api, path: str, text: str, **fields: str) -> Json:
    """Add a text, and return its document once it is ready."""
    document = await upload.send_one(api, Sendable(path, text.encode(), fields), fields.pop("collection", "default"))
    assert not isinstance(document, Failed), document
    return await settled(api, document["id"])


async def settled(api: Api, document_id: str) -> Json:
    """Return a document once it is as far as it can get."""
    async with asyncio.timeout(20):
        while True:
            document: Json = await api.get(f"{DOCUMENTS}/{document_id}")
            if document["state"] in ("ready", "no_text", "failed"):
                return document
            await asyncio.sleep(0.02)
