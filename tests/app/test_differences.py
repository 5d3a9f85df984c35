"""Settings that are others than at the last start are named in the audit log, and what they are is nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mecum.app import differences
from mecum.app.build import build
from mecum.settings.schema import EngineSettings, LibrarySettings, ServerSettings, Settings

CANARY = "canary-of-a-setting"


async def start(home: Path, **engine: Any) -> list[tuple[str, ...]]:
    """Start a server with these settings, and return what the log says of changes, the last first."""
    server = ServerSettings(public_url=f"http://{CANARY}.example")
    library = LibrarySettings(embedder="none")
    app = build(Settings(home=home, engine=EngineSettings(scripted=True, **engine), server=server, library=library))
    try:
        await app.start()
        await differences.note(app)
        return [deed.targets for deed in await app.audit.list() if deed.what == "settings.changed"]
    finally:
        await app.aclose()


async def test_what_changed_is_named(tmp_path: Path) -> None:
    assert await start(tmp_path) == []
    assert await start(tmp_path) == []
    assert await start(tmp_path, api_key=f"{CANARY}-1", queue=5) == [("engine.api_key", "engine.queue")]
    assert await start(tmp_path, api_key=f"{CANARY}-2", queue=5) == [("engine.api_key",), ("engine.api_key", "engine.queue")]
    assert CANARY.encode() not in written(tmp_path)


def written(home: Path) -> bytes:
    return b"".join(file.read_bytes() for file in home.glob("mecum.db*"))
